/* SPDX-License-Identifier: Apache-2.0
 * The handler of fatal signals. Who owns such a signal is decided here, in this order: a guarded
 * read of the hook, then the dump, then the program. After the dump happens what would have
 * happened without us (tc_chain_end). */
#include "dumper/hook/hook_crash.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#include "dumper/hook/capture/hook_still.h"
#include "dumper/hook/child/hook_end.h"
#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/common/hook_emulator.h"
#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/common/hook_settings.h"
#include "dumper/hook/hook_library.h"
#include "dumper/hook/hook_python.h"
#include "dumper/hook/hook_refuse.h"
#include "dumper/hook/hook_request.h"
#include "dumper/hook/hook_turn.h"
#include "dumper/hook/signals/hook_altstack.h"
#include "dumper/hook/signals/hook_chain.h"
#include "dumper/hook/signals/hook_guard.h"
#include "dumper/hook/signals/hook_next.h"
#include "lib/format/fatal_signal.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

/* A handler that reports a signal, and then raises it again, has done so after that time. */
#define AGAIN_NS 5000000000u
#define ABORTS_NS 1000000000u /* between two dumps of abort() that a handler gets */
#define ABORT_WORDS 40u	     /* of the stack, in which the caller of raise() is found */
/* A fault so near to the stack pointer is an overflow, or a bad stack pointer. */
#define NEAR_STACK 65536u

/* The last fatal signal that was to go to a handler of the program. */
static struct before {
	_Atomic uint32_t tid; /* 0: there was none */
	bool dumped;
	const void *handler;
	uint64_t ns; /* CLOCK_MONOTONIC */
	siginfo_t info;
	struct tc_arch_context context;
} before;

/* Does the handler of the last signal still run, on a stack of its own or farther down, or has it
 * just returned to where it was called? */
static bool is_inside(const struct tc_arch_context *context)
{
	return context->rsp - context->stack[0] < context->stack[2] ||
	       (context->rsp == before.context.rsp && context->rip == before.context.rip) ||
	       (context->rsp < before.context.rsp &&
		before.context.rsp - context->rsp < NEAR_STACK);
}

/* Is this that signal again? Its handler has put back the action that it found, which may be a
 * handler too, and lets the instruction fault again, or raises the signal itself, as faulthandler
 * does. In doubt it is another one: two dumps are better than none. */
static bool is_same_again(int sig, const siginfo_t *info, const struct tc_arch_context *context,
			  const void *handler)
{
	if (before.tid != tc_hook_own_tid() ||
	    tc_sys_clock_ns(CLOCK_MONOTONIC) - before.ns > AGAIN_NS)
		return false;
	/* where SIGABRT cannot end the process (init of a pid namespace), abort() ends it so */
	if (before.info.si_signo == SIGABRT && sig == SIGSEGV && info->si_code == SI_KERNEL)
		return tc_arch_at_halt(context);
	if (before.info.si_signo != sig || handler == before.handler || !is_inside(context))
		return false;
	if (info->si_code > 0)
		return context->rip == before.context.rip;
	return (uint32_t)info->si_pid == tc_hook_process()->pid ||
	       info->si_pid == before.info.si_pid;
}

static void keep(const siginfo_t *info, const struct tc_arch_context *context, const void *handler,
		 bool dumped)
{
	before.tid = 0;
	before.info = *info;
	before.context = *context;
	before.handler = handler;
	before.dumped = dumped;
	before.ns = tc_sys_clock_ns(CLOCK_MONOTONIC);
	before.tid = tc_hook_own_tid();
}

/* What kind of handler the program has. Runtimes, as those of Go, Java and WebAssembly, let their
 * code fault on purpose, and their handler goes on behind it: theirs is a fault in the library of
 * the handler itself, or in code that is in no file. For them a dump is made only when the handler
 * gives the fault back. */
enum handler_kind { HANDLER_OTHER, HANDLER_RECOVERS, HANDLER_REPORTS };

