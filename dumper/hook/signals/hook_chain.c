/* SPDX-License-Identifier: Apache-2.0
 * The chain inside a handler: does what the program has set, as the kernel would. */
#include "dumper/hook/signals/hook_chain.h"

#include <errno.h>
#include <sys/syscall.h>

#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/signals/hook_action.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

#define INSIDE_MAGIC UINT64_C(0x74635f696e736964)

/* This struct is on the stack while a handler of the program runs. Its content depends on its
 * address, so that we can see whether it is still there. */
struct inside {
	volatile uint64_t magic;
};
static __thread struct inside *inside[TC_ACTION_MAX];

static uint64_t magic_at(const struct inside *at)
{
	return INSIDE_MAGIC ^ (uint64_t)(uintptr_t)at;
}

/* Can 8 bytes be read here? Asked by a rt_sigprocmask that must fail: the kernel reads the set
 * first (EFAULT), and then finds that "how" is not valid (EINVAL; kernel/signal.c,
 * rt_sigprocmask). */
static bool is_readable(const void *at)
{
	return tc_syscall4(SYS_rt_sigprocmask, -1, (long)at, 0, 8) == -EINVAL;
}

/* Is the handler still running? After a longjmp out of it, its frame is above the stack pointer, or
 * on a stack that the thread no longer uses, or overwritten. */
static bool stands(const struct inside *at, const struct tc_arch_context *context)
{
	uint64_t frame = (uint64_t)(uintptr_t)at, low = context->stack[0], size = context->stack[2];

	if (!at || context->rsp >= frame)
		return false;
	if (frame - low < size && context->rsp - low >= size)
		return false;
	return is_readable(at) && at->magic == magic_at(at);
}

bool tc_chain_nested(int sig, const void *context)
{
	const struct tc_action *action = tc_action_find(sig);

	return action && !action->guarded && stands(inside[action->index], context);
}

/* Let the process die of sig when the handler returns. The mask that is restored then may block sig
 * (if it interrupted a sigsuspend), so sig is removed from it. */
static void die_of(int sig, siginfo_t *info, struct tc_arch_context *context)
{
	long pid = tc_syscall0(SYS_getpid), tid = tc_syscall0(SYS_gettid);
	struct tc_arch_action action = { 0 };

	/* init of a pid namespace: the kernel drops the signal (signal(7)), so the hook keeps it */
	if (pid == 1)
		return;
	tc_action_kernel(sig, &action, NULL);
	context->mask &= ~(UINT64_C(1) << (sig - 1));
	if (tc_syscall4(SYS_rt_tgsigqueueinfo, pid, tid, sig, (long)info) < 0)
		tc_syscall3(SYS_tgkill, pid, tid, sig);
}

/* Before an SA_RESETHAND handler runs: the program's action becomes SIG_DFL. False: it has run
 * already. */
static bool reset(struct tc_action *action, uint64_t seq)
{
	struct tc_arch_action none = { 0 };

	if (tc_process_kind() == TC_PROCESS_VFORKED) {
		tc_action_kernel(action->sig, &none, NULL);
		return true;
	}
	if (!tc_action_spend(action, seq))
		return false;
	tc_action_settle(action);
	return true;
}

static void call(struct tc_action *action, void *handler, siginfo_t *info, void *context)
{
	struct inside here, *outer = inside[action->index];

	if (!stands(outer, context))
		outer = NULL;
	here.magic = magic_at(&here);
	inside[action->index] = &here;
	((tc_chain_entry *)handler)(action->sig, info,
				    context); /* the kernel gives all three too */
	inside[action->index] = outer;
	here.magic = 0;
}

void tc_chain_pass(int sig, siginfo_t *info, void *context, bool live_on)
{
	struct tc_action *action = tc_action_find(sig);
	struct tc_arch_action set;

	if (!action || action->guarded)
		return;
	uint64_t seq = tc_action_read(action, &set);
	if (set.handler == (void *)SIG_IGN)
		return;
	if (set.handler != (void *)SIG_DFL && set.flags & SA_RESETHAND && !reset(action, seq))
		set.handler = (void *)SIG_DFL;
	if (set.handler != (void *)SIG_DFL)
		call(action, set.handler, info, context);
	else if (!live_on)
		die_of(sig, info, context);
}

int tc_chain_take(int sig, tc_chain_entry *entry)
{
	return tc_action_take(sig, entry);
}

bool tc_chain_in_front(int sig)
{
	const struct tc_action *action = tc_action_find(sig);

	return action && tc_action_is_front(action);
}
