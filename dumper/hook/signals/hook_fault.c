/* SPDX-License-Identifier: Apache-2.0
 * Takes SIGSEGV, SIGBUS and SIGSYS from the program while a dump reads memory, and gives them
 * back. */
#include <sys/syscall.h>

#include "dumper/hook/signals/hook_action.h"
#include "dumper/hook/signals/hook_chain.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

static uint64_t begun_seq[TC_ACTION_GUARDED];
/* the hook has taken the signal for good: its entry knows a guarded read (hook_crash.c) */
static bool held[TC_ACTION_GUARDED];

static bool are_equal(const struct tc_arch_action *a, const struct tc_arch_action *b)
{
	return a->handler == b->handler && a->flags == b->flags && a->mask == b->mask;
}

/* Take a signal; *found is its action a moment ago. Our lock keeps out other writers, but not a
 * thread that looked into the table before tc_action_guarding was set, nor one that calls the
 * kernel itself: if the action is another one by now, that one is the program's. */
static void take(struct tc_action *action, const struct tc_arch_action *found)
{
	struct tc_arch_action ours = tc_action_in_front(action, found), was;

	tc_action_kernel(action->sig, &ours, &was);
	if (!are_equal(&was, found)) {
		tc_action_found(action, &was);
		tc_action_settle(action);
	}
}

void tc_chain_guard_begin(tc_chain_entry *fault)
{
	uint64_t before = tc_action_lock();
	struct tc_arch_action found[TC_ACTION_GUARDED];

	for (unsigned i = 0; i < TC_ACTION_GUARDED; i++) {
		struct tc_action *action = &tc_action_guarded[i];
		const struct tc_action *taken = tc_action_find(action->sig);
		held[i] = taken && tc_action_is_front(taken);
		tc_action_kernel(action->sig, NULL, &found[i]);
		tc_action_found(action, &found[i]);
		atomic_store(&action->entry, fault);
		begun_seq[i] = atomic_load(&action->seq);
	}
	atomic_store(&tc_action_guarding, true);
	for (unsigned i = 0; i < TC_ACTION_GUARDED; i++)
		if (!held[i])
			take(&tc_action_guarded[i], &found[i]);
	tc_action_unlock(before);
}

void tc_chain_guard_end(void)
{
	uint64_t before = tc_action_lock();
	bool ours[TC_ACTION_GUARDED];

	/* what a raw system call has set meanwhile stays ... */
	for (unsigned i = 0; i < TC_ACTION_GUARDED; i++)
		ours[i] = !held[i] &&
			  (tc_action_is_front(&tc_action_guarded[i]) ||
			   atomic_load(&tc_action_guarded[i].seq) != begun_seq[i]);
	atomic_store(&tc_action_guarding, false);
	for (unsigned i = 0; i < TC_ACTION_GUARDED; i++)
		if (ours[i]) /* ... unless the program has used sigaction since */
			tc_action_settle(&tc_action_guarded[i]);
	tc_action_unlock(before);
}

void tc_chain_guard_yield(int sig, siginfo_t *info, void *context)
{
	struct tc_action *action = &tc_action_guarded[tc_action_guarded_at(sig)];
	struct tc_arch_action set;
	uint64_t seq = tc_action_read(action, &set);

	if (set.handler == (void *)SIG_IGN && info->si_code <= 0)
		return;
	if (set.handler != (void *)SIG_DFL && set.handler != (void *)SIG_IGN &&
	    (!(set.flags & SA_RESETHAND) || tc_action_spend(action, seq))) {
		/* Its mask is in force already, because our action has the same. */
		((tc_chain_entry *)set.handler)(sig, info, context);
		return;
	}
	/* When we return, the instruction faults again, and finds the default action. A signal that
	 * was sent by somebody must be sent again, and so must SIGSYS, because the system call is
	 * not made again. */
	set = (struct tc_arch_action){ 0 };
	tc_action_kernel(sig, &set, NULL);
	if (info->si_code <= 0 || sig == SIGSYS)
		tc_syscall4(SYS_rt_tgsigqueueinfo, tc_syscall0(SYS_getpid), tc_syscall0(SYS_gettid),
			    sig, (long)info);
}
