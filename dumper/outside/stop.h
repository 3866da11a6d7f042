/* SPDX-License-Identifier: Apache-2.0
 * Stops another process for a bounded time. A helper process does it: when the helper ends, for
 * whatever reason, the kernel lets the target go. Not for signal handlers. */
#ifndef TC_STOP_H
#define TC_STOP_H

#include "dumper/outside/target.h"
#include "dumper/outside/watch.h"

struct tc_stop_shared;

struct tc_stop {
	pid_t tracer; /* our helper process; 0: none */
	int go;	      /* a pipe; when we close it, the helper lets the target go */
	struct tc_stop_shared *shared;
	size_t shared_size;
	/* Set by tc_stop_end: how long at least one thread was stopped; of that, the time until all
	 * were stopped, and the time from the request to let them go. */
	uint64_t pause_ns, stopping_ns, releasing_ns;
};

/* Stop every thread of the target, by PTRACE_SEIZE and PTRACE_INTERRUPT (never SIGSTOP). After ms
 * milliseconds the helper lets them go by itself, and watch->released becomes true. The registers,
 * states and system calls in target->threads are replaced by those of the stopped threads. 0: all
 * threads are stopped, and those of them that do not sleep have their registers in
 * target->reader.mem; 1: not all stopped in time, and all were let go; -TC_EPERM, -TC_EGONE,
 * -TC_ENOSPACE or -TC_EINTERNAL: target->line says why, if it is not empty. */
int tc_stop_begin(struct tc_stop *stop, struct tc_target *target, unsigned ms,
		  struct tc_watch *watch);

/* Let the target go. True: it was stopped all the time since tc_stop_begin returned. */
bool tc_stop_end(struct tc_stop *stop);

#endif
