/* SPDX-License-Identifier: Apache-2.0
 * The chain of signal handlers: the hook stays in front, the program is told what it set. The file
 * interposes sigaction, signal, bsd_signal, __sysv_signal, sysv_signal, ssignal, sigset, sigignore
 * and siginterrupt, and what execs (an ignored signal stays ignored in the new program). */
#ifndef TC_HOOK_CHAIN_H
#define TC_HOOK_CHAIN_H

#include <signal.h>
#include <stdbool.h>

typedef void tc_chain_entry(int sig, siginfo_t *info, void *context);

/* Take sig (at most 4 in all): from now on the kernel calls entry, with SA_RESTART and the mask the
 * program asked for (SA_RESTART | SA_ONSTACK and none when it never set a handler); what was set so
 * far, an inherited SIG_IGN too, is what the program has set. Normal context, in the constructor or
 * taskcore_install. 0, or -errno. */
int tc_chain_take(int sig, tc_chain_entry *entry);

/* Do what the program set for sig, as if the kernel had called it: its handler with its own flags
 * (SA_SIGINFO, SA_RESETHAND), nothing for SIG_IGN; for SIG_DFL nothing when live_on, else the
 * default action, so that the process ends with the same status and core as without us (the signal
 * is raised again, blocked till the handler returns). In entry; it may not come back (siglongjmp).
 */
void tc_chain_pass(int sig, siginfo_t *info, void *context, bool live_on);

/* Does this thread stand in a handler of the program's that tc_chain_pass called for sig (it raised
 * the signal anew, as faulthandler with chain=True does)? False again after a longjmp out of it.
 * context: that of the entry. */
bool tc_chain_nested(int sig, const void *context);

/* From begin to end SIGSEGV, SIGBUS and SIGSYS come to fault, with nothing else changed: on the stack and with
 * the mask that the program's handler asks for, which other threads may need at any moment. What the
 * program sets meanwhile is kept and followed. In a handler, by one thread at a time; the caller sees
 * to it that they are not blocked, and that nothing of it lies on its alternate stack that a fault
 * could overwrite. */
void tc_chain_guard_begin(tc_chain_entry *fault);
void tc_chain_guard_end(void);

/* Inside fault, when it was not ours: what the program set for sig. Its handler is
 * called and may not come back; a default action happens when fault returns. */
void tc_chain_guard_yield(int sig, siginfo_t *info, void *context);

/* Is the hook still what the kernel calls for sig? (A raw rt_sigaction can take it away.) Safe in a
 * handler. */
bool tc_chain_in_front(int sig);

#endif
