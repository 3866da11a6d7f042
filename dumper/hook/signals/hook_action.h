/* SPDX-License-Identifier: Apache-2.0
 * The signal actions that the program has set for the signals that the hook has taken: a table that
 * sigaction and its relatives (hook_names.c) write, and handlers (hook_chain.c) read. Readers never
 * wait for a writer, which may have been stopped half way. A writer blocks all signals, so that no
 * handler interrupts it. Everything here may run in a signal handler, unless "normal context" is
 * said; so may the writers, because sigaction may be called in a handler. */
#ifndef TC_HOOK_ACTION_H
#define TC_HOOK_ACTION_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/sys/arch_x86_64.h"
#include "dumper/hook/signals/hook_chain.h"

#define TC_ACTION_MAX 8

/* A signal action, in words that can be read while another thread writes them. */
struct tc_action_cell {
	_Atomic uint64_t flags, mask;
	_Atomic(void *) handler;
	_Atomic(void (*)(void)) restorer;
};

struct tc_action {
	int sig;
	/* 0 to TC_ACTION_MAX - 1; guarded ones are counted apart, also from 0 */
	unsigned index;
	/* SIGSEGV, SIGBUS, SIGSYS: ours only while a dump reads memory. The first two have an entry
	 * in the table besides, where the hook has taken them for good. */
	bool guarded;
	/* a fatal signal: our entry runs on the alternate stack, because the thread's own may have
	 * overflowed */
	bool fatal;
	/* while seq is this, the kernel has the program's action, as if we were not there */
	_Atomic uint64_t let_seq;
	/* siginterrupt(sig, 1) was called: signal() does not set SA_RESTART */
	bool interrupts;
	_Atomic(tc_chain_entry *) entry; /* what the kernel calls */
	/* how often an action was set; the last one is in cells[seq & 1] */
	_Atomic uint64_t seq;
	_Atomic uint64_t spent;	     /* the seq of the SA_RESETHAND handler that has run; 0: none */
	_Atomic uint64_t found_seq;  /* while seq is this, the action is in found, not in cells */
	struct tc_action_cell found; /* the kernel's action when we took the signal */
	struct tc_action_cell cells[2];
	/* how many threads are between tc_action_ignore_begin and _end */
	_Atomic uint32_t n_ignoring;
};

/* SIGSEGV, SIGBUS and SIGSYS, which belong to the hook only while tc_action_guarding is true. */
#define TC_ACTION_GUARDED 3
extern struct tc_action tc_action_guarded[TC_ACTION_GUARDED];

/* The index of sig in tc_action_guarded. */
static inline unsigned tc_action_guarded_at(int sig)
{
	return sig == SIGSEGV ? 0 : sig == SIGBUS ? 1 : 2;
}

/* A dump reads memory now, and has taken the guarded signals. */
extern _Atomic bool tc_action_guarding;

/* rt_sigaction(2) of the kernel, past everything interposed; set and ret_old may be NULL. 0 or
 * -errno. */
int tc_action_kernel(int sig, const struct tc_arch_action *set, struct tc_arch_action *ret_old);

/* What handlers return to: libc's restorer where it is known, else tc_arch_restore. */
extern void (*tc_action_restorer)(void);

/* An action for the kernel, with this restorer. */
struct tc_arch_action tc_action_of(void *handler, unsigned long flags, uint64_t mask);

/* The table entry of sig; NULL: the hook has not taken it. */
struct tc_action *tc_action_find(int sig);

/* Record *kernel, the kernel's action when we took the signal, as what the program has set. */
void tc_action_found(struct tc_action *action, const struct tc_arch_action *kernel);

/* Take sig: from now on the kernel calls entry, and the kernel's action until now counts as set by
 * the program. Normal context. 0 or -errno. */
int tc_action_take(int sig, tc_chain_entry *entry, bool fatal);

/* Give sig to the program until it sets an action for it again: the kernel gets what it has set.
 * False: the kernel did not take it (a filter of system calls). */
bool tc_action_let(struct tc_action *action);

/* The kernel's action for what the program has set, as tc_action_read gives it. */
struct tc_arch_action tc_action_own(const struct tc_arch_action *set);

/* Read what the program has set. Returns its seq. */
uint64_t tc_action_read(const struct tc_action *action, struct tc_arch_action *ret);

/* As sigaction(2); set may be NULL. In a vfork child only the kernel's action is set, which is its
 * own; the table is its parent's. */
void tc_action_set(struct tc_action *action, const struct tc_arch_action *set,
		   struct tc_arch_action *ret_old);

/* To be called before a SA_RESETHAND handler of this seq runs: from now on the action is SIG_DFL.
 * False: it has run already. */
bool tc_action_spend(struct tc_action *action, uint64_t seq);

/* Does the kernel call our entry for this signal? */
bool tc_action_is_front(const struct tc_action *action);

/* The action that the kernel must have when the program has set *set: it calls our entry, on the
 * stack and with the mask that the program asked for. */
struct tc_arch_action tc_action_in_front(const struct tc_action *action,
					 const struct tc_arch_action *set);

/* Set this action in the kernel, for what the program has set now. False: the kernel did not take
 * it. */
bool tc_action_settle(struct tc_action *action);

/* Only one thread at a time changes actions, with all signals blocked. lock returns the mask to be
 * given to unlock. */
uint64_t tc_action_lock(void);
void tc_action_unlock(uint64_t before);

/* Has the program set SIG_IGN for a signal that we have taken? */
bool tc_action_is_ignored(int sig);

/* From now on do not use the alternate signal stack, unless the program asks for it (SA_ONSTACK).
 * To be called when the program has set one that is too small even for our entry. */
void tc_action_avoid_altstacks(void);

/* From begin to end the kernel itself ignores those of our signals that the program ignores, so
 * that a program which is started meanwhile ignores them too. begin returns what end needs. */
uint32_t tc_action_ignore_begin(void);
void tc_action_ignore_end(uint32_t which);

#endif
