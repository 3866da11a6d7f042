/* SPDX-License-Identifier: Apache-2.0
 * One block of 4096 bits for each region of 64 KiB, found by a hash table. Objects that are close
 * together in memory share a block, and so a cache line. */
#include "lib/base/seen.h"

#include "lib/base/safe.h"

enum { REGION_BITS = 16, GRAIN_BITS = 4, BLOCK_BYTES = 1 << (REGION_BITS - GRAIN_BITS - 3) };

int tc_seen_mark(struct tc_seen *seen, uint64_t addr)
{
	uint64_t region = addr >> REGION_BITS, bit = addr >> GRAIN_BITS & (8 * BLOCK_BYTES - 1);

	if (!seen->last_bits || seen->last_region != region) {
		uint64_t *slot = tc_hash_at(&seen->regions, region);
		if (slot && !*slot)
			*slot = (uint64_t)(uintptr_t)tc_arena_take(seen->regions.arena,
								   BLOCK_BYTES);
		if (!slot || !*slot)
			return -1;
		seen->last_region = region;
		seen->last_bits = (uint64_t *)(uintptr_t)*slot;
	}
	uint64_t *word = &seen->last_bits[bit / 64], mask = 1ul << (bit & 63);
	if (*word & mask)
		return 0;
	*word |= mask;
	return 1;
}
