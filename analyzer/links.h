/* SPDX-License-Identifier: Apache-2.0
 * What each task waits for: from the innermost links of its chain and the objects recorded about
 * its leaf. */
#ifndef TC_LINKS_H
#define TC_LINKS_H

#include "model.h"
#include "wait_kind.h"
#include "workers.h"

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
	const struct tc_pythread *worker; /* an executor's thread that works for it, or NULL */
	bool queued;			  /* handed to an executor, and no thread has taken it */
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
};

/* Find out what every task of model waits for: fills tc_task.wait and its flag TC_TASK_READY. */
void tc_links_init(struct tc_links *links, struct tc_model *model);
void tc_links_deinit(struct tc_links *links);

/* All about one task's wait. */
void tc_link_find(const struct tc_links *links, const struct tc_task *task, struct tc_link *ret);

/* Call found for each task among the members of a link, at most max. Returns the number of members
 * in the target, as far as known, tasks or not. */
uint64_t tc_link_members(const struct tc_links *links, const struct tc_link *link, size_t max,
			 void (*found)(void *context, const struct tc_task *task), void *context);

#endif
