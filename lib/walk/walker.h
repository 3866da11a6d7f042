/* SPDX-License-Identifier: Apache-2.0
 * The state of a walk, in one struct for each noun of the room, which the noun's own header has.
 * Only the files of lib/walk include it. Safe in a handler. */
#ifndef TC_WALKER_H
#define TC_WALKER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/python/pyobj.h"
#include "lib/walk/walk.h"
#include "lib/walk/walk_chain.h"
#include "lib/walk/walk_code.h"
#include "lib/walk/walk_completion.h"
#include "lib/walk/walk_context.h"
#include "lib/walk/walk_greenlet.h"
#include "lib/walk/walk_heap.h"
#include "lib/walk/walk_holds.h"
#include "lib/walk/walk_locals.h"
#include "lib/walk/walk_loop.h"
#include "lib/walk/walk_names.h"
#include "lib/walk/walk_object.h"
#include "lib/walk/walk_refs.h"
#include "lib/walk/walk_sole.h"
#include "lib/walk/walk_string.h"
#include "lib/walk/walk_task.h"
#include "lib/walk/walk_thread.h"
#include "lib/walk/walk_ties.h"
#include "lib/walk/walk_type.h"

/* The interpreter that is being walked. */
struct tc_walk_interp {
	tc_addr addr;
	uint32_t id, flags;
	/* the module objects asyncio.tasks and _asyncio; 0: not imported */
	tc_addr asyncio_tasks, asyncio_c;
};

struct tc_walker {
	struct tc_py py;
	struct tc_mem *mem; /* the same as py.mem */
	struct tc_records *out;
	struct tc_arena *arena;
	const struct tc_walk_options *options;
	/* of the result */
	struct tc_counts *counts;
	struct tc_python *python;
	struct tc_notices *notices;
	struct tc_crash_place *crash;
	uint64_t n_fault_records;
	bool full;    /* the arena is exhausted */
	bool stopped; /* max_tasks or on_interp has ended the walk */

	tc_addr runtime;
	struct tc_walk_interp interp;
	struct tc_walk_strings strings;
	struct tc_walk_types types;
	struct tc_walk_codes codes;
	struct tc_link_cache links[TC_LINK_CACHE];
	struct tc_walk_locals locals;
	struct tc_walk_holds holds;
	struct tc_walk_sole sole;
	struct tc_walk_refs refs;
	struct tc_hash bytecodes; /* addresses of codes whose bytecode was written, or is not */
	struct tc_walk_heap heap;
	struct tc_walk_names names;
	struct tc_walk_contexts contexts;
	struct tc_walk_objects objects;
	struct tc_walk_tasks tasks;
	struct tc_ties ties;
	struct tc_walk_threads threads;
	struct tc_walk_loops loops;
	struct tc_walk_greenlets greenlets;
	struct tc_walk_completions completions;
};

/* The entry of the cache for the type at addr. The hash mixes in the page number, because static
 * types lie a page or more apart. */
static inline const struct tc_walk_type **tc_walker_type_front(struct tc_walker *w, tc_addr addr)
{
	return &w->types.front[(addr >> 4 ^ addr >> 12) & (TC_TYPE_CACHE - 1)];
}

/* The type at addr; NULL: there is none. Inline because each value that is read needs it. */
static inline const struct tc_walk_type *tc_walker_type(struct tc_walker *w, tc_addr addr)
{
	const struct tc_walk_type *front = *tc_walker_type_front(w, addr);

	return front && front->addr == addr ? front : tc_walker_look_up_type(w, addr);
}

#endif
