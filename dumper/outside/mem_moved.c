/* SPDX-License-Identifier: Apache-2.0
 * Did the target run at all since it was first read? The kernel counts how often each thread was
 * put on a processor: the third number of schedstat (Linux
 * Documentation/scheduler/sched-stats.rst). If no thread ran when the counts were read first, and
 * none has grown, all that was read is of one moment. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dumper/outside/mem_pid.h"

static bool read_count(int fd, uint64_t *ret)
{
	char text[96];
	unsigned long long count;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = 0;
	if (sscanf(text, "%*u %*u %llu", &count) != 1)
		return false;
	*ret = count;
	return true;
}

/* To be asked after the count is read: a thread that does not run now changes its count before it
 * runs. */
static bool runs(struct tc_mem_pid *m, uint32_t tid)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "task/%u/stat", tid);
	int fd = openat(m->dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = 0;
	const char *state = strrchr(text, ')');
	return !state || !state[1] || state[2] == 'R';
}

/* Do we know all threads? Another one would run without being seen. The link count of
 * /proc/PID/task is the number of threads plus 2. */
static bool all_known(const struct tc_mem_pid *m)
{
	struct stat st;

	return m->mem.n_threads <= TC_RUNS_MAX && fstatat(m->dir, "task", &st, 0) == 0 &&
	       st.st_nlink == m->mem.n_threads + 2;
}

static bool begin(struct tc_mem_pid *m)
{
	char path[64];

	if (!all_known(m))
		return false;
	for (size_t i = 0; i < m->mem.n_threads; i++) {
		uint32_t tid = m->mem.threads[i].tid;
		snprintf(path, sizeof(path), "task/%u/schedstat", tid);
		int fd = openat(m->dir, path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return false;
		m->runs.fds[m->runs.n] = fd;
		if (!read_count(fd, &m->runs.counts[m->runs.n++]) || runs(m, tid))
			return false;
	}
	return true;
}

bool tc_mem_pid_moved(struct tc_mem *mem)
{
	struct tc_mem_pid *m = (struct tc_mem_pid *)mem;
	struct tc_runs *runs = &m->runs;
	uint64_t count;

	if (!runs->known) {
		runs->known = true;
		runs->moved = !begin(m);
	}
	for (unsigned i = 0; i < runs->n && !runs->moved; i++)
		runs->moved = !read_count(runs->fds[i], &count) || count != runs->counts[i];
	return runs->moved;
}
