/* SPDX-License-Identifier: Apache-2.0
 * Which thread works for which future: concurrent.futures keeps no link from a future to its
 * thread, but the thread's own frame has the work item in its hands. */
#ifndef TC_WORKERS_H
#define TC_WORKERS_H

#include "model.h"

struct tc_worker {
	uint64_t future; /* of concurrent.futures */
	const struct tc_pythread *thread;
};

struct tc_workers {
	struct tc_worker *items; /* ascending future */
	size_t n_items, items_room;
};

/* Find the threads of executors that run a work item at this moment. */
void tc_workers_init(struct tc_workers *workers, const struct tc_model *model);
void tc_workers_deinit(struct tc_workers *workers);

/* The thread that works for the future at addr; NULL: none does. */
const struct tc_pythread *tc_worker_of(const struct tc_workers *workers, uint64_t addr);

#endif
