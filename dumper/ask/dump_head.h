/* SPDX-License-Identifier: Apache-2.0
 * What a dump file says about itself in its head and its status record. */
#ifndef TC_DUMP_HEAD_H
#define TC_DUMP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

struct tc_dump_head {
	uint64_t wall_ns;	      /* when it was begun */
	uint64_t cookie;	      /* of the request that it answers; 0: none */
	uint32_t pid, pid_ns;	      /* in the writer's pid namespace, and in the process's own */
	char program[64], reason[32]; /* fit for a terminal */
	const char *crash; /* "SIGSEGV" where the dump is of that fatal signal; NULL: of none */
	bool whole;		      /* it has a status: the fields below are known */
	uint64_t tasks, torn, cut;
	/* where it crashed: the task, and "function file:line"; fit for a terminal; empty: not
	 * known */
	char task[64], place[160];
	bool unknown_python; /* its Python cannot be walked, so it has no tasks */
};

/* Is name the name of a dump? */
bool tc_dump_head_named(const char *name);

/* Read the file name in the directory dir; flags are added to those of open(2). Only head and
 * status are read. False: it cannot be opened, or is no dump of this version of the format. */
bool tc_dump_head_read(int dir, const char *name, int flags, struct tc_dump_head *ret);

#endif
