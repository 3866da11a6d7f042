/* SPDX-License-Identifier: Apache-2.0
 * The chain of signal handlers. For the signals that the hook has taken the kernel calls the hook
 * first, and the hook calls what the program has set. The program does not notice: when it asks, it
 * gets back what it has set. For that hook_names.c interposes sigaction and its relatives, and
 * hook_exec.c what starts programs. Everything here may run in a signal handler, unless "normal
 * context" is said. */
#ifndef TC_HOOK_CHAIN_H
#define TC_HOOK_CHAIN_H

#include <signal.h>
#include <stdbool.h>

typedef void tc_chain_entry(int sig, siginfo_t *info, void *context);

/* Use libc's restorer (sa_restorer of rt_sigaction(2)), so that whoever prints the stack in a
 * handler sees what he would without us. Before any signal is taken. */
void tc_chain_restorer(void (*restorer)(void));

/* Take sig (at most 8 in all): from now on the kernel calls entry, with the flags SA_RESTART,
 * SA_NODEFER and SA_ONSTACK and the mask as the program sets them with a handler (without one:
 * SA_RESTART | SA_ONSTACK and an empty mask). The present action, which may be an inherited
 * SIG_IGN, counts as set by the program. Normal context. 0 or -errno; -ENOSPC: too many. */
int tc_chain_take(int sig, tc_chain_entry *entry);
/* The same for a signal that ends the process unless the program has a handler. For SIGSEGV and
 * SIGBUS the kernel calls entry on the thread's alternate stack, whatever the program's handler
 * asks for. */
int tc_chain_take_fatal(int sig, tc_chain_entry *entry);

/* What becomes of the process by a fatal signal. LIVES: the program ignores it, or the kernel does
 * not deliver it to the init of a pid namespace. HANDLED: it has a handler of its own. */
enum tc_chain_fate { TC_CHAIN_DIES, TC_CHAIN_LIVES, TC_CHAIN_HANDLED };
/* To be called in entry of a fatal signal. *ret_handler: the program's handler, and *ret_flags its
 * flags (SA_RESETHAND …); NULL: none. */
enum tc_chain_fate tc_chain_fate(int sig, const siginfo_t *info, void **ret_handler,
				 unsigned long *ret_flags);
/* The last thing in entry of a fatal signal: let happen what would without us, when entry has
 * returned. A fault is repeated, with the program's own action in the kernel; a signal that was
 * sent is sent again. SIGABRT, SIGFPE or SIGILL that was sent goes to the program's handler, as if
 * the kernel had called it: then this does not return. */
void tc_chain_end(int sig, siginfo_t *info, void *context);

/* Do what the program has set for sig, as the kernel would: its handler with its own flags
 * (SA_SIGINFO, SA_RESETHAND), nothing for SIG_IGN; for SIG_DFL nothing if live_on is true, else the
 * default action: the signal is raised again and ends the process when our handler returns, with
 * the same status and core as without us. To be called in entry only. It may not return, because
 * the program's handler may call siglongjmp. */
void tc_chain_pass(int sig, siginfo_t *info, void *context, bool live_on);

/* Is this thread inside a handler of the program that tc_chain_pass has called for sig? Then that
 * handler has raised the signal again (as faulthandler with chain=True does), and no second dump is
 * wanted. False again after a longjmp out of it. context: the third argument of entry. */
bool tc_chain_nested(int sig, const void *context);

/* From begin to end the kernel calls fault for SIGSEGV, SIGBUS and SIGSYS, in all threads. Stack
 * and mask stay as the program's handlers ask for, because other threads may have real faults
 * meanwhile. What the program sets meanwhile is recorded, and in force after end. Only one thread
 * at a time may do this. Before it reads memory, the caller must unblock these signals, and leave
 * or disable its alternate signal stack, which a fault would overwrite. */
void tc_chain_guard_begin(tc_chain_entry *fault);
void tc_chain_guard_end(void);

/* To be called in fault, for a signal that is not ours: do what the program has set for sig. Its
 * handler is called, and may not return; a default action happens when fault returns. */
void tc_chain_guard_yield(int sig, siginfo_t *info, void *context);

/* Does the kernel still call the hook for sig? (A program that makes the system call rt_sigaction
 * itself can change that.) */
bool tc_chain_in_front(int sig);

#endif
