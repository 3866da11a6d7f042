/* SPDX-License-Identifier: Apache-2.0
 * The turn: who may make a dump, who waits for it, and the children that must have ended before. */
#include "dumper/hook/hook_turn.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "dumper/hook/common/hook_outcome.h"
#include "dumper/hook/common/hook_settings.h"
#include "dumper/hook/hook_refuse.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

#define LEAVE_NS 5000000
#define LEAVE_LOOKS 50

uint32_t tc_hook_own_tid(void)
{
	return (uint32_t)tc_syscall0(SYS_gettid);
}

bool tc_hook_take_turn(struct tc_hook_process *process, uint64_t *ret_mask)
{
	uint32_t nobody = 0;
	uint64_t mask;

	tc_sys_block(&mask);
	if (atomic_compare_exchange_strong(&process->busy, &nobody, tc_hook_own_tid())) {
		*ret_mask = mask;
		return true;
	}
	tc_sys_mask(mask, NULL);
	return false;
}

void tc_hook_give_turn(struct tc_hook_process *process, uint64_t mask)
{
	process->busy = 0;
	/* wakes parked threads */
	tc_syscall3(SYS_futex, (long)&process->busy, FUTEX_WAKE, INT32_MAX);
	tc_sys_mask(mask, NULL);
}

/* Reap the child that makes a dump, if it has ended. If it was killed (only SIGKILL can do that),
 * nobody has said that its dump is lost: say so. True: there is no such child. */
static bool reap_maker(struct tc_hook_process *process)
{
	struct tc_hook_outcome *outcome = process->outcome;
	uint32_t running = TC_OUTCOME_RUNNING;
	int status = 0;

	if (!tc_process_reap(&process->child, &status))
		return false;
	if (!WIFSIGNALED(status) || !outcome ||
	    !atomic_compare_exchange_strong(&outcome->state, &running, TC_OUTCOME_REFUSED))
		return true;
	process->lost = 1;
	tc_hook_refuse(&(struct tc_request){ .reason = outcome->reason }, -EOWNERDEAD, 0);
	return true;
}

/* A child that is a snapshot and has done its work (its outcome is `from` or later) is only giving
 * back its memory, which may take long. Do not let the next dump wait for it: it is reaped
 * later. */
static bool let_go(struct tc_hook_process *process, uint32_t from)
{
	const struct tc_hook_outcome *outcome = process->outcome;
	uint32_t child = process->child;

	if (!process->child_apart || process->leaving || !outcome || outcome->state < from ||
	    !atomic_compare_exchange_strong(&process->child, &child, 0))
		return false;
	process->leaving = child;
	return true;
}

bool tc_hook_reap(void)
{
	struct tc_hook_process *process = tc_hook_process();
	int status;

	tc_hook_reap_speaker(process);
	tc_process_reap(&process->leaving, &status);
	/* it has said that it makes no dump any more */
	if (process->stuck && process->stuck == process->child)
		process->child = 0;
	tc_process_reap(&process->stuck, &status);
	return reap_maker(process) || let_go(process, TC_OUTCOME_SEALED);
}

bool tc_hook_reap_all(void)
{
	struct tc_hook_process *process = tc_hook_process();

	tc_hook_reap();
	return !process->child && !process->leaving && !process->speaking && !process->stuck;
}

void tc_hook_before_fork(void)
{
	const struct tc_hook_process *process = tc_hook_process();
	uint64_t end = tc_sys_clock_ns(CLOCK_MONOTONIC) + tc_hook_settings.pause_ms * 1000000u;
	struct timespec wait = { 0, TC_HOOK_TURN_LOOK_NS };
	uint32_t busy;

	while ((busy = process->busy) != 0 && busy != tc_hook_own_tid() &&
	       tc_sys_clock_ns(CLOCK_MONOTONIC) < end)
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
	/* A zombie counts in RLIMIT_NPROC until it is reaped. */
	if (tc_process_kind() == TC_PROCESS_OWN)
		tc_hook_reap();
}

bool tc_hook_has_left(void)
{
	struct timespec wait = { 0, LEAVE_NS / LEAVE_LOOKS };

	for (int i = 0; i < LEAVE_LOOKS; i++) {
		if (tc_hook_reap())
			return true;
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
	}
	return let_go(tc_hook_process(), TC_OUTCOME_LEAVING);
}

bool tc_hook_is_free(const struct tc_hook_process *process)
{
	return tc_hook_reap() ||
	       (process->outcome && process->outcome->state >= TC_OUTCOME_LEAVING &&
		tc_hook_has_left());
}
