/* SPDX-License-Identifier: Apache-2.0
 * Greenlets on the way of a task's chain. Safe in a handler. */
#ifndef TC_WALK_GREENLET_H
#define TC_WALK_GREENLET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/python/pyframe.h"

struct tc_walk_code;
struct tc_walk_type;
struct tc_walker;

/* The frames of a suspended greenlet, innermost first. */
#define TC_STACK_MAX 4096u /* of more the innermost ones */
struct tc_walk_stack {
	struct tc_frame_view *frames;
	uint32_t n;
	bool cut, torn; /* there were more; they could not be read */
};

struct tc_walk_greenlets {
	const struct tc_walk_type *type; /* greenlet.greenlet; NULL: not imported */
	struct tc_frame_view *stack;	 /* scratch; NULL: not needed yet */
};

/* The frames of the suspended greenlet that handed over what gen awaits, and that is a local of it;
 * none where there is no such greenlet. ret->frames is valid until the next call. Only to be called
 * when w->greenlets.type is set. */
void tc_walker_greenlet(struct tc_walker *w, const struct tc_gen *gen,
			const struct tc_walk_code *code, struct tc_walk_stack *ret);

/* The coroutine that the frame awaits, where both execute: an executing frame does not say how much
 * is on its stack, so the words behind its locals are looked through for one that was entered from
 * it. 0: none; else *ret is what it is. */
tc_addr tc_walker_entered(struct tc_walker *w, const struct tc_frame_view *frame,
			  const struct tc_walk_code *code, struct tc_gen *ret);
/* Is a local of the frame a greenlet that runs? Only to be called when w->greenlets.type is set. */
bool tc_walker_runs_greenlet(struct tc_walker *w, const struct tc_frame_view *frame,
			     const struct tc_walk_code *code);

#endif
