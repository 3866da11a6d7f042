/* SPDX-License-Identifier: Apache-2.0
 * What the detectors of blocked loops share. */
#ifndef TC_BLOCKED_H
#define TC_BLOCKED_H

#include "analyzer/detect/detect.h"
#include "analyzer/facts/place.h"

/* Was the loop seen not to turn for long enough to be called hung? By watching its thread, or by
 * when its turn began. */
bool tc_blocked_is_hang(const struct tc_loop_view *loop);
/* Does its thread compute, as far as is known, rather than wait in a call? */
bool tc_blocked_computes(const struct tc_loop_view *loop);
/* A finding about this loop with its evidence and the line that holds it up; summary and why are
 * still to be said. NULL: there is no room for one more. */
struct tc_finding *tc_blocked_add(const struct tc_scene *scene, const struct tc_loop_view *loop,
				  struct tc_findings *findings, enum tc_cause kind);
/* It does not end, and why; but with a timeout, or where that is not known, it may. */
void tc_blocked_end(struct tc_finding *finding, bool timed, const char *why);
/* "T3 "handler" ", or "a callback " where no task runs. */
void tc_blocked_subject(const struct tc_scene *scene, const struct tc_loop_view *loop,
			struct tc_out *out);

/* The thread that this one joins (Thread.join); NULL: none, or it is not recorded. *ret_timed: the
 * call has a timeout, or that is not known. */
const struct tc_pythread *tc_blocked_joined(const struct tc_model *model,
					    const struct tc_pythread *thread, bool *ret_timed);

/* Which thread holds a lock of threading, by which with statement; NULL: that is not known, as
 * where a function of it calls release(), or where it is in Condition.wait. */
const struct tc_hold *tc_blocked_holder(const struct tc_model *model, uint64_t lock);

/* Does the loop's thread, which is one of Python, wait for a lock of threading that a task of it
 * holds, or the thread itself? Then adds that finding. False: it does not. */
bool tc_detect_thread_lock(const struct tc_scene *scene, const struct tc_loop_view *loop,
			   struct tc_findings *findings);

/* Does the loop's thread wait for the loop itself? Then adds that finding. False: it does not. */
bool tc_detect_loop_deadlock(const struct tc_scene *scene, const struct tc_loop_view *loop,
			     struct tc_findings *findings);

#endif
