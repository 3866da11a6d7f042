/* SPDX-License-Identifier: Apache-2.0
 * Cases of chain_cases: the end of the process by a signal. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/hook/chain_cases.h"

/* With TEST_DIE: SIG_DFL ends the process as without us, whatever it is doing. */
static void *raise_there(void *unused)
{
	(void)unused;
	raise(SIGUSR1);
	return NULL;
}

static void die_by(const char *how)
{
	sigset_t none, one;
	pthread_t thread;

	sigemptyset(&none);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	if (!strcmp(how, "suspend")) {
		sigprocmask(SIG_BLOCK, &one, NULL);
		raise(SIGUSR1);
		sigsuspend(&none);
	} else if (!strcmp(how, "unblock")) {
		sigprocmask(SIG_BLOCK, &one, NULL);
		raise(SIGUSR1);
		sigprocmask(SIG_UNBLOCK, &one, NULL);
	} else if (!strcmp(how, "thread")) {
		pthread_create(&thread, NULL, raise_there, NULL);
		pthread_join(thread, NULL);
	} else if (!strcmp(how, "reset")) {
		set(SIGUSR1, count, SA_RESETHAND);
		raise(SIGUSR1);
		raise(SIGUSR1);
	} else if (!strcmp(how, "vfork")) { /* the child alone */
		pid_t pid = vfork();
		if (pid == 0) {
			raise(SIGUSR1);
			_exit(0);
		}
		CHECK(status_of(pid) == 256 + SIGUSR1);
		raise(SIGUSR1);
	} else {
		raise(SIGUSR1);
	}
}

void case_die(void)
{
	const char *const ways[] = { "raise", "suspend", "unblock", "thread", "reset", "vfork" };

	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		pid_t pid = fork();
		if (pid == 0) {
			set(SIGUSR1, SIG_DFL, 0);
			die_by(ways[i]);
			_exit(0);
		}
		int status = status_of(pid);
		if (status != 256 + SIGUSR1) {
			printf("%s: status %d\n", ways[i], status);
			failed = 1;
		}
	}
}

/* The first process of a pid namespace cannot die of it: it lives on with the hook in front. */
void case_pid_1(void)
{
	if (unshare(CLONE_NEWPID) < 0)
		exit(77);
	pid_t pid = fork();
	if (pid == 0) {
		raise(SIGUSR1);
		raise(SIGUSR1);
		_exit(getpid() == 1 && dumps() == 2 && in_front(SIGUSR1) ? 5 : 6);
	}
	CHECK(status_of(pid) == 5);
}
