/* SPDX-License-Identifier: Apache-2.0
 * An alternate signal stack for each thread. Without one the kernel cannot call any handler in a
 * thread that has used up its own stack: it ends the process (sigaltstack(2)). The program does not
 * notice these stacks: when it asks, it has none, and one that it sets itself takes the place of
 * ours. It sees ours in two cases only: in a handler that runs on it, and by a system call of its
 * own (Go makes one in each thread of C that calls it, and then uses what it finds). */
#ifndef TC_HOOK_ALTSTACK_H
#define TC_HOOK_ALTSTACK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* At the highest addresses of each of our stacks: what its thread is to do. It is dead as soon as
 * tc_altstack_use is called, and a handler may overwrite it. */
struct tc_altstack {
	void *(*start)(void *argument);
	void *argument;
	/* The thread begins with all signals blocked, and has this mask when it begins its work. */
	uint64_t mask;
	bool masked;
};

/* From now on threads get alternate stacks; the calling thread gets one here, unless it has one.
 * Until this is called there are none, and nothing is mapped. Normal context, once. */
void tc_hook_altstack_main(void);

/* A stack for a thread that is about to be made; NULL: none are wanted, or there is none to be had.
 * Normal context. */
struct tc_altstack *tc_altstack_take(void);

/* Take back a stack that no thread uses. Normal context. */
void tc_altstack_give_back(struct tc_altstack *stack);

/* Make stack that of the calling thread, which has just begun, until it ends. Where that is not
 * possible it is given back. Normal context. */
void tc_altstack_use(struct tc_altstack *stack);

/* What sigaltstack(2) must do besides the system call. Both may run in a signal handler. conceal:
 * where *old (may be NULL), which the kernel has written, is our stack, make it what a thread
 * without one gets. renew: the program may have disabled the stack that was in force; *now is the
 * one that is in force now, and if there is none, ours is set again. */
void tc_altstack_conceal(stack_t *old);
void tc_altstack_renew(const stack_t *now);

#endif
