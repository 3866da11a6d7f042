/* SPDX-License-Identifier: Apache-2.0
 * Cases of chain_cases: starting programs, by each call that does, in a vfork child, in threads,
 * and where that is held up. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/hook/chain_cases.h"

#define N_SPAWNERS 3

/* The program that the cases start: chain_cases itself. */
static char probe[4096];
#define PROBE_ARGUMENTS (char *)"chain_cases", (char *)"probe", NULL

int find_probe(void)
{
	return readlink("/proc/self/exe", probe, sizeof(probe) - 1) < 0 ? -1 : 0;
}

/* Is the bit of SIGUSR1 set in SigIgn of the program that was started? */
int run_probe(void)
{
	struct sigaction now;

	return sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static char *clean_env[] = { NULL };

static void start_by(const char *how)
{
	char *argv[] = { PROBE_ARGUMENTS };

	if (!strcmp(how, "execve"))
		execve(probe, argv, clean_env);
	else if (!strcmp(how, "execv"))
		execv(probe, argv);
	else if (!strcmp(how, "execvp"))
		execvp(probe, argv);
	else if (!strcmp(how, "execvpe"))
		execvpe(probe, argv, clean_env);
	else if (!strcmp(how, "execl"))
		execl(probe, PROBE_ARGUMENTS);
	else if (!strcmp(how, "execlp"))
		execlp(probe, PROBE_ARGUMENTS);
	else if (!strcmp(how, "execle"))
		execle(probe, PROBE_ARGUMENTS, clean_env);
	else if (!strcmp(how, "execveat"))
		execveat(AT_FDCWD, probe, argv, clean_env, 0);
	else if (!strcmp(how, "fexecve"))
		fexecve(open(probe, O_RDONLY | O_CLOEXEC), argv, clean_env);
}

/* Start the probe; its answer. */
static int ask(const char *how, bool vforked)
{
	char *argv[] = { PROBE_ARGUMENTS }, command[5000];
	pid_t pid;

	snprintf(command, sizeof(command), "exec '%s' probe", probe);
	if (!strcmp(how, "posix_spawn"))
		return posix_spawn(&pid, probe, NULL, NULL, argv, clean_env) ? -1 : status_of(pid);
	if (!strcmp(how, "posix_spawnp"))
		return posix_spawnp(&pid, probe, NULL, NULL, argv, clean_env) ? -1 : status_of(pid);
	if (!strcmp(how, "popen"))
		return WEXITSTATUS(pclose(popen(command, "r")));
	if (!strcmp(how, "system"))
		return WEXITSTATUS(system(command));
	pid = vforked ? vfork() : fork();
	if (pid == 0) {
		start_by(how);
		_exit(99);
	}
	return status_of(pid);
}

void case_exec(void)
{
	const char *const ways[] = { "execve",	     "execv",  "execvp",   "execvpe", "execl",
				     "execlp",	     "execle", "execveat", "fexecve", "posix_spawn",
				     "posix_spawnp", "popen",  "system" };

	unsetenv("LD_PRELOAD");
	for (unsigned i = 0; i < 2 * sizeof(ways) / sizeof(ways[0]); i++) {
		const char *how = ways[i / 2];
		bool vforked = i % 2;
		for (int ignored = 0; ignored < 3; ignored++) {
			set(SIGUSR1, ignored == 0 ? SIG_DFL : ignored == 1 ? SIG_IGN : count, 0);
			int answer = ask(how, vforked);
			if (answer != (ignored == 1)) {
				printf("%s%s: %d for %d\n", how, vforked ? " vfork" : "", answer,
				       ignored);
				failed = 1;
			}
			if (in_front && !in_front(SIGUSR1)) {
				printf("%s: not in front any more\n", how);
				failed = 1;
			}
		}
	}
}

/* A program that cannot be started leaves all as it was, in a vfork child too. */
void case_exec_fails(void)
{
	char *argv[] = { "nothing", NULL };
	pid_t pid;

	set(SIGUSR1, SIG_IGN, 0);
	CHECK(execve("/nonexistent", argv, clean_env) == -1 && errno == ENOENT);
	CHECK(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, clean_env) == ENOENT);
	pid = vfork();
	if (pid == 0) {
		execve("/nonexistent", argv, clean_env);
		execvp("nonexistent", argv);
		struct sigaction now;
		sigaction(SIGUSR1, NULL, &now);
		_exit(now.sa_handler == SIG_IGN ? 3 : 4);
	}
	CHECK(status_of(pid) == 3);
	CHECK(in_front(SIGUSR1));
	raise(SIGUSR1);
	CHECK(dumps() == 1);
}

void case_long_list(void)
{
	unsetenv("LD_PRELOAD");
	set(SIGUSR1, SIG_IGN, 0);
#define TEN "a", "a", "a", "a", "a", "a", "a", "a", "a", "a"
	pid_t pid = vfork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit $#", "sh", TEN, TEN, TEN, TEN, TEN, TEN, TEN,
		      TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, NULL);
		_exit(0);
	}
	CHECK(status_of(pid) == 150);
}

/* Spawns in several threads while the signal is ignored. */
static void *spawner(void *unused)
{
	char *argv[] = { PROBE_ARGUMENTS };
	intptr_t wrong = 0;

	(void)unused;
	for (int i = 0; i < 100; i++) {
		pid_t pid;
		if (posix_spawn(&pid, probe, NULL, NULL, argv, clean_env) || status_of(pid) != 1)
			wrong++;
	}
	return (void *)wrong;
}

void case_spawn_storm(void)
{
	pthread_t threads[N_SPAWNERS];
	void *wrong;

	set(SIGUSR1, SIG_IGN, 0);
	for (int i = 0; i < N_SPAWNERS; i++)
		pthread_create(&threads[i], NULL, spawner, NULL);
	for (int i = 0; i < N_SPAWNERS; i++) {
		pthread_join(threads[i], &wrong);
		CHECK(wrong == NULL);
	}
	CHECK(in_front(SIGUSR1));
	int before = dumps();
	raise(SIGUSR1);
	CHECK(dumps() == before + 1);
}

/* A thread that starts programs is held up at any instant of that while another one starts one. */
#define N_STARTS 1000
static unsigned (*start_begin)(void);
static void (*start_end)(unsigned ignored);
static _Atomic bool is_held, starts_end;

static void hold_up(int sig)
{
	(void)sig;
	is_held = true;
	usleep(100);
}

static void *start_always(void *unused)
{
	while (!starts_end)
		start_end(start_begin());
	return unused;
}

void case_start_held_up(void)
{
	pthread_t thread;
	uint64_t kernel[4];

	start_begin = (unsigned (*)(void))dlsym(RTLD_DEFAULT, "test_start_begin");
	start_end = (void (*)(unsigned))dlsym(RTLD_DEFAULT, "test_start_end");
	set(SIGUSR1, SIG_IGN, 0);
	set(SIGUSR2, hold_up, 0);
	pthread_create(&thread, NULL, start_always, NULL);
	for (int i = 0; i < N_STARTS && !failed; i++) {
		is_held = false;
		pthread_kill(thread, SIGUSR2);
		while (!is_held)
			sched_yield();
		unsigned ignored = start_begin();
		usleep(200);
		syscall(SYS_rt_sigaction, SIGUSR1, NULL, kernel, 8);
		CHECK(kernel[0] == (uint64_t)(uintptr_t)SIG_IGN);
		start_end(ignored);
	}
	starts_end = 1;
	pthread_join(thread, NULL);
	CHECK(in_front(SIGUSR1));
}
