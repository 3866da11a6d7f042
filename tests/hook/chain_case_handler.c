/* SPDX-License-Identifier: Apache-2.0
 * Cases of chain_cases: what a handler does (it jumps out, raises again, ends its thread), and what
 * it finds: the mask, the stack, the registers, the frames below it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/hook/chain_cases.h"

static sigjmp_buf back;

static void jump(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

/* Out of the handler by a jump: the next signals are new ones. */
static void __attribute__((noinline)) deeper(int levels)
{
	volatile char room[256];

	memset((void *)room, levels, sizeof(room));
	if (levels)
		deeper(levels - 1);
	else
		raise(SIGUSR1);
	(void)room[0];
}

void case_jump(void)
{
	const int flags[] = { 0, SA_NODEFER, SA_ONSTACK, SA_ONSTACK | SA_NODEFER };
	stack_t stack = { .ss_size = 65536 };
	volatile int n = 0;

	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	sigaltstack(&stack, NULL);
	for (volatile int i = 0; i < 4000; i++) {
		set(SIGUSR1, jump, flags[i % 4]);
		if (!sigsetjmp(back, 1))
			deeper(i / 4 % 50);
		n++;
		CHECK(dumps() == n);
	}
	CHECK(nested() == 0);
	/* The stack of the handler that was left is gone. */
	set(SIGUSR1, jump, SA_ONSTACK);
	if (!sigsetjmp(back, 1))
		raise(SIGUSR1);
	sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL);
	munmap(stack.ss_sp, stack.ss_size);
	set(SIGUSR1, count, 0);
	raise(SIGUSR1);
	CHECK(dumps() == n + 2 && calls == 1);
}

/* What faulthandler.register(chain=True) does. */
static struct sigaction previous;
static void chained(int sig);

static void register_chained(void)
{
	struct sigaction action = { .sa_handler = chained, .sa_flags = SA_RESTART | SA_NODEFER };

	sigaction(SIGUSR1, &action, NULL);
}

static int n_chained;

static void chained(int sig)
{
	if (n_chained++ > 10)
		_exit(9); /* a loop */
	sigaction(sig, &previous, NULL);
	raise(sig);
	register_chained();
}

void case_reraise(void)
{
	set(SIGUSR1, count, 0);
	sigaction(SIGUSR1, NULL, &previous);
	register_chained();
	for (int i = 1; i <= 5; i++) {
		raise(SIGUSR1);
		CHECK(dumps() == i && n_chained == i && calls == i && nested() == i);
	}
}

/* sigwait and signalfd see a blocked signal as they always did. */
void case_blocked(void)
{
	sigset_t one;
	int sig = 0;

	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigprocmask(SIG_BLOCK, &one, NULL);
	kill(getpid(), SIGUSR1);
	CHECK(sigwait(&one, &sig) == 0 && sig == SIGUSR1);
	set(SIGUSR1, SIG_IGN, 0);
	kill(getpid(), SIGUSR1);
	CHECK(sigwait(&one, &sig) == 0 && sig == SIGUSR1);
	CHECK(dumps() == 0);
}

/* An alternate stack with no room for the kernel's frame does not kill a program that never asked
 * for handlers on it. */
void case_small_altstack(void)
{
	unsigned long needed = getauxval(AT_MINSIGSTKSZ);
	stack_t stack = { .ss_size = 2048, .ss_sp = malloc(65536) };

	if (sigaltstack(&stack, NULL) < 0)
		exit(77);
	printf("AT_MINSIGSTKSZ is %lu\n", needed);
	raise(SIGUSR1);
	set(SIGUSR1, count, 0);
	raise(SIGUSR1);
	set(SIGUSR1, SIG_DFL, 0);
	raise(SIGUSR1);
	CHECK(dumps() == 3 && calls == 1);
}

