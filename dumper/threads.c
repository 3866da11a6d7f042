/* SPDX-License-Identifier: Apache-2.0
 * Reads state, registers and system call of each thread from /proc, without disturbing any. */
#define _GNU_SOURCE
#include "threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../lib/sys.h"

long tc_threads_list(int proc, pid_t *tids, size_t max)
{
	int fd = openat(proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	if (!dir) {
		int saved = errno;
		if (fd >= 0)
			close(fd);
		return -saved;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		if (n < max)
			tids[n] = (pid_t)strtol(entry->d_name, NULL, 10);
		n++;
	}
	closedir(dir);
	return (long)n;
}

pid_t tc_threads_living(int proc)
{
	pid_t tids[256];
	long n = tc_threads_list(proc, tids, 256);

	for (long i = 0; i < n && i < 256; i++) {
		char path[64], text[1024];
		struct tc_stat st;
		snprintf(path, sizeof(path), "task/%d/stat", tids[i]);
		if (tc_proc_read(proc, path, text, sizeof(text)) > 0 &&
		    tc_proc_parse_stat(text, &st) && st.state != 'Z' && st.state != 'X')
			return tids[i];
	}
	return 0;
}

/* "nr arg0 … arg5 sp pc", "-1 sp pc" outside a system call, or "running": fs/proc/base.c
 * proc_pid_syscall. */
static void parse_syscall(char *at, struct tc_os_thread *t)
{
	if (*at == 'r' || !*at)
		return;
	t->syscall = strtoll(at, &at, 10);
	for (int i = 0; t->syscall >= 0 && i < 6; i++)
		t->args[i] = strtoull(at, &at, 16);
	t->sp = strtoull(at, &at, 16);
	t->pc = strtoull(at, &at, 16);
	t->how = t->pc ? TC_REGS_SYSCALL : TC_REGS_NONE;
}

static uint32_t innermost_pid(const char *nspid)
{
	char *at = (char *)nspid;
	uint32_t value = 0;

	while (at && (*at == ' ' || *at == '\t' || (*at >= '0' && *at <= '9'))) {
		char *end;
		value = (uint32_t)strtoul(at, &end, 10);
		if (end == at)
			break;
		at = end;
	}
	return value;
}

/* False: the thread is no longer there. */
static bool read_thread(struct tc_target *target, pid_t tid, struct tc_os_thread *t)
{
	char path[64], text[4096];
	struct tc_stat st;

	*t = (struct tc_os_thread){
		.tid = (uint32_t)tid, .tid_ns = (uint32_t)tid, .state = '?', .syscall = -1
	};
	snprintf(path, sizeof(path), "task/%d/stat", tid);
	if (tc_proc_read(target->proc, path, text, sizeof(text)) <= 0 ||
	    !tc_proc_parse_stat(text, &st))
		return false;
	memcpy(t->comm, st.comm, sizeof(t->comm));
	t->state = st.state;
	t->utime_ns = st.utime_ns;
	t->stime_ns = st.stime_ns;
	if (target->ns_depth > 1) {
		snprintf(path, sizeof(path), "task/%d/status", tid);
		if (tc_proc_read(target->proc, path, text, sizeof(text)) > 0)
			t->tid_ns = innermost_pid(tc_proc_field(text, "NSpid"));
	}
	if (st.state == 'Z' || st.state == 'X')
		return true;
	snprintf(path, sizeof(path), "task/%d/syscall", tid);
	if (tc_proc_read(target->proc, path, text, sizeof(text)) > 0)
		parse_syscall(text, t);
	snprintf(path, sizeof(path), "task/%d/wchan", tid);
	if (st.state != 'R' && tc_proc_read(target->proc, path, text, TC_COMM_MAX) > 0 &&
	    text[0] != '0')
		memcpy(t->wchan, text, TC_COMM_MAX);
	return true;
}

int tc_threads_read(struct tc_target *target, struct tc_arena *arena, struct tc_watch *watch)
{
	size_t max = 64;
	pid_t *tids = malloc(max * sizeof(*tids));
	long n = tids ? tc_threads_list(target->proc, tids, max) : 0;

	while (tids && n > (long)max) { /* threads may be started meanwhile */
		max = (size_t)n + 64;
		free(tids);
		tids = malloc(max * sizeof(*tids));
		n = tids ? tc_threads_list(target->proc, tids, max) : 0;
	}
	if (n < 0 || !tids) {
		free(tids);
		return n < 0 ? -TC_EGONE : -TC_ENOSPACE;
	}
	target->threads = tc_arena_take(arena, ((size_t)n + 1) * sizeof(*target->threads));
	target->n_threads = 0;
	for (long i = 0; target->threads && i < n; i++) {
		struct tc_os_thread *t = &target->threads[target->n_threads];
		watch->beats++;
		if (!read_thread(target, tids[i], t))
			continue;
		if (target->n_threads++ && t->tid == (uint32_t)target->pid) {
			struct tc_os_thread first = *t;
			*t = target->threads[0];
			target->threads[0] = first;
		}
	}
	free(tids);
	return target->threads ? 0 : -TC_ENOSPACE;
}
