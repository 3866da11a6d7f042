/* SPDX-License-Identifier: Apache-2.0
 * What the program has set for the signals that the hook has taken: the table that sigaction and its
 * relatives (hook_names.c) write and handlers (hook_chain.c) read. Readers never wait for a writer
 * that stands still; a writer has all signals blocked, so no handler interrupts it. Everything here
 * may run in a signal handler, the writers too (sigaction may be called there). */
#ifndef TC_HOOK_ACTION_H
#define TC_HOOK_ACTION_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../lib/arch_x86_64.h"
#include "hook_chain.h"

#define TC_ACTION_MAX 4

/* One setting, in words that can be read while they are written. */
struct tc_action_cell {
	_Atomic uint64_t flags, mask;
	_Atomic(void *) handler;
	_Atomic(void (*)(void)) restorer;
};

struct tc_action {
	int sig;
	unsigned index;			 /* 0 to TC_ACTION_MAX - 1; of the guarded ones as well */
	bool guarded;			 /* SIGSEGV, SIGBUS, SIGSYS: ours only while a dump reads memory */
	bool interrupts;		 /* siginterrupt(sig, 1): signal() leaves SA_RESTART out */
	_Atomic(tc_chain_entry *) entry; /* what the kernel calls */
	_Atomic uint64_t seq;	     /* settings made so far; the last one is in cells[seq & 1] */
	_Atomic uint64_t spent;	     /* the seq whose SA_RESETHAND handler has run; 0: none */
	_Atomic uint64_t found_seq;  /* while seq is this, the setting is the one found ... */
	struct tc_action_cell found; /* ... in the kernel when the signal was taken */
	struct tc_action_cell cells[2];
	_Atomic uint32_t n_ignoring; /* threads between tc_action_ignore_begin and _end */
};

/* SIGSEGV, SIGBUS, SIGSYS. */
#define TC_ACTION_GUARDED 3
extern struct tc_action tc_action_guarded[TC_ACTION_GUARDED];

/* Which of them is sig. */
static inline unsigned tc_action_guarded_at(int sig)
{
	return sig == SIGSEGV ? 0 : sig == SIGBUS ? 1 : 2;
}

/* Is a guard in force? Then the guarded ones are ours too. */
extern _Atomic bool tc_action_guarding;

/* rt_sigaction(2) as it is: 0 or -errno. */
int tc_action_kernel(int sig, const struct tc_arch_action *set, struct tc_arch_action *ret_old);

/* An action that leads back from a handler by our own code. */
struct tc_arch_action tc_action_of(void *handler, unsigned long flags, uint64_t mask);

/* The entry of sig; NULL when the hook has not taken it. */
struct tc_action *tc_action_find(int sig);

/* The kernel's setting for action->sig, found when we took it, is the program's from now on. */
void tc_action_found(struct tc_action *action, const struct tc_arch_action *kernel);

/* Take sig: the kernel's setting becomes the program's. Normal context. 0 or -errno. */
int tc_action_take(int sig, tc_chain_entry *entry);

/* What the program has set now. Returns its seq. */
uint64_t tc_action_read(const struct tc_action *action, struct tc_arch_action *ret);

/* As sigaction(2): set may be NULL, ret_old too. What a vfork child sets goes to its own kernel
 * side and not into the table. */
void tc_action_set(struct tc_action *action, const struct tc_arch_action *set,
		   struct tc_arch_action *ret_old);

/* The handler of the setting seq runs now. False: it was SA_RESETHAND and has run already. */
bool tc_action_spend(struct tc_action *action, uint64_t seq);

/* Does the kernel call the entry? */
bool tc_action_is_front(const struct tc_action *action);

/* What the kernel is to do where the program has set this: call the entry, on the stack and with the
 * mask that the program asks for. */
struct tc_arch_action tc_action_in_front(const struct tc_action *action,
					 const struct tc_arch_action *set);

/* Tell the kernel so, for what is set now. */
void tc_action_settle(struct tc_action *action);

/* One thread at a time changes settings, with signals blocked. Returns what unlock needs. */
uint64_t tc_action_lock(void);
void tc_action_unlock(uint64_t before);

/* Has the program set SIG_IGN for a signal that we have taken? */
bool tc_action_is_ignored(int sig);

/* The program has an alternate stack on which not even the kernel's part of a handler may fit, and no
 * handler asked for it: do not use alternate stacks unasked. */
void tc_action_avoid_altstacks(void);

/* From begin to end the kernel ignores the taken signals that the program ignores, so that a
 * program started meanwhile does too. Returns what end needs. */
uint32_t tc_action_ignore_begin(void);
void tc_action_ignore_end(uint32_t which);

#endif
