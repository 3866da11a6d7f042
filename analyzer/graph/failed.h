/* SPDX-License-Identifier: Apache-2.0
 * Groups of finished tasks that failed in the same way at the same place. */
#ifndef TC_FAILED_H
#define TC_FAILED_H

#include "analyzer/dump/model.h"

struct tc_failed {
	uint32_t exception; /* type */
	uint32_t traceback; /* chain; 0: unknown */
	uint32_t coroutine; /* string; 0: unknown */
	uint32_t example;   /* index of its first task */
	uint64_t count;
	uint64_t n_unseen; /* of these: nobody has asked for the exception yet */
};

struct tc_failures {
	struct tc_failed *groups; /* those that nobody saw first, then most tasks first */
	size_t n, room;
	uint64_t n_tasks, n_unseen;
};

void tc_failures_init(struct tc_failures *failures, const struct tc_model *model);
void tc_failures_deinit(struct tc_failures *failures);

#endif
