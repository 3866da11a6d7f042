/* SPDX-License-Identifier: Apache-2.0
 * chain_cases NAME [ARGUMENT]: programs that use signals, one case each; with the chain's test
 * library preloaded. A case prints what went wrong and ends with 1; 0: all is as it should be; 77:
 * it cannot run here. The cases are in chain_case_*.c; chain_cases.h says which is where. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/hook/chain_cases.h"

int failed;
int (*dumps)(void), (*nested)(void), (*faults)(void), (*in_front)(int sig);
void (*guard)(int on), (*guarded_call)(void (*function)(void));
volatile sig_atomic_t calls;

void count(int sig)
{
	(void)sig;
	calls++;
}

void set(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	if (sigaction(sig, &action, NULL) < 0)
		abort();
}

int status_of(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + status;
}

static const struct {
	const char *name;
	void (*function)(void);
} cases[] = {
	{ "exec", case_exec },
	{ "exec-fails", case_exec_fails },
	{ "long-list", case_long_list },
	{ "die", case_die },
	{ "pid-1", case_pid_1 },
	{ "jump", case_jump },
	{ "reraise", case_reraise },
	{ "blocked", case_blocked },
	{ "guard", case_guard },
	{ "guard-shared", case_guard_shared },
	{ "guard-faults", case_guard_faults },
	{ "small-altstack", case_small_altstack },
	{ "storm", case_storm },
	{ "spawn-storm", case_spawn_storm },
	{ "start-held-up", case_start_held_up },
	{ "forks", case_forks },
	{ "state", case_state },
	{ "backtrace", case_backtrace },
	{ "cancel", case_cancel },
	{ "entry-stack", case_entry_stack },
};

static void find_library(void)
{
	dumps = (int (*)(void))dlsym(RTLD_DEFAULT, "test_dumps");
	nested = (int (*)(void))dlsym(RTLD_DEFAULT, "test_nested");
	faults = (int (*)(void))dlsym(RTLD_DEFAULT, "test_faults");
	in_front = (int (*)(int))dlsym(RTLD_DEFAULT, "test_in_front");
	guard = (void (*)(int))dlsym(RTLD_DEFAULT, "test_guard");
	guarded_call = (void (*)(void (*)(void)))dlsym(RTLD_DEFAULT, "test_guarded_call");
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "probe"))
		return run_probe();
	if (find_probe() < 0)
		return 1;
	find_library();
	for (unsigned i = 0; argc > 1 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(argv[1], cases[i].name)) {
			cases[i].function();
			return failed;
		}
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		puts(cases[i].name);
	return 2;
}