static const void *handler_of(int sig)
{
	struct tc_arch_action action = { 0 };

	tc_syscall4(SYS_rt_sigaction, sig, 0, (long)&action, sizeof(action.mask));
	return action.handler;
}

/* Is this handler of Python's that of faulthandler, which ends the process? It is set for all
 * faults at once. The other one, which calls handlers in Python, is set for each signal by itself,
 * and for these two if it is for all. */
static bool is_faulthandler(const void *handler)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
	static const siginfo_t fault = { .si_code = 1 };
	unsigned long flags;
	void *other;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		tc_chain_fate(faults[i], &fault, &other, &flags);
		if (other != handler)
			return false;
	}
	return handler_of(SIGINT) != handler && handler_of(SIGTERM) != handler;
}

static enum handler_kind look_up(const void *handler, uint64_t code)
{
	enum { HANDLER, CODE, PYTHON, N };
	const uint64_t at[N] = { (uintptr_t)handler, code, tc_hook_python_code() };
	uint64_t files[N];

	tc_hook_libraries(at, N, files);
	if (files[HANDLER] && files[HANDLER] == files[PYTHON])
		return is_faulthandler(handler) ? HANDLER_REPORTS : HANDLER_OTHER;
	return files[HANDLER] && (!files[CODE] || files[CODE] == files[HANDLER]) ?
		       HANDLER_RECOVERS :
		       HANDLER_OTHER;
}

/* Some programs probe addresses: they set a handler, fault, and put the old action back. The answer
 * of the last time is kept for them, because the maps of a large process take milliseconds. It is
 * one word, so that two threads that fault at once cannot mix their answers: what was asked, and in
 * the two lowest bits the answer. */
static enum handler_kind kind_of(const void *handler, uint64_t code)
{
	static _Atomic uint64_t last;
	const uint64_t question = ((uintptr_t)handler * 0x9e3779b97f4a7c15u ^ code) & ~3ull;
	uint64_t answer = last;

	if (!handler)
		return HANDLER_OTHER;
	if (!answer || (answer & ~3ull) != question)
		last = answer = question | (look_up(handler, code) + 1u);
	return (enum handler_kind)((answer & 3) - 1);
}

/* Can the handler not go on? One that is called once (SA_RESETHAND) does not recover from faults;
 * and one that runs on the thread's own stack cannot even be called when that has overflowed. */
static bool is_last(int sig, const siginfo_t *info, const struct tc_arch_context *context,
		    unsigned long flags)
{
	const uint64_t address = (uintptr_t)info->si_addr;

	return flags & SA_RESETHAND ||
	       (sig == SIGSEGV && !(flags & SA_ONSTACK) &&
		address - (context->rsp - NEAR_STACK) < 2 * (uint64_t)NEAR_STACK);
}

/* Is it abort() that raises this SIGABRT? It ends the process whatever handler there is, if that
 * returns (glibc, stdlib/abort.c). raise() looks the same, but for its caller. */
static bool is_abort(int sig, const siginfo_t *info, const struct tc_arch_context *context)
{
	const uint64_t *stack = (const uint64_t *)(uintptr_t)context->rsp;

	if (sig != SIGABRT || info->si_code != SI_TKILL ||
	    (uint32_t)info->si_pid != tc_hook_process()->pid)
		return false;
	for (unsigned i = 0; i < ABORT_WORDS; i++)
		if (tc_next_is_in_abort(stack[i]))
			return true;
	return false;
}

/* A process that may live on is dumped no more often than by a plain signal; but abort() is most
 * times its end. */
static bool is_too_soon(uint64_t now, bool aborts)
{
	uint64_t last = tc_hook_process()->last_ns;
	uint64_t least = tc_hook_settings.min_interval_s * 1000000000u;

	if (aborts && least > ABORTS_NS)
		least = ABORTS_NS;
	return last && now - last < least;
}

/* Become the thread whose fatal signal is dumped. While another one is, wait: most times the
 * process ends meanwhile. If it does not, one dump of several threads that crash at once must do.
 * False: no dump is to be made. */
