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

/* Is it repeated when the handler returns? An instruction that faults is; not a signal that was
 * sent, nor these two, which the kernel may also raise between two instructions: SI_KERNEL (it
 * could not write a signal frame: kernel/signal.c, force_sigsegv) and a memory error that was found
 * in the background. */
static bool is_repeated(int sig, const siginfo_t *info)
{
	return (sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL) &&
	       info->si_code > 0 && info->si_code != SI_KERNEL &&
	       !(sig == SIGBUS && info->si_code == BUS_MCEERR_AO);
}

/* Send the signal to this thread again, with the same siginfo, for the moment when the handler
 * returns. The mask that is restored then may block sig (if it interrupted a sigsuspend), so sig is
 * removed from it. Until then sig must be blocked: the kernel's core then has the registers of the
 * thread as it was interrupted, not those of our handler. */
static void send_again(int sig, siginfo_t *info, struct tc_arch_context *context)
{
	long pid = tc_syscall0(SYS_getpid), tid = tc_syscall0(SYS_gettid);
	uint64_t bit = UINT64_C(1) << (sig - 1);

	tc_syscall4(SYS_rt_sigprocmask, SIG_BLOCK, (long)&bit, 0, sizeof(bit));
	context->mask &= ~bit;
	if (tc_syscall4(SYS_rt_tgsigqueueinfo, pid, tid, sig, (long)info) < 0)
		tc_syscall3(SYS_tgkill, pid, tid, sig);
}

/* The kernel keeps our handler, because a filter denies rt_sigaction. A fault whose signal is
 * blocked ends the process by its default action (kernel/signal.c, force_sig_info_to_task). A
 * signal that was sent cannot end it so; and whoever is told to end must end. */
static void force(int sig, const siginfo_t *info, struct tc_arch_context *context)
{
	if (is_repeated(sig, info))
		context->mask |= UINT64_C(1) << (sig - 1);
	else
		tc_syscall2(SYS_kill, tc_syscall0(SYS_getpid), SIGKILL);
}

/* Let the process die of sig when the handler returns. */
static void die_of(int sig, siginfo_t *info, struct tc_arch_context *context)
{
	struct tc_arch_action action = { 0 };

	/* init of a pid namespace: the kernel drops the signal (signal(7)), so the hook keeps it */
	if (info->si_code <= 0 && tc_syscall0(SYS_getpid) == 1)
		return;
	int r = tc_action_kernel(sig, &action, NULL);
	if (!is_repeated(sig, info))
		send_again(sig, info, context);
	if (r < 0)
		force(sig, info, context);
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

void tc_chain_restorer(void (*restorer)(void))
{
	tc_action_restorer = restorer;
}

int tc_chain_take(int sig, tc_chain_entry *entry)
{
	return tc_action_take(sig, entry, false);
}

int tc_chain_take_fatal(int sig, tc_chain_entry *entry)
{
	return tc_action_take(sig, entry, true);
}

enum tc_chain_fate tc_chain_fate(int sig, const siginfo_t *info, void **ret_handler,
				 unsigned long *ret_flags)
{
	struct tc_arch_action set;

	*ret_handler = NULL;
	tc_action_read(tc_action_find(sig), &set);
	*ret_flags = set.flags;
	if (set.handler == (void *)SIG_IGN)
		return info->si_code > 0 ? TC_CHAIN_DIES : TC_CHAIN_LIVES;
	if (set.handler == (void *)SIG_DFL)
		return info->si_code <= 0 && tc_syscall0(SYS_getpid) == 1 ? TC_CHAIN_LIVES :
									    TC_CHAIN_DIES;
	*ret_handler = set.handler;
	return TC_CHAIN_HANDLED;
}

/* Let a vfork child end as without us; everything in memory belongs to its parent. */
static void end_vforked(int sig, siginfo_t *info, void *context)
{
	struct tc_arch_action set, kernel;

	tc_action_read(tc_action_find(sig), &set);
	kernel = tc_action_own(&set);
	tc_action_kernel(sig, &kernel, NULL);
	if (!is_repeated(sig, info))
		send_again(sig, info, context);
}

/* Enter the program's handler. Our entry has its stack and its mask (tc_action_in_front). */
static void enter(int sig, siginfo_t *info, void *context)
{
	struct tc_action *action = tc_action_find(sig);
	struct tc_arch_action set;
	uint64_t seq = tc_action_read(action, &set);

	if (set.handler == (void *)SIG_DFL || set.handler == (void *)SIG_IGN ||
	    (set.flags & SA_RESETHAND && !reset(action, seq)))
		return;
	tc_arch_enter(set.handler, sig, info, context, tc_action_restorer);
	((tc_chain_entry *)set.handler)(sig, info, context);
}

void tc_chain_end(int sig, siginfo_t *info, void *context)
{
	void *handler;
	unsigned long flags;

	if (tc_process_kind() == TC_PROCESS_VFORKED) {
		end_vforked(sig, info, context);
		return;
	}
	switch (tc_chain_fate(sig, info, &handler, &flags)) {
	case TC_CHAIN_LIVES:
		break;
	case TC_CHAIN_DIES:
		die_of(sig, info, context);
		break;
	case TC_CHAIN_HANDLED:
		if (sig != SIGSEGV && sig != SIGBUS && info->si_code <= 0) {
			enter(sig, info, context);
			break;
		}
		/* the kernel gives it the stack and the mask that it would have without us */
		if (!tc_action_let(tc_action_find(sig)))
			enter(sig, info, context);
		else if (!is_repeated(sig, info))
			send_again(sig, info, context);
	}
}

bool tc_chain_in_front(int sig)
{
	const struct tc_action *action = tc_action_find(sig);

	return action && tc_action_is_front(action);
}
