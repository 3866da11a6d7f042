/* SPDX-License-Identifier: Apache-2.0
 * Cases of chain_cases: faults while memory is read under the guard, those that it expects and
 * those of others. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/hook/chain_cases.h"

static int *volatile nowhere = (int *)8;
static sigjmp_buf back;

/* Guarded reads: a bad address is found, and the thread's state is as before. */
void case_guard(void)
{
	stack_t stack = { .ss_size = 65536, .ss_sp = malloc(65536) }, after;
	struct sigaction now;

	set(SIGSEGV, count, SA_ONSTACK);
	for (int on_it = 0; on_it < 2; on_it++) {
		if (on_it)
			sigaltstack(&stack, NULL);
		set(SIGUSR1, count, SA_ONSTACK);
		guard(1);
		calls = 0;
		raise(SIGUSR1);
		guard(0);
		CHECK(faults() == on_it + 1 && calls == 1);
		sigaltstack(NULL, &after);
		CHECK(on_it ? after.ss_sp == stack.ss_sp && after.ss_flags == 0 :
			      after.ss_flags == SS_DISABLE);
	}
	sigaction(SIGSEGV, NULL, &now);
	CHECK(now.sa_handler == count && now.sa_flags & SA_ONSTACK);
	calls = 0;
	raise(SIGSEGV);
	CHECK(calls == 1);
}

/* What happens to SIGSEGV and SIGBUS while another thread's dump is guarded. */
static void segv_found(int sig)
{
	(void)sig;
	calls += 100;
	siglongjmp(back, 1);
}

static void use_segv(void)
{
	struct sigaction now;

	sigaction(SIGSEGV, NULL, &now);
	CHECK(now.sa_handler == count);
	raise(SIGSEGV); /* sent: the program's handler */
	CHECK(calls == 1);
	CHECK(signal(SIGSEGV, segv_found) == count);
	if (!sigsetjmp(back, 1))
		*nowhere = 1;
	CHECK(calls == 101);
	/* A fault of another thread must find that at once: its stack, its mask. */
	struct sigaction on_stack = { .sa_handler = segv_found,
				      .sa_flags = SA_ONSTACK | SA_NODEFER };
	uint64_t kernel_side[4]; /* handler, flags, restorer, mask */
	sigaddset(&on_stack.sa_mask, SIGUSR2);
	CHECK(sigaction(SIGSEGV, &on_stack, &now) == 0 && now.sa_handler == segv_found);
	syscall(SYS_rt_sigaction, SIGSEGV, NULL, kernel_side, 8);
	CHECK(kernel_side[0] != (uint64_t)(uintptr_t)segv_found);
	CHECK(kernel_side[1] & SA_ONSTACK && kernel_side[1] & SA_NODEFER);
	CHECK(kernel_side[3] == 1u << (SIGUSR2 - 1));
	CHECK(sigaction(SIGSEGV, &now, NULL) == 0);
	CHECK(signal(SIGBUS, count) == SIG_DFL);
	CHECK(signal(SIGBUS, SIG_IGN) == count);
	raise(SIGBUS);
	CHECK(calls == 101);
	pid_t pid = fork(); /* the child is not guarded */
	if (pid == 0) {
		sigaction(SIGSEGV, NULL, &now);
		uint64_t kernel[4];
		syscall(SYS_rt_sigaction, SIGSEGV, NULL, kernel, 8);
		_exit(now.sa_handler == segv_found && kernel[0] == (uint64_t)(uintptr_t)segv_found ?
			      7 :
			      8);
	}
	CHECK(status_of(pid) == 7);
}

void case_guard_shared(void)
{
	struct sigaction now;

	set(SIGSEGV, count, 0);
	guarded_call(use_segv);
	sigaction(SIGSEGV, NULL, &now);
	CHECK(now.sa_handler == segv_found && now.sa_flags & SA_RESTART);
	sigaction(SIGBUS, NULL, &now);
	CHECK(now.sa_handler == SIG_IGN);
}

/* A true fault of another's is what it is without us. */
static void fault(void)
{
	*nowhere = 1;
}

static void send_fault(void)
{
	raise(SIGSEGV);
}

static void overflow(unsigned levels)
{
	volatile char room[4096];

	memset((void *)room, 1, sizeof(room));
	if (levels)
		overflow(levels - 1);
	(void)room[0];
}

static void on_altstack(int sig)
{
	(void)sig;
	_exit(21);
}

static void *overflow_there(void *unused)
{
	stack_t stack = { .ss_size = 65536, .ss_sp = malloc(65536) };

	(void)unused;
	sigaltstack(&stack, NULL);
	overflow(100000);
	return NULL;
}

static void wait_for_overflow(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, overflow_there, NULL);
	pthread_join(thread, NULL);
}

static int status_under_guard(void (*function)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		guarded_call(function);
		_exit(0);
	}
	return status_of(pid) & ~0x80; /* with or without a core */
}

void case_guard_faults(void)
{
	set(SIGSEGV, SIG_DFL, 0);
	CHECK(status_under_guard(fault) == 256 + SIGSEGV);
	CHECK(status_under_guard(send_fault) == 256 + SIGSEGV);
	set(SIGSEGV, SIG_IGN, 0);
	CHECK(status_under_guard(fault) == 256 + SIGSEGV);
	CHECK(status_under_guard(send_fault) == 0);
	set(SIGSEGV, on_altstack, SA_ONSTACK);
	CHECK(status_under_guard(fault) == 21);
	CHECK(status_under_guard(wait_for_overflow) == 21);
}
