/* SPDX-License-Identifier: Apache-2.0
 * Reads state, registers and system call of each thread from /proc, without disturbing any. */
#include "dumper/outside/threads.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/process/look.h"
#include "lib/process/proc.h"

struct list {
	pid_t *tids;
	size_t n, max;
};

static bool note_tid(void *context, uint32_t tid)
{
	struct list *list = context;

	if (list->n < list->max)
		list->tids[list->n] = (pid_t)tid;
	list->n++;
	return true;
}

long tc_threads_list(int proc, pid_t *tids, size_t max)
{
	struct list list = { .tids = tids, .max = max };
	int r = tc_proc_each_thread(proc, note_tid, &list);

	return r < 0 ? r : (long)list.n;
}

pid_t tc_threads_living(int proc)
{
	pid_t tids[256];
	long n = tc_threads_list(proc, tids, 256);

	for (long i = 0; i < n && i < 256; i++) {
		struct tc_os_thread thread;
		if (tc_proc_thread(proc, (uint32_t)tids[i], &thread) && thread.state != 'Z' &&
		    thread.state != 'X')
			return tids[i];
	}
	return 0;
}

/* False: the thread is no longer there. */
static bool read_thread(struct tc_target *target, uint32_t tid, struct tc_os_thread *t)
{
	char path[64], text[4096];

	*t = (struct tc_os_thread){ .tid = tid, .tid_ns = tid, .state = '?', .syscall = -1 };
	tc_look_first(target->proc, t);
	if (!tc_proc_thread(target->proc, tid, t))
		return false;
	if (target->ns_depth > 1) {
		snprintf(path, sizeof(path), "task/%u/status", tid);
		if (tc_proc_read(target->proc, path, text, sizeof(text)) > 0)
			t->tid_ns = tc_proc_innermost(tc_proc_field(text, "NSpid"));
	}
	if (t->state != 'Z' && t->state != 'X')
		tc_proc_thread_syscall(target->proc, tid, t);
	return true;
}

struct reading {
	struct tc_target *target;
	struct tc_arena *arena;
	struct tc_watch *watch;
	const struct tc_os_thread *end; /* of what was taken */
	bool full;
};

static bool add_thread(void *context, uint32_t tid)
{
	struct reading *reading = context;
	struct tc_target *target = reading->target;
	/* One array: nothing else takes from the arena here. */
	struct tc_os_thread *t = tc_arena_extend(reading->arena, reading->end, sizeof(*t));

	reading->watch->beats++;
	if (!t) {
		reading->full = true;
		return false;
	}
	reading->end = t + 1;
	if (!target->threads)
		target->threads = t;
	t = &target->threads[target->n_threads];
	if (!read_thread(target, tid, t))
		return true;
	if (target->n_threads++ && tid == (uint32_t)target->pid) {
		struct tc_os_thread first = *t;
		*t = target->threads[0];
		target->threads[0] = first;
	}
	return true;
}

int tc_threads_read(struct tc_target *target, struct tc_arena *arena, struct tc_watch *watch)
{
	struct reading reading = { .target = target, .arena = arena, .watch = watch };

	target->threads = NULL;
	target->n_threads = 0;
	if (tc_proc_each_thread(target->proc, add_thread, &reading) < 0)
		return -TC_EGONE;
	return reading.full ? -TC_ENOSPACE : 0;
}

pid_t tc_threads_via(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	int proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t via = proc < 0 ? 0 : tc_threads_living(proc);
	if (proc >= 0)
		close(proc);
	return via ? via : pid;
}