static bool begin(struct tc_hook_process *process, const struct tc_arch_context *context)
{
	uint32_t nobody = 0, tid = tc_hook_own_tid();

	if (process->crashing == tid || process->busy == tid)
		return false; /* a fault of our own, or on the way to the end */
	if (atomic_compare_exchange_strong(&process->crashing, &nobody, tid))
		return true;
	tc_hook_stand_still(context);
	return false;
}

static void end(struct tc_hook_process *process)
{
	process->crashing = 0;
	tc_syscall3(SYS_futex, (long)&process->crashing, FUTEX_WAKE, INT32_MAX);
}

/* Make the dump, and wait until it is sealed. */
static void dump(int sig, siginfo_t *info, const struct tc_arch_context *context,
		 bool dies, const void *handler, enum handler_kind kind)
{
	struct tc_hook_process *process = tc_hook_process();
	uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC);
	struct tc_request request = {
		.reason = tc_fatal_signal((uint32_t)sig)->reason,
		.signal = sig,
		.sender_pid = info->si_code <= 0 ? (uint32_t)info->si_pid : 0,
		.sender_uid = info->si_code <= 0 ? (uint32_t)info->si_uid : 0,
		.context = context,
		.siginfo = info,
		.handler = handler,
		.reports = kind == HANDLER_REPORTS,
		.dies = dies,
	};

	if (!dies && is_too_soon(now, is_abort(sig, info, context))) {
		/* whoever recovers from faults need not read about it */
		if (info->si_code <= 0)
			tc_hook_refuse(&request, -EAGAIN, (now - process->last_ns) / 1000000000u);
		return;
	}
	if (!begin(process, context))
		return;
	tc_hook_still_begin();
	int r = tc_hook_request_crash(&request);
	if (r < 0)
		tc_hook_refuse(&request, r, 0);
	if (dies)
		return; /* the other threads stand still until the end */
	process->last_ns = now;
	keep(info, context, handler, true);
	end(process);
}

/* Not inlined, so that its frame does not lie below what the program's handler gets. */
__attribute__((noinline)) static void look_at(int sig, siginfo_t *info,
					      const struct tc_arch_context *context)
{
	void *handler;
	unsigned long flags;
	enum tc_chain_fate fate = tc_chain_fate(sig, info, &handler, &flags);
	/* abort() ends a program that ignores SIGABRT */
	bool dies = fate == TC_CHAIN_DIES ||
		    (fate == TC_CHAIN_LIVES && is_abort(sig, info, context));

	if (fate == TC_CHAIN_LIVES && !dies)
		return;
	enum handler_kind kind = kind_of(handler, context->rip);
	if (!is_same_again(sig, info, context, handler)) {
		if (info->si_code > 0 && kind == HANDLER_RECOVERS &&
		    !is_last(sig, info, context, flags))
			keep(info, context, handler, false);
		else
			dump(sig, info, context, dies, handler, kind);
	} else if (!before.dumped) {
		bool raised = info->si_code <= 0;
		before.dumped = true;
		dump(sig, raised ? &before.info : info, raised ? &before.context : context, dies,
		     handler, kind);
	}
}

static void on_crash(int sig, siginfo_t *info, void *context)
{
	if (tc_hook_guard_owns(sig, info, context))
		return;
	if (tc_hook_dump.maker.snapshot)
		tc_hook_end(&tc_hook_dump);
	if (tc_process_kind() == TC_PROCESS_OWN)
		look_at(sig, info, context);
	tc_chain_end(sig, info, context);
}

void tc_hook_crash_take(void)
{
	static _Atomic bool taken;

	if (!tc_hook_settings.crash || tc_hook_emulator() || atomic_exchange(&taken, true))
		return;
	tc_hook_altstack_main();
	for (size_t i = 0; i < TC_N_FATAL_SIGNALS; i++)
		tc_chain_take_fatal((int)tc_fatal_signals[i].number, on_crash);
}
