/* SPDX-License-Identifier: Apache-2.0
 * Lists the descendants of a process: from /proc/PID/task/TID/children, or where the kernel has
 * none, from all of /proc. */
#include "dumper/outside/children.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dumper/base/exit.h"
#include "dumper/outside/probe.h"
#include "dumper/outside/threads.h"

#define THREADS_MAX 4096
#define ALL_MAX 4096
#define NEAREST_MAX 64 /* processes that are looked at for tc_children_nearest */

static size_t add(pid_t *pids, size_t n, size_t max, pid_t pid)
{
	if (n < max)
		pids[n++] = pid;
	return n;
}

/* Add the children by the kernel's list (CONFIG_PROC_CHILDREN). The new number of pids; -1: the
 * kernel has no such list. */
static long add_listed(pid_t parent, pid_t *pids, size_t n, size_t max)
{
	static pid_t tids[THREADS_MAX];
	static char text[65536];
	char path[64];
	bool any = false;

	snprintf(path, sizeof(path), "/proc/%d", parent);
	int proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return (long)n;
	long n_tids = tc_threads_list(proc, tids, THREADS_MAX);
	for (long i = 0; i < n_tids && i < THREADS_MAX; i++) {
		snprintf(path, sizeof(path), "task/%d/children", tids[i]);
		if (tc_proc_read(proc, path, text, sizeof(text)) < 0)
			continue;
		any = true;
		char *at = text, *end;
		for (pid_t pid; (pid = (pid_t)strtol(at, &end, 10)) > 0; at = end)
			n = add(pids, n, max, pid);
	}
	close(proc);
	return any ? (long)n : -1;
}

static size_t add_by_parent(pid_t parent, pid_t *pids, size_t n, size_t max)
{
	DIR *dir = opendir("/proc");

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		char path[300], text[2048];
		struct tc_stat st;
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		if (tc_proc_read(AT_FDCWD, path, text, sizeof(text)) > 0 &&
		    tc_proc_parse_stat(text, &st) && st.ppid == (uint32_t)parent)
			n = add(pids, n, max, pid);
	}
	if (dir)
		closedir(dir);
	return n;
}

size_t tc_children_own(pid_t pid, pid_t *pids, size_t max)
{
	long r = add_listed(pid, pids, 0, max);

	return r > 0 ? (size_t)r : 0;
}

size_t tc_children_list(pid_t pid, pid_t *pids, size_t max)
{
	size_t n = 0;

	for (size_t next = 0;; next++) {
		long r = add_listed(pid, pids, n, max);
		n = r >= 0 ? (size_t)r : add_by_parent(pid, pids, n, max);
		if (next >= n)
			return n;
		pid = pids[next];
	}
}

pid_t tc_children_nearest(pid_t pid, uint64_t max_memory, char name[TC_COMM_MAX])
{
	static pid_t all[ALL_MAX];
	size_t n = tc_children_list(pid, all, NEAREST_MAX);

	for (size_t i = 0; i < n; i++) {
		struct tc_probe probe = { .pid = all[i], .max_memory = max_memory };
		tc_probe_run(&probe);
		if (!tc_probe_has_loops(&probe))
			continue;
		memcpy(name, probe.comm, TC_COMM_MAX);
		return all[i];
	}
	return 0;
}

static bool is_among(pid_t pid, const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

int tc_children_select(pid_t *pids, size_t *n, size_t max, uint64_t max_memory)
{
	static pid_t all[ALL_MAX];
	size_t n_all = 0, found = 0, denied = 0;
	pid_t first = pids[0];

	for (size_t i = 0; i < *n && n_all < ALL_MAX; i++) {
		all[n_all++] = pids[i];
		n_all += tc_children_list(pids[i], all + n_all, ALL_MAX - n_all);
	}
	for (size_t i = 0; i < n_all && found < max; i++) {
		struct tc_probe probe = { .pid = all[i], .max_memory = max_memory };
		denied += tc_probe_run(&probe) == TC_EXIT_PERMISSION;
		if (tc_probe_has_loops(&probe) && !is_among(all[i], pids, found))
			pids[found++] = all[i];
	}
	*n = found;
	if (denied)
		fprintf(stderr, "taskcore: %zu processes could not be read: permission denied\n",
			denied);
	if (found)
		return TC_EXIT_OK;
	if (!denied)
		fprintf(stderr, "taskcore: neither process %d nor one below it has an event loop\n",
			first);
	return denied ? TC_EXIT_PERMISSION : TC_EXIT_INPUT;
}
