/* SPDX-License-Identifier: Apache-2.0
 * What each task waits for: from the innermost links of its chain and the objects recorded about
 * its leaf. */
#ifndef TC_WAITS_H
#define TC_WAITS_H

#include "analyzer/dump/model.h"
#include "analyzer/knowledge/know.h"
#include "analyzer/graph/closures.h"
#include "analyzer/graph/future.h"
#include "analyzer/facts/workers.h"

/* What a task waits for, in full. */
struct tc_wait {
	enum tc_wait_kind kind;
	const struct tc_known *known;	  /* the row that told, or NULL */
	uint64_t addr;			  /* of the object, 0: none */
	uint32_t type;			  /* of the object, 0: unknown */
	const struct tc_object *object;	  /* its record, or NULL */
	const struct tc_task *task;	  /* the one task waited for, or NULL */
	const struct tc_object *members;  /* a collection of the tasks waited for, or NULL */
	double delay_s;			  /* of a sleep; negative: unknown */
	struct tc_job job;		  /* of an executor */
	bool shielded;			  /* within asyncio.shield */
	bool concurrent; /* one of concurrent.futures that no executor is known for */
	/* of a sleep: when it ends, by the loop's clock (CLOCK_MONOTONIC); 0: unknown */
	double due_s;
};

struct tc_verdict;

struct tc_waits {
	const struct tc_model *model;
	struct tc_verdict *verdicts; /* of each chain: what the functions alone say */
	const struct tc_knowledge *knowledge;
	uint8_t *kinds; /* of each task: enum tc_wait_kind */
	bool *ready;	/* of each task */
	uint32_t *codes; /* of each code: its row + 1, or TC_KNOWN_…; 0: not judged yet */
	struct tc_workers workers;
	struct tc_closures closures;
	struct tc_alarm *alarms; /* ascending future */
	size_t n_alarms;
};

/* A timer that completes a future: that of a sleep. */
struct tc_alarm {
	uint64_t future;
	uint64_t due_ns;
};

/* Find out in which way every task of model waits. knowledge and model must outlive the waits. */
void tc_waits_init(struct tc_waits *waits, const struct tc_model *model,
		   const struct tc_knowledge *knowledge);
void tc_waits_deinit(struct tc_waits *waits);

/* In which way a task waits. */
static inline enum tc_wait_kind tc_wait_kind_of(const struct tc_waits *waits,
						const struct tc_task *task)
{
	return (enum tc_wait_kind)waits->kinds[task - waits->model->tasks];
}
/* Whether a task is woken, or was never suspended, and has not run yet. */
static inline bool tc_wait_is_ready(const struct tc_waits *waits, const struct tc_task *task)
{
	return waits->ready[task - waits->model->tasks];
}
/* The link of the task's chain whose function told; 0: none did. */
uint32_t tc_wait_evidence(const struct tc_waits *waits, const struct tc_task *task);

/* All about one task's wait. */
void tc_wait_find(const struct tc_waits *waits, const struct tc_task *task, struct tc_wait *ret);

/* What is not finished among the members of a wait. */
#define TC_PENDING_NAMED 5
struct tc_pending {
	uint64_t all, pending, unknown; /* the rest is finished */
	/* the first few that are pending: a task, or a future */
	struct {
		const struct tc_task *task;
		const struct tc_object *future;
	} named[TC_PENDING_NAMED];
	unsigned n_named;
};
void tc_wait_pending(const struct tc_waits *waits, const struct tc_wait *wait,
		     struct tc_pending *ret);

/* Call found for each task among the members of a wait, at most max. Returns the number of members
 * in the target, as far as known, tasks or not. */
uint64_t tc_wait_members(const struct tc_waits *waits, const struct tc_wait *wait, size_t max,
			 void (*found)(void *context, const struct tc_task *task), void *context);

#endif
