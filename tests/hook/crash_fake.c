/* SPDX-License-Identifier: Apache-2.0
 * Preloaded in place of the hook: crash handlers that are wrong on purpose, so that the tests show
 * that they see it. FAKE says how: exit, kill, raise, resend, swallow, noise. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *how;

static void on_crash(int sig, siginfo_t *info, void *context)
{
	(void)info;
	(void)context;
	signal(sig, SIG_DFL);
	if (strcmp(how, "exit") == 0) /* as a shell would say it */
		_exit(128 + sig);
	if (strcmp(how, "kill") == 0)
		kill(getpid(), SIGKILL);
	if (strcmp(how, "raise") == 0) { /* the core is then of this handler */
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, sig);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		raise(sig);
	}
	if (strcmp(how, "resend") == 0) /* the core then tells another cause */
		kill(getpid(), sig);
	if (strcmp(how, "noise") == 0 && write(2, "crashed\n", 8) < 0)
		_exit(1);
	if (strcmp(how, "swallow") == 0)
		pause();
}

static __attribute__((constructor)) void begin(void)
{
	static const int signals[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL };
	struct sigaction action = { .sa_sigaction = on_crash, .sa_flags = SA_SIGINFO };

	how = getenv("FAKE");
	for (unsigned i = 0; how && i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}
