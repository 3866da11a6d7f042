/* SPDX-License-Identifier: Apache-2.0
 * The processes below another one. */
#ifndef TC_CHILDREN_H
#define TC_CHILDREN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/proc.h"

/* The pids of all descendants of pid, nearest first: at most max to pids. Their number, at most
 * max. */
size_t tc_children_list(pid_t pid, pid_t *pids, size_t max);

/* Its own children alone, where the kernel lists them (CONFIG_PROC_CHILDREN); else 0. */
size_t tc_children_own(pid_t pid, pid_t *pids, size_t max);

/* The nearest process below pid that has an event loop; 0: none that may be read. Its name, fit for a
 * terminal, goes to *name. */
pid_t tc_children_nearest(pid_t pid, uint64_t max_memory, char name[TC_COMM_MAX]);

/* Put in place of the *n processes in pids those that have an event loop, of them and of all below
 * them; at most max. Each is looked at within max_memory bytes. 0; 3: there is none, or 4: none that may
 * be read, with a line said. */
int tc_children_select(pid_t *pids, size_t *n, size_t max, uint64_t max_memory);

#endif
