/* SPDX-License-Identifier: Apache-2.0
 * A look at a process that makes no file: the walk of a dump, with a sink that keeps nothing. Not
 * for signal handlers. */
#ifndef TC_PROBE_H
#define TC_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/walk/walk.h"
#include "dumper/outside/unsupported.h"

/* What to look at, and what was found. */
struct tc_probe {
	pid_t pid;
	uint64_t max_memory;
	bool no_walk;	/* set by the caller: only look for a Python, leave the counts at 0 */
	int code;	/* exit code as of dump: 0, 3, 4, 5 */
	char line[512]; /* why code is not 0; fit for a terminal, as the texts below */
	char exe[512], comm[TC_COMM_MAX];
	char state;
	uint32_t uid, n_threads;
	pid_t tracer, via;
	bool has_python, pagemap;
	char other[TC_OTHER_SIZE]; /* a Python that cannot be walked, as "PyPy 3.9"; else empty */
	char module[512]; /* where the interpreter was found */
	struct tc_walk_result walk;
	uint64_t bytes_read, took_ns;
};

/* Look at probe->pid, with max_memory bytes at most. Fills the rest of *probe; returns
 * probe->code. */
int tc_probe_run(struct tc_probe *probe);

/* Is it the hook's own process, which makes a dump of its parent? It has a copy of the loops. */
bool tc_probe_is_dumper(const struct tc_probe *probe);
/* Has the process event loops of its own? */
bool tc_probe_has_loops(const struct tc_probe *probe);

#endif
