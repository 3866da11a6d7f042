/* SPDX-License-Identifier: Apache-2.0
 * Which objects of a target were visited already: one bit for each 16 bytes of its heap, kept only
 * for those parts of the heap in which an object was visited. 1,000,000 tasks in 2 GB take 16 MiB.
 * Everything here may run in a signal handler. */
#ifndef TC_SEEN_H
#define TC_SEEN_H

#include "lib/base/intern.h"

struct tc_seen {
	struct tc_hash regions; /* address >> 16 → block of bits */
	uint64_t last_region;
	uint64_t *last_bits;
};

static inline void tc_seen_init(struct tc_seen *seen, struct tc_arena *arena)
{
	*seen = (struct tc_seen){ .last_bits = NULL };
	tc_hash_init(&seen->regions, arena);
}

/* Mark the object at addr (objects begin at multiples of 16). 1: it is new; 0: it was marked
 * before; -1: the arena is full. */
int tc_seen_mark(struct tc_seen *seen, uint64_t addr);

#endif
