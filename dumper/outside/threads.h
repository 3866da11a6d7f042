/* SPDX-License-Identifier: Apache-2.0
 * The threads of a process as /proc/PID/task shows them. Not for signal handlers. proc: a
 * descriptor of /proc/PID. */
#ifndef TC_THREADS_H
#define TC_THREADS_H

#include "dumper/outside/target.h"

/* List the threads of target->proc into target->threads, the first thread first: states, names,
 * system calls. 0, -TC_EGONE, or -TC_ENOSPACE. */
int tc_threads_read(struct tc_target *target, struct tc_arena *arena, struct tc_watch *watch);

/* List the ids of all threads; up to max go to tids. Their number, which may be more than max, or
 * -errno. */
long tc_threads_list(int proc, pid_t *tids, size_t max);

/* The id of a thread that has not ended; 0: there is none. */
pid_t tc_threads_living(int proc);

/* The id of the thread through whose /proc/PID/task/TID the maps, root and working directory of
 * process pid can be seen: the first thread, or, when that has ended, a living one. pid: there is
 * none. */
pid_t tc_threads_via(pid_t pid);

#endif
