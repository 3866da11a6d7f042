/* SPDX-License-Identifier: Apache-2.0
 * pthread_create, interposed: the new thread gets an alternate signal stack (hook_altstack.h)
 * before it begins its work. Threads that libc makes itself (timers, aio, thrd_create) do not come
 * here, and have none. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "dumper/hook/signals/hook_altstack.h"
#include "dumper/hook/signals/hook_next.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"

/* missing in other libcs, and in glibc before 2.32 */
#ifdef PTHREAD_ATTR_NO_SIGMASK_NP
extern __typeof__(pthread_attr_getsigmask_np) pthread_attr_getsigmask_np __attribute__((weak));
#endif

#define EXPORT __attribute__((visibility("default")))

/* Where the compiler makes a jump of the last call, backtraces of the thread are as without us. */
static void *run(void *given)
{
	struct tc_altstack *stack = given;
	void *(*start)(void *) = stack->start;
	void *argument = stack->argument;

	uint64_t mask = stack->mask;
	bool masked = stack->masked;

	tc_altstack_use(stack);
	if (masked)
		tc_sys_mask(mask, NULL);
	return start(argument);
}

/* Has the thread a mask of its own, by pthread_attr_setsigmask_np (glibc 2.32)? */
static bool has_mask(const pthread_attr_t *attributes)
{
#ifdef PTHREAD_ATTR_NO_SIGMASK_NP
	sigset_t mask;

	return attributes && pthread_attr_getsigmask_np &&
	       pthread_attr_getsigmask_np(attributes, &mask) != PTHREAD_ATTR_NO_SIGMASK_NP;
#else
	(void)attributes;
	return false;
#endif
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *argument)
{
	__typeof__(pthread_create) *next = tc_next(TC_NEXT_PTHREAD_CREATE);
	const uint64_t all = ~UINT64_C(0);
	uint64_t mask = 0;
	struct tc_altstack *stack = next ? tc_altstack_take() : NULL;

	if (!stack)
		return next ? next(thread, attributes, start, argument) : EAGAIN;
	*stack = (struct tc_altstack){ start, argument, 0, !has_mask(attributes) };
	/* A signal that is pending would be delivered to the thread before it has its stack. */
	tc_syscall4(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&mask, sizeof(mask));
	stack->mask = mask;
	int r = next(thread, attributes, run, stack);
	tc_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask));
	if (r != 0)
		tc_altstack_give_back(stack);
	return r;
}
