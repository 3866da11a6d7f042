/* SPDX-License-Identifier: Apache-2.0
 * The interpreter's threads and their frames. Safe in a handler. */
#ifndef TC_WALK_THREAD_H
#define TC_WALK_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/intern.h"
#include "lib/mem/mem.h"
#include "lib/python/pyframe.h"

/* A thread of the interpreter and its frames, innermost first. */
struct tc_walk_thread {
	tc_addr tstate, running_task, running_loop;
	uint64_t ident;
	uint32_t tid; /* in the target's own namespace, 0: unknown */
	struct tc_frame_view *frames;
	uint32_t n_frames;
	bool cut, torn;
	bool skipped; /* its frames: there was no time */
};

/* of one interpreter; a bound is needed because in torn memory their list may be a ring */
#define TC_THREADS_MAX (1u << 20)
#define TC_CURRENT_MAX 16384u

/* The threads of the interpreter that is being walked. */
struct tc_walk_threads {
	struct tc_walk_thread *at;
	uint32_t n, max; /* max: that there is room for */
	uint32_t cut;	 /* that there was no room for */
	/* from the id in the target's own pid namespace to the index in mem->threads, plus 1 */
	struct tc_hash os;
	/* TC_CURRENT_MAX: the tasks that asyncio says are running */
	tc_addr *current;
	uint32_t n_current;
};

struct tc_walker;

/* Read the interpreter's threads into w->threads; then write them as records. */
void tc_walker_threads(struct tc_walker *w);
void tc_walker_thread_records(struct tc_walker *w);
/* Has the frame ended, so that it runs never again? The threads must have been read. */
bool tc_walker_frame_ended(struct tc_walker *w, const struct tc_frame_view *frame);
/* The id, in the target's own pid namespace, of the thread that holds the interpreter's GIL; 0:
 * none, or unknown. */
uint32_t tc_walker_gil_holder(struct tc_walker *w);

#endif
