/* SPDX-License-Identifier: Apache-2.0
 * Growing arrays; the end of the process when there is no memory. */
#include "analyzer/base/array.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static void *checked(void *memory)
{
	if (memory)
		return memory;
	fputs("taskcore-analyze: out of memory\n", stderr);
	exit(70);
}

void *tc_array_grow(void *array, size_t n, size_t *capacity, size_t size)
{
	size_t more = n < 8 ? 16 : n / 2;

	if (n < *capacity)
		return array;
	if (n > SIZE_MAX / size - more)
		checked(NULL);
	*capacity = n + more;
	return checked(realloc(array, *capacity * size));
}

#define HUGE_PAGE ((size_t)2 << 20)

void *tc_array_reserve(size_t n, size_t size)
{
	size_t bytes = n * size;

	if (n > SIZE_MAX / 2 / size)
		return NULL;
	if (bytes < HUGE_PAGE)
		return malloc(bytes);
	bytes = (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	void *array = aligned_alloc(HUGE_PAGE, bytes);
	if (array)
		madvise(array, bytes, MADV_HUGEPAGE);
	return array;
}

void *tc_array_new(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size));
}
