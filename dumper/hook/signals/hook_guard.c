/* SPDX-License-Identifier: Apache-2.0
 * The hook's own stacks, and the guard around everything that reads memory: a fault outside of a
 * guarded read ends the dump, never the process. */
#include "dumper/hook/signals/hook_guard.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "dumper/hook/signals/hook_action.h"
#include "dumper/hook/signals/hook_chain.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

/* bytes; tests/build/stack_depth.sh checks that the deepest path needs less than half */
#define STACK_SIZE (64u << 10)
#define GUARD_SIZE TC_ARCH_PAGE
/* bytes between the frame of tc_hook_step and the stack of its step: more than that frame has */
#define STEP_GAP 1024u
/* SYS_SECCOMP of asm-generic/siginfo.h; libc's headers do not have it */
#define TRAPPED 1
#define SIGNAL_BITS(sig) (1ull << ((sig)-1))
#define MEMORY_FAULTS (SIGNAL_BITS(SIGSEGV) | SIGNAL_BITS(SIGBUS))
/* a child ends its guarded work after these too, and at the alarm that says: its time is over */
#define OF_CHILDREN (SIGNAL_BITS(SIGFPE) | SIGNAL_BITS(SIGILL) | SIGNAL_BITS(SIGALRM))

/* The stack of the handler; that of guarded work in a child; and the stacks on which children start
 * that share our memory: one that makes a dump, its worker, and one that says a line. */
enum { STACK_HANDLER, STACK_CHILD, STACK_START, STACK_WORK, STACK_LINE, N_STACKS };
#define STRIDE (GUARD_SIZE + STACK_SIZE)

/* one after the other, each above a page that is made inaccessible at the first use */
static uint8_t *stacks;
static _Atomic bool are_fenced;

/* Guarded work: [0] in the handler, [1] in a child. Both exist at the same time when the child
 * shares our memory. */
static struct guard {
	_Atomic uint32_t tid; /* who does it; 0: nobody */
	void *way_out; /* of tc_arch_call_on; NULL: not begun */
	void (*function)(void *argument);
	void *argument;
	/* the alternate signal stack of the handler's thread, while it is disabled */
	stack_t altstack;
	bool begun;
	bool in_step, abandoned; /* a step is under way; one was abandoned */
} guards[2];

int tc_hook_stacks_init(void)
{
	uint8_t *memory = tc_sys_map(N_STACKS * STRIDE, false);

	if (!memory)
		return -ENOMEM;
	stacks = memory;
	return 0;
}

/* Make the page below each stack inaccessible. Not at the start of the process: most processes are
 * never dumped, and each such page is another mapping. */
static void fence(void)
{
	if (!atomic_exchange(&are_fenced, true))
		for (int i = 0; i < N_STACKS; i++)
			tc_syscall3(SYS_mprotect, (long)(stacks + i * STRIDE), GUARD_SIZE,
				    PROT_NONE);
}

static void *top_of(int stack)
{
	return stacks + (stack + 1) * STRIDE;
}

void *tc_hook_start_stack(void)
{
	return top_of(STACK_START);
}

void *tc_hook_line_stack(void)
{
	return top_of(STACK_LINE);
}

void *tc_hook_work_stack(void)
{
	return top_of(STACK_WORK);
}

void tc_hook_stacks(uint64_t *ret_start, uint64_t *ret_end)
{
	*ret_start = (uintptr_t)stacks;
	*ret_end = (uintptr_t)stacks + N_STACKS * STRIDE;
}

/* SIGSEGV, SIGBUS and SIGSYS that somebody has sent during guarded work in the handler, one of
 * each. They cannot be blocked meanwhile, because a fault whose signal is blocked ends the
 * process. */
static siginfo_t sent[TC_ACTION_GUARDED];

static uint32_t own_tid(void)
{
	return (uint32_t)tc_syscall0(SYS_gettid);
}

/* A signal that was sent by somebody, not raised by an instruction. In the handler's thread it is
 * kept for the program, and sent again afterwards; in a child it is dropped; in another thread the
 * program gets it. */
static bool keep_sent(int sig, const siginfo_t *info, uint32_t tid)
{
	if (guards[0].tid == tid)
		sent[tc_action_guarded_at(sig)] = *info;
	return guards[0].tid == tid || guards[1].tid == tid;
}

static void send_kept(void)
{
	for (int i = 0; i < TC_ACTION_GUARDED; i++) {
		if (sent[i].si_signo)
			tc_syscall4(SYS_rt_tgsigqueueinfo, tc_syscall0(SYS_getpid), own_tid(),
				    sent[i].si_signo, (long)&sent[i]);
		sent[i].si_signo = 0;
	}
}

/* A seccomp filter has answered a system call with SIGSYS. If it is one of ours, let it fail with
 * EPERM. We know ours by the stack pointer, not by a system call, because the filter may answer
 * that with SIGSYS too. */
