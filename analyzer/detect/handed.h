/* SPDX-License-Identifier: Apache-2.0
 * Work that a thread has handed to a loop (asyncio.run_coroutine_threadsafe), and waits for. */
#ifndef TC_HANDED_H
#define TC_HANDED_H

#include "analyzer/base/out.h"
#include "analyzer/dump/model.h"

/* The future of concurrent.futures for whose result a thread waits. */
struct tc_awaited_result {
	uint64_t future; /* 0: it does not */
	uint32_t link;	 /* the program's line */
	bool timed;	 /* the call has a timeout, or that is not known */
};

/* thread may be NULL. */
struct tc_awaited_result tc_awaited_result_of(const struct tc_model *model,
					      const struct tc_pythread *thread);

/* What only one loop can do for a future: finish a task of its own, or make one, or tell that it
 * has ended. */
struct tc_handed {
	bool found;
	const struct tc_task *task; /* NULL: it has not begun, or has ended */
	bool ended;		    /* its result is there, in a callback that the loop must run */
};

/* The work of this loop for the future at this address; 0 is none. */
struct tc_handed tc_handed_to(const struct tc_model *model, uint32_t loop, uint64_t future);
/* 'T3 "handler" on L1', or what else it is. */
void tc_say_handed(struct tc_out *out, const struct tc_model *model, const struct tc_handed *work,
		   uint32_t loop);

#endif
