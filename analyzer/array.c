/* SPDX-License-Identifier: Apache-2.0
 * Growing arrays; the end of the process when there is no memory. */
#include "array.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

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

void *tc_array_new(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size));
}
