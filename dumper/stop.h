/* SPDX-License-Identifier: Apache-2.0
 * Freezing another process for a bounded time: by a process of its own, whose end, however it
 * comes, lets the target go. */
#ifndef TC_STOP_H
#define TC_STOP_H

#include "target.h"
#include "watch.h"

struct tc_stop_shared;

struct tc_stop {
	pid_t tracer; /* our helper process; 0: none */
	int go;	      /* pipe: closed by us, the helper lets go */
	struct tc_stop_shared *shared;
	size_t shared_size;
	/* After tc_stop_end: how long the target stood still, or part of it; of that, until all of it did, and
	 * from when it was to be let go. */
	uint64_t pause_ns, stopping_ns, releasing_ns;
};

/* Stop every thread of the target, with PTRACE_SEIZE and PTRACE_INTERRUPT (never SIGSTOP), for ms
 * milliseconds at most: then it is let go by itself and watch->released becomes true. Fills pc and
 * sp of threads that /proc told nothing about. 0: it stands still; 1: not all threads stopped in
 * time, all were let go; -TC_EPERM or -TC_EGONE, target->line says why. */
int tc_stop_begin(struct tc_stop *stop, struct tc_target *target, unsigned ms,
		  struct tc_watch *watch);

/* Let go. True: it stood still from the end of tc_stop_begin until now. */
bool tc_stop_end(struct tc_stop *stop);

#endif
