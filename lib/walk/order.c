/* SPDX-License-Identifier: Apache-2.0
 * A radix sort, least digit first, over those digits of the page number that differ. */
#include "lib/walk/order.h"

#include "lib/base/safe.h"

enum { PAGE_BITS = 12, DIGIT_BITS = 8, ADDRESS_BITS = 48, N_DIGITS = 1 << DIGIT_BITS };

static unsigned digit(tc_addr addr, unsigned shift)
{
	return addr >> shift & (N_DIGITS - 1);
}

static void distribute(const tc_addr *from, tc_addr *to, size_t n, unsigned shift)
{
	size_t at[N_DIGITS] = { 0 }, sum = 0;

	for (size_t i = 0; i < n; i++)
		at[digit(from[i], shift)]++;
	for (unsigned d = 0; d < N_DIGITS; d++) {
		size_t count = at[d];
		at[d] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		to[at[digit(from[i], shift)]++] = from[i];
}

tc_addr *tc_order_by_page(tc_addr *addrs, size_t n, struct tc_arena *arena)
{
	tc_addr *other = n > 1 ? tc_arena_take(arena, n * sizeof(*other)) : NULL, *swap, differ = 0;

	for (size_t i = 1; i < n; i++)
		differ |= addrs[i] ^ addrs[0];
	for (unsigned shift = PAGE_BITS; other && shift < ADDRESS_BITS; shift += DIGIT_BITS) {
		if (!digit(differ, shift))
			continue;
		distribute(addrs, other, n, shift);
		swap = addrs;
		addrs = other;
		other = swap;
	}
	return addrs;
}
