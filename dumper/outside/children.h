/* SPDX-License-Identifier: Apache-2.0
 * The processes below another one: its children, their children, and so on. Nothing here is for
 * signal handlers. */
#ifndef TC_CHILDREN_H
#define TC_CHILDREN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/process/proc.h"

/* List all processes below pid, the nearest first: up to max go to pids. Their number. */
size_t tc_children_list(pid_t pid, pid_t *pids, size_t max);

/* List only its own children, up to max. Their number; 0 also where the kernel does not list them
 * (CONFIG_PROC_CHILDREN). */
size_t tc_children_own(pid_t pid, pid_t *pids, size_t max);

/* The nearest process below pid that has an event loop; 0: there is none that we may read. name
 * gets its name, fit for a terminal. max_memory: bytes for looking at one process, here and
 * below. */
pid_t tc_children_nearest(pid_t pid, uint64_t max_memory, char name[TC_COMM_MAX]);

/* Replace the *n processes in pids by those of them, and of all processes below them, that have an
 * event loop: at most max. 0; or, with a line on stderr, exit code 3: there is none, 4: there is
 * none that we may read. */
int tc_children_select(pid_t *pids, size_t *n, size_t max, uint64_t max_memory);

#endif
