/* SPDX-License-Identifier: Apache-2.0
 * pthread_create, interposed: the new thread gets an alternate signal stack (hook_altstack.h)
 * before it begins its work. Threads that libc makes itself (timers, aio, thrd_create) do not come
 * here, and have none. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stddef.h>

#include "dumper/hook/signals/hook_altstack.h"
#include "dumper/hook/signals/hook_next.h"

#define EXPORT __attribute__((visibility("default")))

/* Where the compiler makes a jump of the last call, backtraces of the thread are as without us. */
static void *run(void *given)
{
	struct tc_altstack *stack = given;
	void *(*start)(void *) = stack->start;
	void *argument = stack->argument;

	tc_altstack_use(stack);
	return start(argument);
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*start)(void *), void *argument)
{
	__typeof__(pthread_create) *next = tc_next(TC_NEXT_PTHREAD_CREATE);
	struct tc_altstack *stack = next ? tc_altstack_take() : NULL;

	if (!stack)
		return next ? next(thread, attributes, start, argument) : EAGAIN;
	*stack = (struct tc_altstack){ start, argument };
	int r = next(thread, attributes, run, stack);
	if (r != 0)
		tc_altstack_give_back(stack);
	return r;
}
