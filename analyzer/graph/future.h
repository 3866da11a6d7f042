/* SPDX-License-Identifier: Apache-2.0
 * What a future stands for: its callbacks tell whether asyncio.shield, an executor, a coroutine in
 * another thread's loop or a gather will complete it. */
#ifndef TC_FUTURE_H
#define TC_FUTURE_H

#include "analyzer/dump/model.h"
#include "analyzer/facts/workers.h"

enum tc_future_kind {
	TC_FUTURE_PLAIN,      /* nothing is known of who completes it */
	TC_FUTURE_TASK,	      /* a task, perhaps of another loop */
	TC_FUTURE_GATHER,     /* members: those that it gathers */
	TC_FUTURE_JOB,	      /* of an executor */
	TC_FUTURE_CONCURRENT, /* one of concurrent.futures that no executor is known for */
};

struct tc_future {
	enum tc_future_kind kind;
	bool shielded;			 /* what follows is what asyncio.shield keeps */
	const struct tc_task *task;	 /* TASK */
	const struct tc_object *object;	 /* the future behind all shields, or NULL */
	const struct tc_object *members; /* GATHER, or NULL */
	struct tc_job job;		 /* JOB */
	bool done;			 /* known to be complete */
	bool known;			 /* done says something */
};

/* The task that run_coroutine_threadsafe made for the future of concurrent.futures at addr, which
 * may have no record; 0: none, or it has not been made yet. */
uint64_t tc_future_source(const struct tc_model *model, uint64_t addr);
/* The future or task at addr, through shields. */
void tc_future_follow(const struct tc_model *model, const struct tc_workers *workers, uint64_t addr,
		      struct tc_future *ret);

#endif
