/* SPDX-License-Identifier: Apache-2.0
 * The turn that a loop of asyncio is in: when it began, and which of its callbacks runs. */
#ifndef TC_TURN_H
#define TC_TURN_H

#include "analyzer/dump/model.h"

struct tc_turn {
	uint64_t age_ns;   /* since the loop came out of its selector */
	uint64_t callback; /* the one that runs: 1 for the first of this turn */
	uint64_t ready;	   /* callbacks that this turn runs */
};

/* What the callbacks that it has begun took, each on average; 0: unknown. */
static inline uint64_t tc_turn_step_ns(const struct tc_turn *turn)
{
	return turn->callback ? turn->age_ns / turn->callback : 0;
}

/* Find the innermost turn on the stack of this thread, which is in a callback of it. now_ns:
 * CLOCK_MONOTONIC when its memory was read. False: its frames do not tell, as those of uvloop and
 * of a loop with a clock of its own. */
bool tc_turn_of(const struct tc_model *model, const struct tc_pythread *thread, uint64_t now_ns,
		struct tc_turn *ret);

#endif
