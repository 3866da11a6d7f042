/* SPDX-License-Identifier: Apache-2.0
 * The threads of a process as /proc/PID/task shows them. */
#ifndef TC_THREADS_H
#define TC_THREADS_H

#include "dumper/outside/target.h"

/* List the threads of target->proc into target->threads, the first thread first: states, names,
 * system calls. 0, -TC_EGONE, or -TC_ENOSPACE. */
int tc_threads_read(struct tc_target *target, struct tc_arena *arena, struct tc_watch *watch);

/* The tids in the directory task: at most max of them to tids. Their number (may exceed max), or
 * -errno. */
long tc_threads_list(int proc, pid_t *tids, size_t max);

/* A thread of the process that has not ended, or 0. */
pid_t tc_threads_living(int proc);

/* The thread of pid through whose /proc/PID/task/TID its maps, root and working directory can be
 * seen: the first one, or when that has ended a living one. pid when there is none. */
pid_t tc_threads_via(pid_t pid);

#endif
