/* SPDX-License-Identifier: Apache-2.0
 * The walk in place. Safe in a handler. */
#ifndef TC_HOOK_IN_PLACE_H
#define TC_HOOK_IN_PLACE_H

#include <stdbool.h>
#include <stdint.h>

struct tc_core;
struct tc_hook_dump;

struct tc_hook_bounds {
	uint64_t max_tasks; /* more end the walk; 0: any number */
	uint64_t n_tasks;   /* expected */
	uint64_t time_ns;   /* that it may take, of our own */
	uint64_t mappable;  /* bytes that may be mapped */
	bool must;	    /* there is no other way to this dump */
};

/* Walk here and keep the chunks in memory; dump->in_place.walked has the result. */
void tc_hook_walk_in_place(struct tc_hook_dump *dump, const struct tc_hook_bounds *how);
/* Write the chunks that were kept. 0 or -TC_EWRITE. */
int tc_hook_replay(struct tc_hook_dump *dump, struct tc_core *core);

#endif
