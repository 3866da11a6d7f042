/* SPDX-License-Identifier: Apache-2.0
 * The processes below another one. */
#ifndef TC_CHILDREN_H
#define TC_CHILDREN_H

#include <stddef.h>
#include <sys/types.h>

/* The pids of all descendants of pid, nearest first: at most max to pids. Their number, at most
 * max. */
size_t tc_children_list(pid_t pid, pid_t *pids, size_t max);

#endif
