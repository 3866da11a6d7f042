/* SPDX-License-Identifier: Apache-2.0
 * Another crash reporter, preloaded beside the hook. REPORTER says how its handler ends after its
 * line "reporter: SIGNAL ADDRESS CODE" on stderr: return (the old action is set again, and the
 * instruction repeated; a signal that was sent is sent again), raise (the old action is set and the
 * signal raised in the handler), chain (it calls the old handler), exit (it ends the process). Its
 * handler runs on the alternate stack that it gives to the first thread. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LAST_SIGNAL 64
#define STACK_SIZE 65536

static const int signals[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL };
static struct sigaction old[LAST_SIGNAL];
static const char *how;

static void say(int sig, const siginfo_t *info)
{
	char line[100];
	int n = snprintf(line, sizeof(line), "reporter: %d %#lx %d\n", sig,
			 info->si_code > 0 ? (unsigned long)(uintptr_t)info->si_addr : 0,
			 info->si_code);

	if (write(2, line, (size_t)n) < 0)
		_exit(97);
}

static void call_old(int sig, siginfo_t *info, void *context)
{
	if (old[sig].sa_flags & SA_SIGINFO) {
		old[sig].sa_sigaction(sig, info, context);
	} else if (old[sig].sa_handler != SIG_DFL && old[sig].sa_handler != SIG_IGN) {
		old[sig].sa_handler(sig);
	} else {
		sigaction(sig, &old[sig], NULL);
		raise(sig);
	}
}

static void on_crash(int sig, siginfo_t *info, void *context)
{
	sigset_t set;

	say(sig, info);
	if (strcmp(how, "exit") == 0)
		_exit(42);
	if (strcmp(how, "chain") == 0) {
		call_old(sig, info, context);
		return;
	}
	sigaction(sig, &old[sig], NULL);
	if (strcmp(how, "raise") == 0) {
		sigemptyset(&set);
		sigaddset(&set, sig);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		raise(sig);
	} else if (info->si_code <= 0) {
		syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), sig, info);
	}
}

static __attribute__((constructor)) void begin(void)
{
	static char room[STACK_SIZE];
	stack_t stack = { .ss_sp = room, .ss_size = sizeof(room) };
	struct sigaction action = { .sa_sigaction = on_crash,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };

	how = getenv("REPORTER");
	if (!how)
		return;
	sigaltstack(&stack, NULL);
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, &old[signals[i]]);
}