/* errno, mask and the floating-point control words are what they were. */
void case_state(void)
{
	uint64_t mask[2];
	unsigned mxcsr[2];
	unsigned short control[2];

	guard(1);
	set(SIGUSR1, SIG_IGN, 0);
	errno = 1234;
	for (int i = 0; i < 2; i++) {
		syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask[i], 8);
		__asm__ volatile("stmxcsr %0" : "=m"(mxcsr[i]));
		__asm__ volatile("fnstcw %0" : "=m"(control[i]));
		if (i == 0)
			syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
	}
	CHECK(errno == 1234 && mask[0] == mask[1] && mxcsr[0] == mxcsr[1] &&
	      control[0] == control[1]);
	CHECK(dumps() == 1);
}

/* Unwinders pass through our frames: from the program's handler to the code that was
 * interrupted. */
static volatile int n_frames_of_caller; /* syscall is declared as one that calls nothing of ours */
#define RAISER_BYTES 128		/* it has no more */
static void __attribute__((noinline)) raiser(void);

static void look_back(int sig)
{
	void *frames[64];
	int n = backtrace(frames, 64);

	(void)sig;
	calls++;
	for (int i = 1; i < n; i++) /* 0 is this function */
		if ((size_t)((char *)frames[i] - (char *)raiser) < RAISER_BYTES)
			n_frames_of_caller++;
}

static void __attribute__((noinline)) raiser(void)
{
	syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
	__asm__ volatile("");
}

void case_backtrace(void)
{
	void *frames[4];

	backtrace(frames, 4); /* it loads a library at its first call */
	set(SIGUSR1, look_back, 0);
	for (int i = 1; i <= 3; i++) {
		raiser();
		CHECK(n_frames_of_caller == i && calls == i);
	}
}

/* A thread ends in the handler: by pthread_exit, by being cancelled. */
static _Atomic int n_cleaned;

static void clean(void *unused)
{
	(void)unused;
	n_cleaned++;
}

static void end_thread(int sig)
{
	(void)sig;
	calls++;
	if (calls % 2)
		pthread_exit(NULL);
	pthread_cancel(pthread_self());
	pthread_testcancel();
}

static void *hit_thread(void *unused)
{
	(void)unused;
	pthread_cleanup_push(clean, NULL);
	raiser();
	pthread_cleanup_pop(0);
	return NULL;
}

void case_cancel(void)
{
	pthread_t thread;

	set(SIGUSR1, end_thread, 0);
	for (int i = 1; i <= 100; i++) {
		pthread_create(&thread, NULL, hit_thread, NULL);
		pthread_join(thread, NULL);
		CHECK(calls == i && n_cleaned == i && dumps() == i && nested() == 0);
	}
}

/* With the whole hook: what its entry takes of the stack it comes on, beside the kernel's frame. It
 * must leave an alternate stack of the smallest size alone (ENTRY_BYTES of
 * dumper/hook/signals/hook_names.c). */
static size_t stack_used(stack_t *stack, int sig)
{
	unsigned char *bytes = stack->ss_sp;
	size_t untouched = 0;

	memset(bytes, 0xa5, stack->ss_size);
	raise(sig);
	while (untouched < stack->ss_size && bytes[untouched] == 0xa5)
		untouched++;
	return stack->ss_size - untouched;
}

void case_entry_stack(void)
{
	stack_t stack = { .ss_size = 131072, .ss_sp = malloc(131072) };
	void *python = dlopen("libpython3.11.so.1.0", RTLD_NOW | RTLD_GLOBAL);

	if (!python)
		exit(77);
	((void (*)(int))dlsym(python, "Py_InitializeEx"))(0);
	sigaltstack(&stack, NULL);
	set(SIGUSR2, count, SA_ONSTACK);
	set(SIGUSR1, count, SA_ONSTACK);
	size_t without = stack_used(&stack, SIGUSR2), with = stack_used(&stack, SIGUSR1);
	CHECK(calls == 2);
	CHECK(with < without + 2048);
	printf("%zu bytes more than a handler without the hook\n", with - without);
}
