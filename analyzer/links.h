/* SPDX-License-Identifier: Apache-2.0
 * What each task waits for: from the innermost links of its chain and the objects recorded about
 * its leaf. */
#ifndef TC_LINKS_H
#define TC_LINKS_H

#include "model.h"
#include "future.h"
#include "workers.h"

/* clang-format off */
#define TC_WAITS(W) \
	W(NONE, "") \
	W(SLEEP, "sleep") \
	W(FUTURE, "future") \
	W(TASK, "task") \
	W(GATHER, "gather") \
	W(WAIT, "wait") \
	W(WAIT_FOR, "wait_for") \
	W(SHIELD, "shield") \
	W(TASKGROUP, "taskgroup") \
	W(EXECUTOR, "executor") \
	W(LOCK, "lock") \
	W(SEMAPHORE, "semaphore") \
	W(CONDITION, "condition") \
	W(EVENT, "event") \
	W(BARRIER, "barrier") \
	W(QUEUE_GET, "queue_get") \
	W(QUEUE_PUT, "queue_put") \
	W(QUEUE_JOIN, "queue_join") \
	W(STREAM_READ, "stream_read") \
	W(STREAM_DRAIN, "stream_drain") \
	W(SOCK, "sock") \
	W(SUBPROCESS, "subprocess") \
	W(ASYNCGEN, "asyncgen") \
	W(AWAITABLE, "awaitable") \
	W(UNKNOWN, "unknown")

enum tc_wait {
#define W(name, word) TC_WAIT_##name,
	TC_WAITS(W)
#undef W
	TC_N_WAITS
};
/* clang-format on */

/* The word of contract.md; "" for TC_WAIT_NONE. */
const char *tc_wait_word(enum tc_wait wait);

/* One row of what is known about the functions of asyncio: a task whose chain ends in (or within
 * asyncio below) this function waits in this way. */
struct tc_known {
	const char *file;     /* end of the path */
	const char *function; /* qualified name; one that ends in '*' means all that begin so */
	enum tc_wait wait;
	/* the local that holds the object waited for; NULL: the awaited future is it */
	const char *local;
	unsigned flags;
};

enum tc_known_flag {
	/* only where it is the innermost link: what it calls decides otherwise */
	TC_KNOWN_INNERMOST = 1,
	TC_KNOWN_FINAL = 2,   /* not overruled by the functions that call it */
	TC_KNOWN_TASK = 4,    /* the local holds a future or task, or a collection of them */
	TC_KNOWN_THROUGH = 8, /* as if it were not there */
	TC_KNOWN_COMPLETED = 16, /* the next of as_completed */
};

extern const struct tc_known tc_known[]; /* ends with a file of NULL */
/* The same for coroutines without Python code (Cython's), by the end of their names. */
extern const struct tc_known tc_known_native[];

/* What a task waits for, in full. */
struct tc_link {
	enum tc_wait wait;
	const struct tc_known *known;	  /* the row that told, or NULL */
	uint64_t addr;			  /* of the object, 0: none */
	uint32_t type;			  /* of the object, 0: unknown */
	const struct tc_object *object;	  /* its record, or NULL */
	const struct tc_task *task;	  /* the one task waited for, or NULL */
	const struct tc_object *members;  /* a collection of the tasks waited for, or NULL */
	double delay_s;			  /* of a sleep; negative: unknown */
	struct tc_job job;		  /* of an executor */
	bool shielded;			  /* within asyncio.shield */
	bool concurrent;		  /* one of concurrent.futures that no executor is known for */
	/* of a sleep: when it ends, by the loop's clock (CLOCK_MONOTONIC); 0: unknown */
	double due_s;
};

struct tc_verdict;

struct tc_links {
	const struct tc_model *model;
	struct tc_verdict *verdicts; /* of each chain: what the functions alone say */
	/* of each code: its row in tc_known + 2, 1 none, 255 not in asyncio, 0 not judged */
	uint8_t *codes;
	struct tc_workers workers;
	struct tc_alarm *alarms; /* ascending future */
	size_t n_alarms;
};

/* A timer that completes a future: that of a sleep. */
struct tc_alarm {
	uint64_t future;
	uint64_t due_ns;
};

/* Find out what every task of model waits for: fills tc_task.wait and its flag TC_TASK_READY. */
void tc_links_init(struct tc_links *links, struct tc_model *model);
void tc_links_deinit(struct tc_links *links);

/* All about one task's wait. */
void tc_link_find(const struct tc_links *links, const struct tc_task *task, struct tc_link *ret);

/* What is not finished among the members of a link. */
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
void tc_link_pending(const struct tc_links *links, const struct tc_link *link,
		     struct tc_pending *ret);

/* Call found for each task among the members of a link, at most max. Returns the number of members
 * in the target, as far as known, tasks or not. */
uint64_t tc_link_members(const struct tc_links *links, const struct tc_link *link, size_t max,
			 void (*found)(void *context, const struct tc_task *task), void *context);

#endif
