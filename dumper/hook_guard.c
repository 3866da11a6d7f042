/* SPDX-License-Identifier: Apache-2.0
 * The hook's own stacks, and the guard around everything that reads memory: a fault that no guarded
 * read accounts for ends the dump, never the process. */
#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../lib/sys.h"
#include "hook.h"
#include "hook_chain.h"
#include "../lib/safe.h"

#define STACK_SIZE (64u << 10) /* tests/build/stack_depth.sh: the deepest path needs less than half */
#define GUARD_SIZE TC_ARCH_PAGE
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

/* SIGSEGV and SIGBUS that somebody sent while the handler was guarded, one of each. They cannot be
 * blocked meanwhile: a guarded read that faults would end the process. */
static siginfo_t sent[2];

static uint32_t own_tid(void)
{
	return (uint32_t)tc_syscall0(SYS_gettid);
}

/* One that no instruction raised: kept for the program. A child is sent nothing that concerns it.
 */
static void on_sent(int sig, siginfo_t *info, void *context, uint32_t tid)
{
	if (guards[0].tid == tid)
		sent[sig == SIGBUS] = *info;
	else if (guards[1].tid != tid)
		tc_chain_guard_yield(sig, info, context);
}

static void send_kept(void)
{
	for (int i = 0; i < 2; i++) {
		if (sent[i].si_signo)
			tc_syscall4(SYS_rt_tgsigqueueinfo, tc_syscall0(SYS_getpid), own_tid(),
				    sent[i].si_signo, (long)&sent[i]);
		sent[i].si_signo = 0;
	}
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
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

bool tc_hook_guarded(void (*function)(void *argument), void *argument, bool private_actions)
{
	uint64_t mask;
	void *top = top_of(private_actions ? STACK_CHILD : STACK_HANDLER);
	struct guard *guard = &guards[private_actions];
	const uint64_t faults = SIGNAL_BITS(SIGSEGV) | SIGNAL_BITS(SIGBUS);

	tc_sys_mask(~0ull, &mask);
	fence();
	guard->way_out = NULL;
	guard->tid = own_tid();
	if (private_actions) {
		tc_sys_action(SIGSEGV, (void *)on_fault, SA_SIGINFO, ~0ull);
		tc_sys_action(SIGBUS, (void *)on_fault, SA_SIGINFO, ~0ull);
	} else {
		tc_chain_guard_begin(on_fault);
	}
	/* Not before: one that was sent may be pending, blocked by the program, and not for it now. */
	tc_sys_mask(~faults, NULL);
	bool whole = tc_arch_call_on(top, function, argument, &guard->way_out);
	tc_sys_mask(~0ull, NULL);
	if (!private_actions)
		tc_chain_guard_end();
	guard->tid = 0;
	if (!private_actions)
		send_kept();
	tc_sys_mask(mask, NULL);
	return whole;
}
