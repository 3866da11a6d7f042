/* SPDX-License-Identifier: Apache-2.0
 * What the descriptors of another process are. A separate process asks for them while the memory is
 * read. Not for signal handlers, but tc_fds_ask uses no libc, see below. */
#ifndef TC_FDS_H
#define TC_FDS_H

#include <stdatomic.h>

#include "lib/process/fd_record.h"
#include "dumper/outside/target.h"

/* What the dumper and the asking process share. */
struct tc_fds {
	const struct tc_target *target;
	pid_t parent;
	_Atomic uint32_t go; /* a futex; 1: begin to ask */
	uint64_t end_ns;      /* CLOCK_MONOTONIC: no question is asked later */
	_Atomic uint32_t n;   /* descriptors listed */
	uint32_t n_left;      /* more than are recorded; counted only */
	_Atomic bool done;    /* the asking process came to its end */
	bool late;	      /* it ended because its time was over */
	int error;	      /* errno: the descriptors could not be listed; 0: they were */
	struct tc_arena arena; /* of the asking process */
	struct tc_kept_fd *_Atomic one[TC_FDS_MAX]; /* by ascending number */
};

/* The asking process, as the dumper sees it. */
struct tc_fds_child {
	struct tc_fds *fds; /* NULL: none was started */
	pid_t pid;
	uint64_t end_ns;
};

/* Start the process. It waits for tc_fds_go, so that a stopped target need not stay stopped for it.
 * If it cannot be started, the dump has no descriptors, and the notice of tc_fds_finish says so. */
void tc_fds_start(struct tc_fds_child *child, const struct tc_target *target);
void tc_fds_go(struct tc_fds_child *child);

/* Wait for its end, or kill it when its time is over, and write the records of what it has found.
 * notice (TC_NOTICE_SIZE bytes) gets a line about what is missing; empty: nothing is. *child can be
 * started again. */
void tc_fds_finish(struct tc_fds_child *child, struct tc_records *rec, struct tc_watch *watch,
		   char *notice);

/* fds_ask.c: what the asking process does. It shares the dumper's memory, whose errno and heap the
 * dumper uses at the same time, so it must use no libc, as in a signal handler. It takes
 * TC_FDS_WORK bytes of the arena, besides what it keeps. */
#define TC_FDS_WORK (1u << 20)
void tc_fds_ask(struct tc_fds *fds);

#endif