static bool answer_trap(int sig, const siginfo_t *info, struct tc_arch_context *context)
{
	if (sig != SIGSYS || info->si_code != TRAPPED ||
	    context->rsp - (uint64_t)(uintptr_t)stacks >= N_STACKS * STRIDE)
		return false;
	context->rax = (uint64_t)-EPERM;
	return true;
}

bool tc_hook_guard_owns(int sig, siginfo_t *info, void *context)
{
	if (answer_trap(sig, info, context))
		return true;
	uint32_t tid = own_tid();
	bool memory = sig == SIGSEGV || sig == SIGBUS || sig == SIGSYS;

	if (!memory && guards[1].tid != tid)
		return false;

	if (info->si_code <= 0)
		return keep_sent(sig, info, tid);
	if (sig == SIGSYS && info->si_code == TRAPPED)
		return false;
	if (tc_arch_fix(context))
		return true;
	for (int i = 0; i < 2; i++)
		if (guards[i].tid == tid && guards[i].way_out) {
			tc_arch_abandon(context, guards[i].way_out);
			return true;
		}
	return false;
}

/* A fault in another thread: the program must get it as without us. */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	if (!tc_hook_guard_owns(sig, info, context))
		tc_chain_guard_yield(sig, info, context);
}

void tc_hook_answer_traps(void)
{
	tc_sys_action(SIGSYS, (void *)on_fault, SA_SIGINFO | SA_NODEFER, 0);
}

/* Runs on our stack. The signal that brought us here may have used the thread's alternate signal
 * stack. If the program's fault handlers use it as well, a fault of one of our reads would start at
 * its top, and overwrite the frames that lie there. So it is disabled; the kernel allows that only
 * while we are not on it (sigaltstack(2), EPERM). */
static void run(void *argument)
{
	struct guard *guard = argument;
	stack_t none = { .ss_flags = SS_DISABLE };

	if (guard == &guards[0] &&
	    tc_syscall2(SYS_sigaltstack, (long)&none, (long)&guard->altstack) != 0)
		return;
	guard->begun = true;
	/* Only now: a signal that the program blocks may be pending, and is delivered here, to our
	 * handler, which keeps it for the program. */
	tc_sys_unblock(MEMORY_FAULTS | (guard == &guards[1] ? OF_CHILDREN : 0));
	guard->function(guard->argument);
}

static void put_back(void *argument)
{
	struct guard *guard = argument;

	if (guard == &guards[0] && guard->begun)
		tc_syscall2(SYS_sigaltstack, (long)&guard->altstack, 0);
}

/* The step runs on the same stack, farther down. */
bool tc_hook_step(void (*function)(void *argument), void *argument)
{
	struct guard *guard = &guards[guards[1].tid == own_tid()];
	void *outer = guard->way_out;
	uintptr_t top = ((uintptr_t)__builtin_frame_address(0) - STEP_GAP) & ~(uintptr_t)15;

	guard->in_step = true;
	bool whole = tc_arch_call_on((void *)top, function, argument, &guard->way_out);
	guard->in_step = false;
	guard->way_out = outer;
	return whole;
}

bool tc_hook_step_abandon(void *context)
{
	struct guard *guard = &guards[1];

	if (guard->tid != own_tid() || !guard->in_step || guard->abandoned)
		return false;
	guard->abandoned = true;
	tc_arch_abandon(context, guard->way_out);
	return true;
}

bool tc_hook_guarded(void (*function)(void *argument), void *argument, bool private_actions)
{
	uint64_t mask;
	void *top = top_of(private_actions ? STACK_CHILD : STACK_HANDLER), *unused;
	struct guard *guard = &guards[private_actions];

	tc_sys_block(&mask);
	fence();
	guard->way_out = NULL;
	guard->begun = guard->in_step = guard->abandoned = false;
	guard->function = function;
	guard->argument = argument;
	guard->tid = own_tid();
	if (private_actions) {
		tc_hook_answer_traps();
		tc_sys_action(SIGSEGV, (void *)on_fault, SA_SIGINFO, ~0ull);
		tc_sys_action(SIGBUS, (void *)on_fault, SA_SIGINFO, ~0ull);
		tc_sys_action(SIGFPE, (void *)on_fault, SA_SIGINFO, ~0ull);
		tc_sys_action(SIGILL, (void *)on_fault, SA_SIGINFO, ~0ull);
	} else {
		tc_chain_guard_begin(on_fault);
	}
	bool whole = tc_arch_call_on(top, run, guard, &guard->way_out) && guard->begun;
	tc_sys_block(NULL);
	guard->way_out = NULL;
	tc_arch_call_on(top, put_back, guard, &unused);
	if (!private_actions)
		tc_chain_guard_end();
	guard->tid = 0;
	if (!private_actions)
		send_kept();
	tc_sys_mask(mask, NULL);
	return whole;
}
