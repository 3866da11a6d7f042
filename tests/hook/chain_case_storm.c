/* SPDX-License-Identifier: Apache-2.0
 * Cases of chain_cases: threads that set, a thread that is hit, children that are forked
 * meanwhile. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/hook/chain_cases.h"

#define N_KINDS 5
#define N_SETTERS 3
static _Atomic int setters_end, shots, shots_set, n_torn;

static void one_shot(int sig)
{
	(void)sig;
	shots++;
}

static void ignore_it(int sig)
{
	(void)sig;
}

static void kind_of(int kind, struct sigaction *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->sa_handler = kind == 0 ? count :
			  kind == 1 ? ignore_it :
			  kind == 2 ? SIG_IGN :
			  kind == 3 ? one_shot :
				      SIG_DFL;
	ret->sa_flags = kind == 0 ? SA_RESTART :
			kind == 1 ? SA_NODEFER :
			kind == 3 ? (int)SA_RESETHAND :
				    0;
	sigaddset(&ret->sa_mask, 40 + kind);
}

static bool is_whole(const struct sigaction *action)
{
	struct sigaction kind;

	for (int i = 0; i < N_KINDS; i++) {
		kind_of(i, &kind);
		bool same = action->sa_handler == kind.sa_handler ||
			    (i == 3 && action->sa_handler == SIG_DFL);
		if (same && (action->sa_flags & ~0x04000000) == kind.sa_flags &&
		    action->sa_mask.__val[0] == kind.sa_mask.__val[0])
			return true;
	}
	return action->sa_handler == SIG_DFL && action->sa_flags == 0;
}

static void *setter(void *seed)
{
	unsigned n = (unsigned)(uintptr_t)seed;
	struct sigaction action, old;

	while (!setters_end) {
		int kind = (int)(n = n * 1103515245 + 12345) >> 16 & 7;
		if (kind >= N_KINDS)
			kind = 0;
		kind_of(kind, &action);
		if (kind == 3)
			shots_set++;
		sigaction(SIGUSR1, n & 0x100 ? NULL : &action, &old);
		if (!is_whole(&old))
			n_torn++;
		if (n & 0x100 && kind == 3)
			shots_set--;
	}
	return NULL;
}

static int child_of_storm(void)
{
	struct sigaction now;
	uint64_t kernel[4];

	alarm(60); /* a hang is an end by SIGALRM */
	int before = dumps();
	set(SIGUSR1, count, 0);
	calls = 0;
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &now);
	syscall(SYS_rt_sigaction, SIGUSR1, NULL, kernel, 8);
	return calls == 1 && dumps() == before + 1 && now.sa_handler == count && in_front(SIGUSR1) ?
		       5 :
		       6;
}

void case_storm(void)
{
	pthread_t threads[N_SETTERS];
	struct sigaction action, kernel_side;
	uint64_t kernel[4];

	kind_of(2, &action);
	sigaction(SIGUSR1, &action, NULL);
	for (uintptr_t i = 0; i < N_SETTERS; i++)
		pthread_create(&threads[i], NULL, setter, (void *)(i + 1));
	for (int i = 0; i < 20000; i++) {
		raise(SIGUSR1);
		if (i % 100 == 0) {
			pid_t pid = fork();
			if (pid == 0)
				_exit(child_of_storm());
			CHECK(status_of(pid) == 5);
		}
	}
	setters_end = 1;
	for (int i = 0; i < N_SETTERS; i++)
		pthread_join(threads[i], NULL);
	CHECK(n_torn == 0);
	CHECK(shots <= shots_set);
	CHECK(in_front(SIGUSR1));
	kind_of(0, &action);
	sigaction(SIGUSR1, &action, NULL);
	syscall(SYS_rt_sigaction, SIGUSR1, NULL, kernel, 8);
	CHECK(kernel[3] == action.sa_mask.__val[0] && kernel[1] & SA_RESTART);
	sigaction(SIGUSR1, NULL, &kernel_side);
	CHECK(kernel_side.sa_handler == count);
	printf("%d one-shot calls of %d settings\n", (int)shots, (int)shots_set);
}

/* Many children, each with its own state of the hook, a vfork first. */
void case_forks(void)
{
	set(SIGUSR1, count, 0);
	for (int i = 0; i < 300; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			pid_t inner = vfork();
			if (inner == 0) {
				signal(SIGUSR1, SIG_DFL);
				_exit(0);
			}
			status_of(inner);
			struct sigaction now;
			sigaction(SIGUSR1, NULL, &now);
			int before = dumps();
			raise(SIGUSR1);
			_exit(now.sa_handler == count && calls == 1 && dumps() == before + 1 &&
					      in_front(SIGUSR1) ?
				      5 :
				      6);
		}
		CHECK(status_of(pid) == 5);
	}
}
