/* SPDX-License-Identifier: Apache-2.0
 * One task: its fields, its chain, its record. Safe in a handler. */
#ifndef TC_WALK_TASK_H
#define TC_WALK_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/seen.h"
#include "lib/mem/mem.h"

struct tc_walk_tasks {
	/* apart from the objects: a task of a foreign class may have an object record too */
	struct tc_seen seen;
	tc_addr walking; /* the task whose chain is being walked */
};

struct tc_walker;

/* Is the task at addr to be walked? False: it was met before, or there is no more room or time, and
 * it is counted as cut. */
bool tc_walker_task_new(struct tc_walker *w, tc_addr addr);
/* Read the task, write its record and count it. known: the flags (enum tc_task_flag) that its
 * registry tells, and TC_TASK_TORN if its chain was never whole. False: what was read contradicts
 * itself, and nothing was written; only if `again` allows to read it once more. */
bool tc_walker_task(struct tc_walker *w, tc_addr addr, uint32_t known, bool again);
/* Gather the ties of a task (walk_ties.h). */
void tc_walker_task_ties(struct tc_walker *w, tc_addr addr);

#endif
