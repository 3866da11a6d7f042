/* SPDX-License-Identifier: Apache-2.0
 * What asyncio.as_completed keeps of the tasks that it waits for. Safe in a handler. */
#ifndef TC_WALK_COMPLETION_H
#define TC_WALK_COMPLETION_H

#include <stdbool.h>

#include "lib/mem/mem.h"

struct tc_walker;

struct tc_walk_completions {
	bool met;     /* the coroutine of asyncio.as_completed was met */
	tc_addr last; /* the callback of it that was met last */
};

/* If asyncio.as_completed waits for the task, note what it keeps of it, and write it. Only needed
 * when w->completions.met is set. */
void tc_walker_completion(struct tc_walker *w, tc_addr task);

#endif
