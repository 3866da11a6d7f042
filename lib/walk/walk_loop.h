/* SPDX-License-Identifier: Apache-2.0
 * Event loops, and what is in their queues. Safe in a handler. */
#ifndef TC_WALK_LOOP_H
#define TC_WALK_LOOP_H

#include <stdint.h>

#include "lib/base/intern.h"
#include "lib/mem/mem.h"

#define TC_LOOPS_MAX 4096u

struct tc_walk_loop {
	tc_addr addr;
	uint32_t id;
};

struct tc_walk_loops {
	struct tc_hash ids;
	struct tc_walk_loop *at; /* TC_LOOPS_MAX: those that get a record */
	uint32_t n;
	tc_addr last; /* a cache of one: tasks of one loop follow each other */
	uint32_t last_id;
};

struct tc_walker;

/* The identifier of the event loop at loop; 0: it is none. */
uint32_t tc_walker_loop(struct tc_walker *w, tc_addr loop);
/* Write the records of all loops from number first on. */
void tc_walker_loop_records(struct tc_walker *w, uint32_t first);

#endif
