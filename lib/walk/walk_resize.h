/* SPDX-License-Identifier: Apache-2.0
 * A set that moves to another table holds fewer items than it counts: find the table that they come
 * from. Safe in a handler. */
#ifndef TC_WALK_RESIZE_H
#define TC_WALK_RESIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/python/pyobj.h"

struct tc_walker;

struct tc_moved_set {
	tc_addr table;	      /* the one that the set has now */
	uint64_t used;	      /* items that it counts */
	const tc_addr *found; /* those that were found in that table, */
	size_t n;	      /* so many */
	bool weak;	      /* items are weak references to tasks; otherwise they are tasks */
};
/* True: *ret iterates over the table that holds all of them. */
bool tc_walker_old_table(struct tc_walker *w, const struct tc_moved_set *set, struct tc_seq *ret);

#endif
