/* SPDX-License-Identifier: Apache-2.0
 * The walker: finds the interpreters of a process through a reader (mem.h), and writes their
 * threads, loops, tasks, chains and objects as records. It allocates nothing and prints nothing.
 * Everything here may run in a signal handler if the reader may. */
#ifndef TC_WALK_H
#define TC_WALK_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/base/notices.h"
#include "lib/python/layout.h"
#include "lib/mem/mem.h"
#include "lib/format/record.h"

struct tc_walk_options {
	bool no_locals;	      /* write no locals of frames */
	bool no_refs;	      /* do not look who refers to what tasks wait for */
	bool no_values;	      /* write only the types of values: no number, no text */
	bool value_strings;   /* write the text of str values too (--values=strings) */
	uint64_t now_ns;      /* CLOCK_MONOTONIC of the target's machine; 0: unknown */
	uint64_t max_objects; /* object records at most; 0: 2,000,000 */
	/* a random number, so that nobody can make names that collide in hash tables */
	uint64_t seed;
	uint64_t max_tasks;   /* a registry with more ends the walk with -TC_EBOUND; 0: no limit */
	/* Called once for each interpreter, before its tasks. holder: the id, in the target's own
	 * pid namespace, of the thread that holds its GIL; 0: no thread does, or it is unknown.
	 * n_threads: the number of its threads. If it returns false, the walk ends with -TC_EBOUND.
	 * May be NULL. */
	bool (*on_interp)(void *context, uint32_t holder, uint32_t n_threads);
	/* After this time (CLOCK_THREAD_CPUTIME_ID) the frames of threads that run no event loop
	 * are left out. 0: never. */
	uint64_t threads_end_ns;
	/* the thread that got a fatal signal, by its id in the target's own pid namespace; 0: none
	 * did */
	uint32_t crashed_tid;
	/* Called before each task. If it returns true, this task is counted as cut and not read.
	 * May be NULL. */
	bool (*give_up)(void *context);
	void *context; /* the argument of on_interp and give_up */
};

struct tc_counts {
	/* pending tasks: found = read + torn + cut; done: finished tasks, not in found */
	uint64_t found, read, torn, cut, done;
	uint64_t faults;		       /* faults met; the first 1,000 have a record */
	uint64_t objects, objects_cut;
	uint64_t loops, threads, interps;
	uint64_t retaken; /* tasks and registries read a second time */
	/* a registry of tasks did not match its own count, or could not be read to its end */
	bool disagreed;
};

/* What the walk found out about the interpreter, for taskcore status and doctor, and for exit
 * codes. */
struct tc_python {
	uint32_t version;		    /* PY_VERSION_HEX; 0: unknown */
	bool free_threaded, debug, asyncio; /* asyncio: the module is loaded */
	tc_addr runtime;		    /* of _PyRuntime */
	const char *module; /* path of the module it was found in, borrowed from the reader */
	char layout[64];    /* where the offsets came from */
	/* The ids (in the target's own pid namespace) of threads that run an event loop: the first
	 * 64. */
	uint32_t loop_tids[64];
	unsigned n_loop_tids;
	uint64_t loops_ready; /* bit i: the loop of loop_tids[i] has callbacks ready */
};

/* Where the thread of crashed_tid was: its task, and the line of the program's own code. Texts are
 * cut where they do not fit, and empty where they are not known. */
struct tc_crash_place {
	char task[64], function[64], file[256];
	uint32_t line;
};

/* All that a walk tells beside the records that it writes. */
struct tc_walk_result {
	struct tc_counts counts;
	struct tc_python python;
	struct tc_notices notices;
	struct tc_crash_place crash;
};

/* Count tasks and threads, by what their registries say. Counting stops soon after max, so a *ret
 * above max only means "more than max". 0, or the error because of which it is not known. */
int tc_walk_count(struct tc_mem *mem, const struct tc_runtime_site *site, uint64_t max,
		  uint64_t *ret);

/* Find the threads that run an event loop, or did, by the interpreters' lists of threads. Up to max
 * ids (of the target's own pid namespace) go to tids. Up to Python 3.10 there may be two numbers
 * for a thread, one of which is no id: glibc and musl keep it at different offsets. The number of
 * ids; 0 also when it is not known. */
size_t tc_walk_runners(struct tc_mem *mem, const struct tc_runtime_site *site, uint32_t *tids,
		       size_t max);

/* Walk everything and write it to out. arena: at least 8 MiB plus 96 bytes for each expected task;
 * what does not fit is cut and counted. *ret is always filled. 0; -TC_ENOPYTHON: nothing was
 * written; -TC_EUNKNOWN, -TC_EPROBE or -TC_ESTARTING: what is known without a layout was written;
 * -TC_ENOSPACE: the arena is too small to begin; -TC_EWRITE; -TC_EBOUND: the options ended the
 * walk, and what was written is of no use. A fault in the target's memory is no error: it becomes a
 * record, is counted, and the walk goes on. */
int tc_walk(struct tc_mem *mem, struct tc_records *out, struct tc_arena *arena,
	    const struct tc_walk_options *options, struct tc_walk_result *ret);

#endif
