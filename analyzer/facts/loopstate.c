/* SPDX-License-Identifier: Apache-2.0
 * The judgement of a loop. Where a thread stands does not decide alone: a look at one instant lands
 * at system calls, so that a loop which never sleeps is seen in its selector too (40 of 40,
 * measured). Nor are facts of different moments put together: a loop that turns 400 times a second
 * would be called blocked in a quarter of all dumps. */
#include "analyzer/facts/loopstate.h"

#include <stddef.h>

#include "analyzer/facts/syscalls.h"

/* The calls with which an event loop waits for descriptors. */
static bool is_loop_wait(int64_t syscall)
{
	return syscall == TC_SYS_EPOLL_WAIT || syscall == TC_SYS_EPOLL_PWAIT ||
	       syscall == TC_SYS_EPOLL_PWAIT2 || syscall == TC_SYS_POLL ||
	       syscall == TC_SYS_PPOLL || syscall == TC_SYS_SELECT || syscall == TC_SYS_PSELECT6;
}

/* The wait was asked to return at once. False where that stands behind a pointer. */
static bool polls_only(const struct tc_loop_facts *facts)
{
	if (facts->syscall == TC_SYS_EPOLL_WAIT || facts->syscall == TC_SYS_EPOLL_PWAIT)
		return (int32_t)facts->args[3] == 0;
	return facts->syscall == TC_SYS_POLL && (int32_t)facts->args[2] == 0;
}

static bool asleep(const struct tc_loop_facts *facts)
{
	return facts->state != 'R' && (facts->state != 0 || facts->syscall >= 0);
}

/* It was watched long enough, and never slept. */
static bool never_sleeps(const struct tc_loop_facts *facts)
{
	return facts->awake && facts->watched_ns >= TC_LOOP_WATCHED_NS && facts->switches == 0 &&
	       facts->run_ns >= TC_LOOP_RAN_NS;
}

/* It is inside a callback, and the turn lasts too long for what it has run. */
static bool is_held_up(const struct tc_loop_facts *facts)
{
	return facts->in_callback && facts->step_ns >= TC_LOOP_STEP_NS && !facts->waits_gil;
}

/* Its thread sleeps, between two turns: in the selector, or close to it. */
static enum tc_loop_state judge_between(const struct tc_loop_facts *facts, enum tc_loop_hint *hint)
{
	/* A lock inside the C library, which nobody holds for long: a selector takes no other. */
	if (facts->syscall == TC_SYS_FUTEX)
		return TC_LOOP_RUNS;
	if (facts->syscall >= 0 && !is_loop_wait(facts->syscall))
		return TC_LOOP_BLOCKED;
	if (facts->syscall >= 0 && facts->ready > 1)
		*hint = TC_LOOP_HINT_LOST_WAKEUP;
	return TC_LOOP_IDLE;
}

/* All facts are of one moment, and its thread slept in it. */
static enum tc_loop_state judge_asleep(const struct tc_loop_facts *facts, enum tc_loop_hint *hint)
{
	/* Without a selector's frame, the selector's call tells that no callback runs. */
	bool waits = facts->in_selector ||
		     (!facts->in_callback && (facts->opaque || !facts->has_frames) &&
		      is_loop_wait(facts->syscall));

	if (facts->waits_gil) {
		*hint = TC_LOOP_HINT_WAITS_GIL;
		return facts->overdue_ns < TC_LOOP_GIL_NS ? TC_LOOP_RUNS : TC_LOOP_BLOCKED;
	}
	if (facts->syscall < 0 && facts->may_wait_gil)
		return TC_LOOP_UNKNOWN;
	return waits ? judge_between(facts, hint) : TC_LOOP_BLOCKED;
}

enum tc_loop_state tc_loop_judge(const struct tc_loop_facts *facts, enum tc_loop_hint *ret_hint)
{
	*ret_hint = TC_LOOP_HINT_NONE;
	if (facts->closed)
		return TC_LOOP_IS_CLOSED;
	if (!facts->has_thread)
		return facts->running ? TC_LOOP_UNKNOWN : TC_LOOP_STOPPED;
	if (facts->faulted)
		return facts->killed ? TC_LOOP_CRASHED : TC_LOOP_RUNS;
	/* Of its thread only the frames are known, if at all: they do not tell whether it
	 * sleeps. */
	if (facts->state == 0 && facts->syscall < 0)
		return facts->moment == TC_MOMENT_ONE && facts->in_callback &&
				       facts->overdue_ns >= TC_LOOP_OVERDUE_NS ?
			       TC_LOOP_BLOCKED :
			       TC_LOOP_UNKNOWN;
	if (never_sleeps(facts)) {
		if (!is_held_up(facts) &&
		    (!facts->in_callback || facts->overdue_ns < TC_LOOP_OVERDUE_NS))
			return TC_LOOP_BUSY;
		*ret_hint = TC_LOOP_HINT_COMPUTES;
		return TC_LOOP_BLOCKED;
	}
	if ((facts->frozen || facts->moment == TC_MOMENT_ONE) && is_held_up(facts))
		return TC_LOOP_BLOCKED;
	if (facts->moment == TC_MOMENT_UNKNOWN)
		return TC_LOOP_UNKNOWN;
	if (facts->moment == TC_MOMENT_RAN || !asleep(facts) || polls_only(facts))
		return TC_LOOP_RUNS;
	return judge_asleep(facts, ret_hint);
}

const char *tc_loop_word(enum tc_loop_state state)
{
	static const char *const words[TC_N_LOOP_STATES] = {
		[TC_LOOP_IDLE] = "idle",	[TC_LOOP_BLOCKED] = "blocked",
		[TC_LOOP_BUSY] = "busy",	[TC_LOOP_RUNS] = "running",
		[TC_LOOP_STOPPED] = "stopped",	[TC_LOOP_IS_CLOSED] = "closed",
		[TC_LOOP_CRASHED] = "crashed",
	};
	return state < TC_N_LOOP_STATES ? words[state] : NULL;
}
