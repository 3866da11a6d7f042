/* SPDX-License-Identifier: Apache-2.0
 * The chain inside a handler: do what the program has set, as the kernel would. */
#include "dumper/hook/signals/hook_chain.h"

#include <errno.h>
#include <sys/syscall.h>

#include "lib/sys/sys.h"
#include "dumper/hook/signals/hook_action.h"
#include "dumper/hook/common/hook_process.h"
#include "lib/base/safe.h"

#define INSIDE_MAGIC UINT64_C(0x74635f696e736964)

/* On the stack while a handler of the program's runs. It tells whether it still stands there by
 * holding a number that only its own address gives. */
struct inside {
	volatile uint64_t magic;
};
static __thread struct inside *inside[TC_ACTION_MAX];

static uint64_t magic_at(const struct inside *at)
{
	return INSIDE_MAGIC ^ (uint64_t)(uintptr_t)at;
}

/* Whether 8 bytes can be read, from the kernel: it copies the set before it finds that there is no
 * such way of changing the mask (kernel/signal.c, rt_sigprocmask). */
static bool is_readable(const void *at)
{
	return tc_syscall4(SYS_rt_sigprocmask, -1, (long)at, 0, 8) == -EINVAL;
}

/* After a longjmp out of the handler its frame is above the stack pointer, on a stack that the
 * thread does not stand on, or written over. */
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

/* Die of sig when the handler returns. The mask of the interrupted code may block it (a sigsuspend):
 * without us it would have been delivered all the same. */
static void die_of(int sig, siginfo_t *info, struct tc_arch_context *context)
{
	long pid = tc_syscall0(SYS_getpid), tid = tc_syscall0(SYS_gettid);
	struct tc_arch_action action = { 0 };

	if (pid == 1) /* the kernel drops it (signal(7), init of a pid namespace): stay in front */
		return;
	tc_action_kernel(sig, &action, NULL);
	context->mask &= ~(UINT64_C(1) << (sig - 1));
	if (tc_syscall4(SYS_rt_tgsigqueueinfo, pid, tid, sig, (long)info) < 0)
		tc_syscall3(SYS_tgkill, pid, tid, sig);
}

/* A one-shot handler: the program's setting becomes SIG_DFL. False: it has run already. */
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
