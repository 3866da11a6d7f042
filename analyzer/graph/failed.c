/* SPDX-License-Identifier: Apache-2.0
 * Grouping failed tasks: put in the order of what they have in common, then counted. */
#include "analyzer/graph/failed.h"

#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/graph/same.h"

#define COMPARE(field)                        \
	if (a->field != b->field)             \
	return a->field < b->field ? -1 : 1

static int by_kind(const void *left, const void *right)
{
	const struct tc_failed *a = left, *b = right;

	COMPARE(exception);
	COMPARE(traceback);
	COMPARE(coroutine);
	COMPARE(example);
	return 0;
}

static int unseen_first(const void *left, const void *right)
{
	const struct tc_failed *a = left, *b = right;

	if (!a->n_unseen != !b->n_unseen)
		return a->n_unseen ? -1 : 1;
	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	COMPARE(example);
	return 0;
}

static bool alike(const struct tc_failed *a, const struct tc_failed *b)
{
	return a->exception == b->exception && a->traceback == b->traceback &&
	       a->coroutine == b->coroutine;
}

/* Each task a group of its own. */
static void add_tasks(struct tc_failures *failures, const struct tc_model *model)
{
	uint32_t *same = tc_same_chains(model);

	for (size_t i = 0; i < model->n_failures; i++) {
		const struct tc_failure *failure = &model->failures[i];
		const struct tc_task *task = &model->tasks[failure->task];
		bool unseen = (task->flags & TC_TASK_LOG_TB) != 0;
		*tc_push(failures->groups, failures->n, failures->room) = (struct tc_failed){
			.exception = task->exception,
			.traceback = same[failure->traceback],
			.coroutine = failure->coroutine,
			.example = failure->task,
			.count = 1,
			.n_unseen = unseen,
		};
		failures->n_unseen += unseen;
	}
	failures->n_tasks = failures->n;
	free(same);
}

void tc_failures_init(struct tc_failures *failures, const struct tc_model *model)
{
	size_t n = 0;

	*failures = (struct tc_failures){ 0 };
	if (model->n_failures == 0)
		return;
	add_tasks(failures, model);
	qsort(failures->groups, failures->n, sizeof(*failures->groups), by_kind);
	for (size_t i = 1; i < failures->n; i++) {
		if (alike(&failures->groups[n], &failures->groups[i])) {
			failures->groups[n].count++;
			failures->groups[n].n_unseen += failures->groups[i].n_unseen;
		} else {
			failures->groups[++n] = failures->groups[i];
		}
	}
	failures->n = n + 1;
	qsort(failures->groups, failures->n, sizeof(*failures->groups), unseen_first);
}

void tc_failures_deinit(struct tc_failures *failures)
{
	free(failures->groups);
	*failures = (struct tc_failures){ 0 };
}
