/* SPDX-License-Identifier: Apache-2.0
 * A look at a process without a file: the walk of a dump into a sink that keeps nothing. */
#ifndef TC_PROBE_H
#define TC_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/walk/walk.h"
#include "dumper/outside/unsupported.h"

/* What a look has found; in memory shared with the child that looked. */
struct tc_probe {
	pid_t pid;
	uint64_t max_memory;
	bool no_walk;	/* only look whether there is a Python: no counts */
	int code;	/* exit code as of dump: 0, 3, 4, 5 */
	char line[512]; /* why it is not 0 */
	char exe[512], comm[TC_COMM_MAX];
	char state;
	uint32_t uid, n_threads;
	pid_t tracer, via;
	bool has_python, pagemap;
	char other[TC_OTHER_SIZE]; /* "PyPy 3.9": what is there in place of a Python that is known; else empty */
	struct tc_python python;
	char module[512]; /* where the interpreter was found */
	struct tc_counts counts;
	uint64_t bytes_read, took_ns;
};

/* Look at probe->pid within max_memory. Fills the rest; returns probe->code. */
int tc_probe_run(struct tc_probe *probe);

#endif
