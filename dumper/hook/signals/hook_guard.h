/* SPDX-License-Identifier: Apache-2.0
 * The hook's stacks, and faults while memory is read. Safe in a handler. */
#ifndef TC_HOOK_GUARD_H
#define TC_HOOK_GUARD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Run function(argument) on a stack of the hook's. SIGSEGV and SIGBUS are handled so that guarded
 * reads (tc_arch_copy) fail instead of ending the process; all other signals but SIGSYS are
 * blocked. False: a fault outside a guarded read has ended it half way; or it was not begun,
 * because the thread's alternate signal stack cannot be disabled meanwhile. private_actions: we are
 * in a child, which has its own signal actions, and another stack is used. */
bool tc_hook_guarded(void (*function)(void *argument), void *argument, bool private_actions);
/* A step of guarded work, in the thread that does it: run function(argument). False: a fault
 * outside of a guarded read, or tc_hook_step_abandon, has ended it half way, and the work goes on
 * behind it. Steps do not nest. */
bool tc_hook_step(void (*function)(void *argument), void *argument);
/* In a handler that interrupted guarded work in a child: end the step that is under way, once.
 * False: there is none, or it was asked for a second time. */
bool tc_hook_step_abandon(void *context);
/* To be called first in a handler of SIGSEGV, SIGBUS or SIGSYS, for others too: is the signal ours?
 * Then everything is done that must be: a guarded read fails, guarded work ends, or the signal is
 * kept for the program until this thread's guarded work has ended. */
bool tc_hook_guard_owns(int sig, siginfo_t *info, void *context);
/* In a child: set a handler by which system calls that a seccomp filter answers with SIGSYS fail
 * with EPERM. The program's handler must not run here: it may share our memory and its sockets. */
void tc_hook_answer_traps(void);
/* Map the stacks. Normal context, once. 0 or -errno. */
int tc_hook_stacks_init(void);
/* The top (highest address) of the stack on which children start that share our memory: one that
 * makes a dump; one that says a line; the worker of the first. */
void *tc_hook_start_stack(void);
void *tc_hook_line_stack(void);
void *tc_hook_work_stack(void);
/* The addresses at which all stacks begin and end. */
void tc_hook_stacks(uint64_t *ret_start, uint64_t *ret_end);

#endif
