/* SPDX-License-Identifier: Apache-2.0
 * Growing arrays. The analyzer runs in a disposable process, so that running out of memory ends it
 * with one line. */
#ifndef TC_ARRAY_H
#define TC_ARRAY_H

#include <stddef.h>

/* Make room for one more element of size bytes behind the n at array, which has room for *capacity.
 * Returns the array, perhaps moved; its new part is not zeroed. Never NULL: ends the process (exit
 * 70) instead. */
void *tc_array_grow(void *array, size_t n, size_t *capacity, size_t size);

/* Room for n elements of size bytes, not zeroed, for tc_array_grow to go on from. Large ones are of
 * huge pages where the kernel has them: a page fault for each 4 KiB took a quarter of the time of
 * reading a file. What is not used takes no memory. NULL: there is no room. The caller frees it. */
void *tc_array_reserve(size_t n, size_t size);

/* n zeroed elements of size bytes. Never NULL. The caller frees it. */
void *tc_array_new(size_t n, size_t size);

/* A pointer to one more element at the end of array, whose count is n and whose room is
 * capacity. */
#define tc_push(array, n, capacity)                                                                \
	((n) < (capacity) ? &(array)[(n)++] :                                                      \
			    ((array) = tc_array_grow((array), (n), &(capacity), sizeof(*(array))), \
			     &(array)[(n)++]))

#endif
