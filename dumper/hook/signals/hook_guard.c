/* SPDX-License-Identifier: Apache-2.0
 * The hook's own stacks, and the guard around everything that reads memory: a fault that no guarded
 * read accounts for ends the dump, never the process. */
#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "lib/sys/sys.h"
#include "dumper/hook/common/hook.h"
#include "dumper/hook/signals/hook_action.h"
#include "dumper/hook/signals/hook_chain.h"
#include "lib/base/safe.h"

#define STACK_SIZE (64u << 10) /* tests/build/stack_depth.sh: the deepest path needs less than half */
#define GUARD_SIZE TC_ARCH_PAGE
#define TRAPPED 1		       /* SYS_SECCOMP of asm-generic/siginfo.h, which libc lacks */
#define SIGNAL_BITS(sig) (1ull << ((sig)-1))

/* The handler's; that of guarded work in a child; those on which children start that share our
 * memory, one that makes a dump, its worker, and one that says a line. */
enum { STACK_HANDLER, STACK_CHILD, STACK_START, STACK_WORK, STACK_LINE, N_STACKS };
#define STRIDE (GUARD_SIZE + STACK_SIZE)

static uint8_t *stacks; /* each above a page that cannot be touched, from their first use on */
static _Atomic bool are_fenced;

/* Guarded work in the handler and in a child: both at once, where the child shares our memory. */
static struct guard {
	_Atomic uint32_t tid; /* who is at it; 0: nobody */
	void *way_out;	      /* NULL: not yet */
	void (*function)(void *argument);
	void *argument;
	stack_t altstack; /* the handler's thread's own, while it is put aside */
	bool begun;
} guards[2];

int tc_hook_stacks_init(void)
{
	uint8_t *memory = tc_sys_map(N_STACKS * STRIDE, false);

	if (!memory)
		return -ENOMEM;
	stacks = memory;
	return 0;
}

/* Not at the start: most processes are never dumped, and each fence is a mapping more. */
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

/* SIGSEGV, SIGBUS and SIGSYS that somebody sent while the handler was guarded, one of each. They cannot
 * be blocked meanwhile: a guarded read that faults would end the process. */
static siginfo_t sent[TC_ACTION_GUARDED];

static uint32_t own_tid(void)
{
	return (uint32_t)tc_syscall0(SYS_gettid);
}

/* One that no instruction raised: kept for the program. A child is sent nothing that concerns it.
 */
static void on_sent(int sig, siginfo_t *info, void *context, uint32_t tid)
{
	if (guards[0].tid == tid)
		sent[tc_action_guarded_at(sig)] = *info;
	else if (guards[1].tid != tid)
		tc_chain_guard_yield(sig, info, context);
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

/* A filter of system calls has answered one of ours with SIGSYS: it fails. Told by the stack: in a
 * process of which much is trapped, this asks nothing of the kernel. */
static bool answer_trap(int sig, const siginfo_t *info, struct tc_arch_context *context)
{
	if (sig != SIGSYS || info->si_code != TRAPPED ||
	    context->rsp - (uint64_t)(uintptr_t)stacks >= N_STACKS * STRIDE)
		return false;
	context->rax = (uint64_t)-EPERM;
	return true;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	if (answer_trap(sig, info, context))
		return;
	if (sig == SIGSYS && info->si_code == TRAPPED) {
		tc_chain_guard_yield(sig, info, context);
		return;
	}
	uint32_t tid = own_tid();

	if (info->si_code <= 0) {
		on_sent(sig, info, context, tid);
		return;
	}
	if (tc_arch_fix(context))
		return;
	for (int i = 0; i < 2; i++)
		if (guards[i].tid == tid && guards[i].way_out) {
			tc_arch_abandon(context, guards[i].way_out);
			return;
		}
	/* A fault of another thread: it must happen as without us. */
	tc_chain_guard_yield(sig, info, context);
}

void tc_hook_answer_traps(void)
{
	tc_sys_action(SIGSYS, (void *)on_fault, SA_SIGINFO | SA_NODEFER, 0);
}

/* Our stack is no alternate stack to the kernel. The signal may have come on the thread's own one:
 * there our reads' faults would overwrite what lies on it, if the program has handlers for faults
 * run there. Only from here it lets us put it aside (sigaltstack(2), EPERM). */
static void run(void *argument)
{
	struct guard *guard = argument;
	stack_t none = { .ss_flags = SS_DISABLE };

	if (guard == &guards[0] &&
	    tc_syscall2(SYS_sigaltstack, (long)&none, (long)&guard->altstack) != 0)
		return;
	guard->begun = true;
	/* Not before: one that was sent may be pending, blocked by the program, and not for it now. */
	tc_sys_unblock(SIGNAL_BITS(SIGSEGV) | SIGNAL_BITS(SIGBUS));
	guard->function(guard->argument);
}

static void put_back(void *argument)
{
	struct guard *guard = argument;

	if (guard == &guards[0] && guard->begun)
		tc_syscall2(SYS_sigaltstack, (long)&guard->altstack, 0);
}

bool tc_hook_guarded(void (*function)(void *argument), void *argument, bool private_actions)
{
	uint64_t mask;
	void *top = top_of(private_actions ? STACK_CHILD : STACK_HANDLER), *unused;
	struct guard *guard = &guards[private_actions];

	tc_sys_block(&mask);
	fence();
	guard->way_out = NULL;
	guard->begun = false;
	guard->function = function;
	guard->argument = argument;
	guard->tid = own_tid();
	if (private_actions) {
		tc_hook_answer_traps();
		tc_sys_action(SIGSEGV, (void *)on_fault, SA_SIGINFO, ~0ull);
		tc_sys_action(SIGBUS, (void *)on_fault, SA_SIGINFO, ~0ull);
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
