/* SPDX-License-Identifier: Apache-2.0
 * What the descriptors of another process are, asked by a process of its own while the memory is read. */
#ifndef TC_FDS_H
#define TC_FDS_H

#include <stdatomic.h>

#include "lib/process/fd_record.h"
#include "dumper/outside/target.h"

/* What the two share. */
struct tc_fds {
	const struct tc_target *target;
	pid_t parent;
	_Atomic uint32_t go;  /* 1: begin; a futex */
	uint64_t end_ns;      /* CLOCK_MONOTONIC: no question is begun later */
	_Atomic uint32_t n;   /* descriptors listed */
	uint32_t n_left;      /* more than are recorded; counted only */
	_Atomic bool done;    /* the asking process came to its end */
	bool late;	      /* its time was over before */
	int error;	      /* errno: they could not be listed */
	struct tc_arena arena; /* of the asking process */
	struct tc_kept_fd *_Atomic one[TC_FDS_MAX]; /* by ascending number */
};

/* The asking process, from the side of the dumper. */
struct tc_fds_child {
	struct tc_fds *fds; /* NULL: none was started */
	pid_t pid;
	uint64_t end_ns;
};

/* Start the process, which waits for tc_fds_go: a target shall not stand still for its sake. What fails
 * leaves the dump without descriptors, and the notice says so. */
void tc_fds_start(struct tc_fds_child *child, const struct tc_target *target);
void tc_fds_go(struct tc_fds_child *child);

/* Wait for its end, or end it when its time is over, and write what it has found. notice, of TC_NOTICE_SIZE
 * bytes, says what is missing; empty: nothing is. The child can be started again. */
void tc_fds_finish(struct tc_fds_child *child, struct tc_records *rec, struct tc_watch *watch,
		   char *notice);

/* fds_ask.c: what that process does. It shares the memory of the dumper, whose errno and heap are in use at
 * the same time: so no libc, as in a handler. Besides what it keeps it takes TC_FDS_WORK bytes of the arena. */
#define TC_FDS_WORK (1u << 20)
void tc_fds_ask(struct tc_fds *fds);

#endif
