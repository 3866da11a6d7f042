/* SPDX-License-Identifier: Apache-2.0
 * Where the hook in a process will put its next dump, as far as that can be seen from outside. */
#ifndef TC_WHERE_H
#define TC_WHERE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct tc_where {
	bool known;	    /* the directories of the process could be seen */
	char dir[PATH_MAX]; /* the first that can be written; empty: none can */
	char why[PATH_MAX + 64]; /* "not to TASKCORE_DIR (DIR): reason"; else empty */
};

/* Look at the directories of dumper/hook/child/hook_file.c in their order, dir (TASKCORE_DIR; may
 * be empty) first. Not looked at: whether a directory is full of dumps, and what access control
 * lists and security modules say. */
void tc_where_find(pid_t pid, const char *dir, struct tc_where *ret);

#endif
