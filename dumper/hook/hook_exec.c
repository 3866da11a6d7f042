/* SPDX-License-Identifier: Apache-2.0
 * The functions that start programs, interposed. At an exec the kernel resets signals that have a
 * handler to SIG_DFL, and ours always have one. But a signal that the program ignores, or that was
 * ignored when it was started, must be ignored in the new program too. All of these functions may
 * be called in a vfork child. */
#define _GNU_SOURCE
#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/hook.h"
#include "dumper/hook/hook_exit.h"
#include "dumper/hook/hook_turn.h"
#include "dumper/hook/signals/hook_action.h"
#include "dumper/hook/signals/hook_next.h"
#include "lib/sys/sys.h"

#define EXPORT __attribute__((visibility("default")))

/* So many arguments of execl and its relatives are put on the stack; more into a mapping. */
#define N_ON_STACK 128

static uint32_t begin_exec(void)
{
	tc_hook_reap_at_end();
	return tc_action_ignore_begin();
}

static uint32_t begin_spawn(void)
{
	if (tc_hook_installed() && tc_process_kind() == TC_PROCESS_OWN)
		tc_hook_reap();
	return tc_action_ignore_begin();
}

EXPORT int execve(const char *path, char *const argv[], char *const env[])
{
	__typeof__(execve) *next = tc_next(TC_NEXT_EXECVE);
	uint32_t ignored = begin_exec();
	int r = next ? next(path, argv, env) : -1;

	tc_action_ignore_end(ignored);
	return r;
}

EXPORT int execvpe(const char *file, char *const argv[], char *const env[])
{
	__typeof__(execvpe) *next = tc_next(TC_NEXT_EXECVPE);
	uint32_t ignored = begin_exec();
	int r = next ? next(file, argv, env) : -1;

	tc_action_ignore_end(ignored);
	return r;
}

EXPORT int execveat(int dir, const char *path, char *const argv[], char *const env[], int flags)
{
	__typeof__(execveat) *next = tc_next(TC_NEXT_EXECVEAT);
	uint32_t ignored = begin_exec();
	int r = next ? next(dir, path, argv, env, flags) : -1;

	tc_action_ignore_end(ignored);
	return r;
}

EXPORT int fexecve(int fd, char *const argv[], char *const env[])
{
	__typeof__(fexecve) *next = tc_next(TC_NEXT_FEXECVE);
	uint32_t ignored = begin_exec();
	int r = next ? next(fd, argv, env) : -1;

	tc_action_ignore_end(ignored);
	return r;
}

EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

/* Make the array of arguments of execl and its relatives, first before those in list, and call
 * execute. with_env: the environment follows in list. */
static int execute_list(int (*execute)(const char *, char *const[], char *const[]),
			const char *path, const char *first, va_list list, bool with_env)
{
	char *on_stack[N_ON_STACK], **argv = on_stack;
	size_t n = 1, i = 1;
	va_list counting;

	va_copy(counting, list);
	if (first)
		while (va_arg(counting, char *))
			n++;
	va_end(counting);
	size_t size = (n + 1) * sizeof(*argv);
	if (size > sizeof(on_stack))
		argv = tc_sys_map(size, false);
	if (!argv) {
		errno = ENOMEM;
		return -1;
	}
	argv[0] = (char *)first;
	for (; first && i <= n; i++)
		argv[i] = va_arg(list, char *);
	char **env = with_env ? va_arg(list, char **) : environ;
	int r = execute(path, argv, env);
	if (argv != on_stack)
		tc_sys_unmap(argv, size);
	return r;
}

EXPORT int execl(const char *path, const char *first, ...)
{
	va_list list;

	va_start(list, first);
	int r = execute_list(execve, path, first, list, false);
	va_end(list);
	return r;
}

EXPORT int execlp(const char *file, const char *first, ...)
{
	va_list list;

	va_start(list, first);
	int r = execute_list(execvpe, file, first, list, false);
	va_end(list);
	return r;
}

EXPORT int execle(const char *path, const char *first, ...)
{
	va_list list;

	va_start(list, first);
	int r = execute_list(execve, path, first, list, true);
	va_end(list);
	return r;
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes, char *const argv[], char *const env[])
{
	__typeof__(posix_spawn) *next = tc_next(TC_NEXT_POSIX_SPAWN);
	uint32_t ignored = begin_spawn();
	int r = next ? next(pid, path, actions, attributes, argv, env) : ENOSYS;

	tc_action_ignore_end(ignored);
	return r;
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attributes, char *const argv[], char *const env[])
{
	__typeof__(posix_spawnp) *next = tc_next(TC_NEXT_POSIX_SPAWNP);
	uint32_t ignored = begin_spawn();
	int r = next ? next(pid, file, actions, attributes, argv, env) : ENOSYS;

	tc_action_ignore_end(ignored);
	return r;
}

EXPORT FILE *popen(const char *command, const char *mode)
{
	__typeof__(popen) *next = tc_next(TC_NEXT_POPEN);
	uint32_t ignored = begin_spawn();
	FILE *r = next ? next(command, mode) : NULL;

	tc_action_ignore_end(ignored);
	return r;
}

/* Write the shell's command that makes it, and what it starts, ignore the signals that we ignore
 * (POSIX, trap). Returns its length. */
static size_t write_trap(char *to)
{
	char *at = to;

	for (int sig = 1; sig < NSIG; sig++)
		if (tc_action_is_ignored(sig))
			at += sprintf(at, at == to ? "trap '' %d" : " %d", sig);
	if (at != to)
		*at++ = '\n';
	return (size_t)(at - to);
}

/* Not by tc_action_ignore_begin: unlike popen, system returns only when the command has ended, and
 * the process must not go without our signal for so long. So the shell is told to ignore it. */
EXPORT int system(const char *command)
{
	__typeof__(system) *next = tc_next(TC_NEXT_SYSTEM);
	char trap[64];
	size_t n = command ? write_trap(trap) : 0, size;
	char *text;
	int r;

	if (!next || !n)
		return next ? next(command) : -1;
	size = n + strlen(command) + 1;
	text = tc_sys_map(size, false);
	if (!text) {
		errno = ENOMEM;
		return -1;
	}
	memcpy(text, trap, n);
	memcpy(text + n, command, size - n);
	r = next(text);
	tc_sys_unmap(text, size);
	return r;
}
