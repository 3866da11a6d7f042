/* SPDX-License-Identifier: Apache-2.0
 * The positive control: what a hook does that interposes sigaction and signal as one would at
 * first. The tests must find it wanting: it keeps no flags and no mask of the program's, does not
 * know a vfork child from its parent, and takes a signal raised in a handler for a new one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))

static struct sigaction of_program;
static int (*next)(int sig, const struct sigaction *set, struct sigaction *old);
static int n_dumps;

EXPORT int test_dumps(void);
EXPORT int test_in_front(int sig);

static void entry(int sig, siginfo_t *info, void *context)
{
	n_dumps++;
	if (of_program.sa_handler != SIG_DFL && of_program.sa_handler != SIG_IGN)
		of_program.sa_sigaction(sig, info, context);
}

int test_dumps(void)
{
	return n_dumps;
}

int test_in_front(int sig)
{
	struct sigaction now;

	return next(sig, NULL, &now) == 0 && now.sa_sigaction == entry;
}

EXPORT int sigaction(int sig, const struct sigaction *set, struct sigaction *old)
{
	if (!next)
		next = (__typeof__(next))dlsym(RTLD_NEXT, "sigaction");
	if (sig != SIGUSR1)
		return next(sig, set, old);
	if (old)
		*old = of_program;
	if (set)
		of_program = *set;
	return 0;
}

EXPORT __sighandler_t signal(int sig, __sighandler_t handler)
{
	struct sigaction set = { .sa_handler = handler }, old;

	return sigaction(sig, &set, &old) < 0 ? SIG_ERR : old.sa_handler;
}

__attribute__((constructor)) static void start(void)
{
#ifdef NO_RESTART
	struct sigaction ours = { .sa_sigaction = entry, .sa_flags = SA_SIGINFO };
#else
	struct sigaction ours = { .sa_sigaction = entry, .sa_flags = SA_SIGINFO | SA_RESTART };
#endif

	next = (__typeof__(next))dlsym(RTLD_NEXT, "sigaction");
	next(SIGUSR1, &ours, NULL);
}
