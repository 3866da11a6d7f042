/* SPDX-License-Identifier: Apache-2.0
 * SIGSEGV and SIGBUS while a dump reads memory: lent from the program and given back. */
#include <errno.h>
#include <sys/syscall.h>

#include "../lib/sys.h"
#include "hook_action.h"
#include "hook_chain.h"
#include "../lib/safe.h"

static stack_t altstack;
static bool altstack_off;
static uint64_t begun_seq[2];

/* No alternate stack for this thread. The kernel refuses while the thread stands on it. */
static bool altstack_begin(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	return tc_syscall2(SYS_sigaltstack, (long)&none, (long)&altstack) == 0;
}

void tc_chain_guard_begin(tc_chain_entry *fault)
{
	struct tc_arch_action ours, found[2], was;

	altstack_off = altstack_begin();
	ours = tc_action_of((void *)fault, SA_SIGINFO, 0);
	for (unsigned i = 0; i < 2; i++) {
		struct tc_action *action = &tc_action_guarded[i];
		tc_action_kernel(action->sig, NULL, &found[i]);
		tc_action_found(action, &found[i]);
		atomic_store(&action->entry, fault);
		begun_seq[i] = atomic_load(&action->seq);
	}
	atomic_store(&tc_action_guarding, true);
	for (unsigned i = 0; i < 2; i++) {
		struct tc_action *action = &tc_action_guarded[i];
		/* In another thread it must run where the program's own would: a stack overflow needs
		 * the alternate stack, and what runs on that must fit it. */
		ours.flags &= ~(unsigned long)SA_ONSTACK;
		ours.flags |= altstack_off ? found[i].flags & SA_ONSTACK : 0;
		tc_action_kernel(action->sig, &ours, &was);
		if (was.handler != found[i].handler) /* another thread was in the middle of it */
			tc_action_found(action, &was);
	}
}

void tc_chain_guard_end(void)
{
	atomic_store(&tc_action_guarding, false);
	for (unsigned i = 0; i < 2; i++) {
		struct tc_action *action = &tc_action_guarded[i];
		/* What a raw call has set meanwhile stays, unless the table knows better. */
		if (tc_action_is_front(action) || atomic_load(&action->seq) != begun_seq[i])
			tc_action_settle(action);
	}
	if (altstack_off)
		tc_syscall2(SYS_sigaltstack, (long)&altstack, 0);
	altstack_off = false;
}

/* The mask that the kernel would have set for the handler; sigreturn takes it back. */
static void call(int sig, const struct tc_arch_action *set, siginfo_t *info, void *context)
{
	const struct tc_arch_context *interrupted = context;
	uint64_t mask = interrupted->mask | set->mask;

	if (!(set->flags & SA_NODEFER))
		mask |= UINT64_C(1) << (sig - 1);
	tc_sys_mask(mask, NULL);
	((tc_chain_entry *)set->handler)(sig, info, context);
}

void tc_chain_guard_yield(int sig, siginfo_t *info, void *context)
{
	struct tc_action *action = &tc_action_guarded[sig == SIGBUS];
	struct tc_arch_action set;
	uint64_t seq = tc_action_read(action, &set);

	if (set.handler == (void *)SIG_IGN && info->si_code <= 0)
		return;
	if (set.handler != (void *)SIG_DFL && set.handler != (void *)SIG_IGN &&
	    (!(set.flags & SA_RESETHAND) || tc_action_spend(action, seq))) {
		call(sig, &set, info, context);
		return;
	}
	/* The instruction faults again and finds this; a signal that was sent is sent again. */
	set = (struct tc_arch_action){ 0 };
	tc_action_kernel(sig, &set, NULL);
	if (info->si_code <= 0)
		tc_syscall4(SYS_rt_tgsigqueueinfo, tc_syscall0(SYS_getpid), tc_syscall0(SYS_gettid),
			    sig, (long)info);
}
