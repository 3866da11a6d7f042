/* SPDX-License-Identifier: Apache-2.0
 * Whether anything but a task itself refers to the future that it waits for. If nothing does,
 * nobody can complete it. Safe in a handler. */
#ifndef TC_WALK_SOLE_H
#define TC_WALK_SOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/python/pyframe.h"

struct tc_walk_code;
struct tc_walker;

/* The innermost suspended frames of the present chain, whose values may refer to the future. */
#define TC_SOLE_FRAMES 32u
struct tc_walk_sole {
	struct {
		tc_addr begin, end; /* of its locals and its stack */
		tc_addr code;
		int64_t lasti;
	} frames[TC_SOLE_FRAMES];
	uint32_t n;   /* of all; the last TC_SOLE_FRAMES are kept */
	tc_addr code; /* of the innermost one */
};

void tc_walker_sole_begin(struct tc_walker *w); /* another chain begins */
/* A suspended frame of the chain. */
void tc_walker_sole_frame(struct tc_walker *w, const struct tc_gen *gen);
/* Does nothing refer to the future but the task that waits for it, the iterator that its innermost
 * frame awaits, and the frames of its chain? False also where that is not known, and where the
 * function that waits names `Future`: one that awaits asyncio.Future() means to wait for ever. */
bool tc_walker_is_sole(struct tc_walker *w, tc_addr future);

#endif
