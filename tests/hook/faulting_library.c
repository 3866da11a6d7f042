/* SPDX-License-Identifier: Apache-2.0
 * A library whose own thread faults all the time and handles it on its alternate stack, as runtimes
 * with guard pages do: a bad pointer and an overflow of its stack in turn. It counts what it did
 * not find as it had set it. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE 65536
#define THREAD_SIZE 131072

static sigjmp_buf back;
static char *altstack;
static int *volatile nowhere = (int *)8;
static _Atomic long n_handled, n_elsewhere, n_masks;

long handled(void)
{
	return n_handled;
}

long elsewhere(void)
{
	return n_elsewhere;
}

long wrong_masks(void)
{
	return n_masks;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	uint64_t mask, wanted = UINT64_C(1) << (SIGUSR2 - 1) | UINT64_C(1) << (sig - 1);
	char here;

	(void)info;
	(void)context;
	if (&here < altstack || &here >= altstack + SIZE)
		n_elsewhere++;
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(mask));
	if (mask != wanted)
		n_masks++;
	siglongjmp(back, 1);
}

static void overflow(unsigned levels)
{
	volatile char room[4096];

	memset((void *)room, 1, sizeof(room));
	if (levels)
		overflow(levels - 1);
	(void)room[0];
}

static void *fault(void *unused)
{
	stack_t stack = { .ss_sp = altstack = malloc(SIZE), .ss_size = SIZE };

	sigaltstack(&stack, NULL);
	for (;;) {
		if (sigsetjmp(back, 1))
			n_handled++;
		else if (n_handled % 2)
			overflow(100000);
		else
			*nowhere = 1;
	}
	return unused;
}

/* The caller too gets an alternate stack. */
int start(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_sp = malloc(SIZE), .ss_size = SIZE };
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t none;

	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	sigaddset(&action.sa_mask, SIGUSR2);
	sigaction(SIGSEGV, &action, NULL);
	sigaltstack(&stack, NULL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, THREAD_SIZE);
	return pthread_create(&thread, &attributes, fault, NULL);
}
