/* SPDX-License-Identifier: Apache-2.0
 * What a dump file says of itself in its first and its last record. */
#ifndef TC_DUMP_HEAD_H
#define TC_DUMP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

struct tc_dump_head {
	uint64_t wall_ns;	      /* when it was begun */
	uint64_t cookie;	      /* of the request that it answers; 0: none */
	uint32_t pid, pid_ns;	      /* as the writer counted, and in its own namespace */
	char program[64], reason[32]; /* fit for a terminal */
	bool whole;		      /* it was sealed: the counts below are known */
	uint64_t tasks, torn, cut;
	bool unknown_python; /* of that no tasks were read */
};

/* Is name the name of a dump? */
bool tc_dump_head_named(const char *name);

/* Read the dump name in the directory dir (flags are added to those of open(2)). Nothing between
 * head and status is read. False: it cannot be opened, or is no dump of ours. */
bool tc_dump_head_read(int dir, const char *name, int flags, struct tc_dump_head *ret);

#endif
