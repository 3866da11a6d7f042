/* SPDX-License-Identifier: Apache-2.0
 * sigaction and its relatives, interposed. For a signal that the hook has taken they write and read
 * the table of hook_action.h; for all others they call the next library. The relatives must be
 * interposed too, because glibc's call its own sigaction, which nobody can interpose. They do what
 * those of glibc 2.36 do (its folders signal and sysdeps/posix). */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/signals/hook_action.h"
#include "dumper/hook/signals/hook_altstack.h"
#include "dumper/hook/signals/hook_next.h"
#include "lib/sys/arch_x86_64.h"

#define EXPORT __attribute__((visibility("default")))
/* Bytes that our entry needs on an alternate stack, in addition to the kernel's frame
 * (AT_MINSIGSTKSZ, sigaltstack(2)), before it switches to the hook's own stack. */
#define ENTRY_BYTES 2304u
#define BIT(sig) (UINT64_C(1) << ((sig)-1))

typedef void handler_fn(int sig);

/* sigset and others are deprecated, but must be defined here */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Old names that libc still has, but no longer declares. */
handler_fn *bsd_signal(int sig, handler_fn *handler);
handler_fn *__sysv_signal(int sig, handler_fn *handler);
int __sigaction(int sig, const struct sigaction *set, struct sigaction *old);

EXPORT int sigaction(int sig, const struct sigaction *set, struct sigaction *old)
{
	struct tc_action *action = tc_action_find(sig);
	struct tc_arch_action wanted, was;

	if (!action) {
		__typeof__(sigaction) *next = tc_next(TC_NEXT_SIGACTION);
		return next ? next(sig, set, old) : -1;
	}
	if (set) {
		wanted = tc_action_of((void *)set->sa_handler, (unsigned)set->sa_flags, 0);
		memcpy(&wanted.mask, &set->sa_mask, sizeof(wanted.mask));
	}
	tc_action_set(action, set ? &wanted : NULL, &was);
	if (old) { /* sa_mask is longer than the kernel's mask; like libc, do not touch the rest */
		old->sa_handler = (handler_fn *)was.handler;
		old->sa_flags = (int)was.flags;
		old->sa_restorer = was.restorer;
		memcpy(&old->sa_mask, &was.mask, sizeof(was.mask));
	}
	return 0;
}

EXPORT int __sigaction(int sig, const struct sigaction *set, struct sigaction *old)
{
	return sigaction(sig, set, old);
}

/* Set a handler with an empty mask. Returns the previous one. */
static handler_fn *exchange(int sig, handler_fn *handler, int flags)
{
	struct sigaction set = { .sa_handler = handler, .sa_flags = flags }, was;

	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	return sigaction(sig, &set, &was) < 0 ? SIG_ERR : was.sa_handler;
}

EXPORT handler_fn *signal(int sig, handler_fn *handler)
{
	struct tc_action *action = tc_action_find(sig);
	struct tc_arch_action set, was;

	if (!action) {
		__typeof__(signal) *next = tc_next(TC_NEXT_SIGNAL);
		return next ? next(sig, handler) : SIG_ERR;
	}
	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	set = tc_action_of((void *)handler, action->interrupts ? 0 : SA_RESTART, BIT(sig));
	tc_action_set(action, &set, &was);
	return (handler_fn *)was.handler;
}

EXPORT handler_fn *bsd_signal(int sig, handler_fn *handler)
{
	return signal(sig, handler);
}

EXPORT handler_fn *ssignal(int sig, handler_fn *handler)
{
	return signal(sig, handler);
}

EXPORT handler_fn *__sysv_signal(int sig, handler_fn *handler)
{
	return exchange(sig, handler, SA_RESETHAND | SA_NODEFER);
}

EXPORT handler_fn *sysv_signal(int sig, handler_fn *handler)
{
	return __sysv_signal(sig, handler);
}

/* Block or unblock sig. True: it was blocked before. */
static bool block(int how, int sig)
{
	uint64_t mask = BIT(sig), before = 0;

	tc_syscall4(SYS_rt_sigprocmask, how, (long)&mask, (long)&before, sizeof(mask));
	return before & mask;
}

EXPORT handler_fn *sigset(int sig, handler_fn *handler)
{
	struct sigaction now;

	if (handler == SIG_HOLD) {
		if (sigaction(sig, NULL, &now) < 0)
			return SIG_ERR;
		return block(SIG_BLOCK, sig) ? SIG_HOLD : now.sa_handler;
	}
	handler_fn *before = exchange(sig, handler, 0);
	return before == SIG_ERR || !block(SIG_UNBLOCK, sig) ? before : SIG_HOLD;
}

EXPORT int sigignore(int sig)
{
	return exchange(sig, SIG_IGN, 0) == SIG_ERR ? -1 : 0;
}

EXPORT int siginterrupt(int sig, int interrupts)
{
	struct tc_action *action = tc_action_find(sig);
	struct tc_arch_action set, was;

	if (!action) {
		__typeof__(siginterrupt) *next = tc_next(TC_NEXT_SIGINTERRUPT);
		return next ? next(sig, interrupts) : -1;
	}
	tc_action_set(action, NULL, &set);
	if (interrupts)
		set.flags &= ~(unsigned long)SA_RESTART;
	else
		set.flags |= SA_RESTART;
	if (tc_process_kind() == TC_PROCESS_OWN)
		action->interrupts = interrupts;
	tc_action_set(action, &set, &was);
	return 0;
}

/* What the program has set is asked from the kernel, not read from *set, which may not be readable,
 * and which the call has overwritten where old is the same. */
EXPORT int sigaltstack(const stack_t *set, stack_t *old)
{
	__typeof__(sigaltstack) *next = tc_next(TC_NEXT_SIGALTSTACK);
	int r = next ? next(set, old) : -1;
	stack_t now;

	if (r == 0)
		tc_altstack_conceal(old);
	if (!set || tc_syscall2(SYS_sigaltstack, 0, (long)&now) != 0)
		return r;
	if (!(now.ss_flags & SS_DISABLE) &&
	    now.ss_size < getauxval(AT_MINSIGSTKSZ) + ENTRY_BYTES)
		tc_action_avoid_altstacks();
	tc_altstack_renew(&now);
	return r;
}
