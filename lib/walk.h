/* SPDX-License-Identifier: Apache-2.0
 * The walker: from a reader to records. It finds the interpreters of a process and writes their
 * threads, loops, tasks, chains and objects. It allocates nothing, prints nothing, and may run in a
 * signal handler with a reader that may. */
#ifndef TC_WALK_H
#define TC_WALK_H

#include "arena.h"
#include "err.h"
#include "layout.h"
#include "mem.h"
#include "record.h"

struct tc_walk_options {
	bool no_locals;	      /* leave out the locals of frames */
	bool no_values;	      /* of values record only the type: no number, no text */
	bool value_strings;   /* record the text of str values too (--values=strings) */
	uint64_t now_ns;      /* CLOCK_MONOTONIC of the target's machine; 0: unknown (a core) */
	uint64_t max_objects; /* object records at most; 0: 2,000,000 */
	uint64_t seed;	      /* random: keeps forged names from colliding in hash tables */
	uint64_t max_tasks;   /* a registry with more ends the walk with -TC_EBOUND; 0: no limit */
	/* Called once for each interpreter, before its tasks: holder is the thread (in the target's own
	 * namespace) that holds its GIL, 0 when nobody does or it cannot be told; n_threads is the
	 * number of its threads. False: the walk ends with -TC_EBOUND. NULL: never. */
	bool (*on_interp)(void *context, uint32_t holder, uint32_t n_threads);
	/* Of CLOCK_MONOTONIC: after it the frames of threads that run no loop are left out. 0: never. */
	uint64_t threads_end_ns;
	/* Called before each task; true: stop here, count the rest as cut. NULL: never. */
	bool (*give_up)(void *context);
	void *context; /* the argument of on_interp and give_up */
};

struct tc_counts {
	uint64_t found, read, torn, cut, done; /* found = read + torn + cut; done beside the sum */
	uint64_t faults;		       /* fault records written or counted */
	uint64_t objects, objects_cut;
	uint64_t loops, threads, interps;
	uint64_t retaken; /* tasks and registries read a second time */
	bool disagreed;	  /* the interpreter's own counts did not match: torn registry */
};

#define TC_NOTICES_MAX 16
#define TC_NOTICE_SIZE 160

/* What the walk found out about the interpreter as a whole, for status, doctor and exit codes. */
struct tc_python {
	uint32_t version;		    /* PY_VERSION_HEX; 0: unknown */
	bool free_threaded, debug, asyncio; /* asyncio: the module is loaded */
	tc_addr runtime;		    /* of _PyRuntime */
	const char *module; /* path of the module it was found in, borrowed from the reader */
	char layout[64];    /* where the offsets came from */
	/* Threads that run a loop, by their ids in the target's own namespace: the first of them. */
	uint32_t loop_tids[64];
	unsigned n_loop_tids;
};

/* How many tasks and threads there are, by what their registries say: *ret, which is of no meaning beyond max.
 * 0 or the error that kept it from being known. */
int tc_walk_count(struct tc_mem *mem, const struct tc_runtime_site *site, uint64_t max,
		  uint64_t *ret);

/* The threads that run an event loop, or did, by the interpreters' own lists: their ids in the target's
 * namespace, up to max, to *tids (of some threads two, one of which is another number). Their number. */
size_t tc_walk_runners(struct tc_mem *mem, const struct tc_runtime_site *site, uint32_t *tids, size_t max);

/* Walk everything and write it to out. arena: at least 8 MiB plus 96 bytes for each task expected;
 * what does not fit is cut and counted. ret_counts and ret_python are always filled. ret_notices
 * gets up to TC_NOTICES_MAX lines of what is missing and why, *ret_n their number. Returns 0;
 * -TC_ENOPYTHON (no record written); -TC_EUNKNOWN or -TC_EPROBE (what is known is written);
 * -TC_EWRITE; -TC_EBOUND where the options ask for it (what was written is of no use). A fault in the target is none of these: it is a record and a count. */
int tc_walk(struct tc_mem *mem, struct tc_records *out, struct tc_arena *arena,
	    const struct tc_walk_options *options, struct tc_counts *ret_counts,
	    struct tc_python *ret_python, char ret_notices[TC_NOTICES_MAX][TC_NOTICE_SIZE],
	    unsigned *ret_n);

#endif
