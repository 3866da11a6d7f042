/* SPDX-License-Identifier: Apache-2.0
 * Which thread works for which future: concurrent.futures keeps no link from a future to its
 * thread, but the thread's own frame has the work item in its hands. */
#ifndef TC_WORKERS_H
#define TC_WORKERS_H

#include "analyzer/dump/model.h"

struct tc_worker {
	/* of concurrent.futures, or of asyncio where a library has its own threads */
	uint64_t future;
	const struct tc_pythread *thread;
};

struct tc_workers {
	struct tc_worker *items; /* ascending future */
	size_t n_items, items_room;
	bool threads, processes; /* there are threads of a pool of threads, of one of processes */
};

/* Who does a job that was handed to an executor. */
enum tc_pool {
	TC_POOL_UNKNOWN, /* an executor; of which kind is not known */
	TC_POOL_THREAD,
	TC_POOL_PROCESS,
	TC_N_POOLS,
};

struct tc_job {
	enum tc_pool pool;
	const struct tc_pythread *worker; /* the thread that works for it, or NULL */
	bool queued;			  /* nobody has taken it */
};

/* Find the threads of executors that run a work item at this moment. */
void tc_workers_init(struct tc_workers *workers, const struct tc_model *model);
void tc_workers_deinit(struct tc_workers *workers);

/* The thread that works for the future at addr; NULL: none does. */
const struct tc_pythread *tc_worker_of(const struct tc_workers *workers, uint64_t addr);

/* What became of the job whose future of concurrent.futures is at addr. False: no executor of this
 * process has it. */
bool tc_job_find(const struct tc_model *model, const struct tc_workers *workers, uint64_t addr,
		 struct tc_job *ret);

#endif
