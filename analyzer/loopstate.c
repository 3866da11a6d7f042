/* SPDX-License-Identifier: Apache-2.0
 * The judgement of a loop. Where a thread stands does not decide alone: a look at one instant lands
 * at system calls, so that a loop which never sleeps is seen in its selector too (40 of 40,
 * measured). */
#include "loopstate.h"

#include <stddef.h>

#include "syscalls.h"

bool tc_loop_wait_call(int64_t syscall)
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

/* Between two turns: in the selector, or close to it. */
static enum tc_loop_state judge_between(const struct tc_loop_facts *facts, enum tc_loop_hint *hint)
{
	bool ready = facts->ready > 1;

	if (polls_only(facts))
		return TC_LOOP_BUSY;
	/* On its way through the selector: whoever has nothing to do is not met running. The queue
	 * was read at another moment, and being empty then proves nothing. */
	if (!asleep(facts))
		return TC_LOOP_BUSY;
	if (facts->in_selector && facts->syscall == TC_SYS_FUTEX) {
		*hint = TC_LOOP_HINT_WAITS_GIL;
		return TC_LOOP_BLOCKED;
	}
	if (facts->syscall >= 0 && !tc_loop_wait_call(facts->syscall))
		return TC_LOOP_BLOCKED;
	if (ready)
		*hint = TC_LOOP_HINT_LOST_WAKEUP;
	return TC_LOOP_IDLE;
}

enum tc_loop_state tc_loop_judge(const struct tc_loop_facts *facts, enum tc_loop_hint *ret_hint)
{
	*ret_hint = TC_LOOP_HINT_NONE;
	if (facts->closed)
		return TC_LOOP_IS_CLOSED;
	if (!facts->has_thread)
		return facts->running ? TC_LOOP_UNKNOWN : TC_LOOP_STOPPED;
	/* Of its thread only the frames are known, if at all: they do not tell whether it sleeps. */
	if (facts->state == 0 && facts->syscall < 0)
		return facts->in_callback && facts->overdue_ns >= TC_LOOP_OVERDUE_NS ?
			       TC_LOOP_BLOCKED :
			       TC_LOOP_UNKNOWN;
	/* Without a selector's frame, the selector's call tells that no callback runs. */
	bool waits = facts->in_selector ||
		     (!facts->in_callback && (facts->opaque || !facts->has_frames) &&
		      tc_loop_wait_call(facts->syscall));
	if (waits)
		return judge_between(facts, ret_hint);
	if (asleep(facts))
		return TC_LOOP_BLOCKED;
	if (facts->overdue_ns < TC_LOOP_OVERDUE_NS)
		return TC_LOOP_BUSY;
	*ret_hint = TC_LOOP_HINT_COMPUTES;
	return TC_LOOP_BLOCKED;
}

const char *tc_loop_word(enum tc_loop_state state)
{
	static const char *const words[TC_N_LOOP_STATES] = {
		[TC_LOOP_IDLE] = "idle",	[TC_LOOP_BLOCKED] = "blocked",
		[TC_LOOP_BUSY] = "busy",	[TC_LOOP_STOPPED] = "stopped",
		[TC_LOOP_IS_CLOSED] = "closed",
	};
	return state < TC_N_LOOP_STATES ? words[state] : NULL;
}
