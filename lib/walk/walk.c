/* SPDX-License-Identifier: Apache-2.0
 * The walk as a whole: finds _PyRuntime, then goes over its interpreters, their threads, tasks and
 * loops. */
#include "lib/walk/walk.h"

#include "lib/python/find_python.h"
#include "lib/python/pygc.h"
#include "lib/walk/walk_loop.h"
#include "lib/walk/walk_note.h"
#include "lib/walk/walk_object.h"
#include "lib/walk/walk_registry.h"
#include "lib/walk/walk_settle.h"
#include "lib/walk/walk_ended.h"
#include "lib/walk/walk_string.h"
#include "lib/walk/walk_thread.h"
#include "lib/walk/walker.h"
#include "lib/base/safe.h"

#define INTERPS_MAX 1024u

static void describe(const struct tc_runtime_site *site, uint32_t version, struct tc_python *ret)
{
	ret->version = version ? version : site->version;
	ret->free_threaded = site->free_threaded;
	ret->runtime = site->runtime;
	ret->module = site->module;
}

static int take(struct tc_walker *w, void **ret, size_t size)
{
	*ret = tc_arena_take(w->arena, size);
	return *ret ? 0 : -TC_ENOSPACE;
}

/* All scratch memory, once. */
static int take_scratch(struct tc_walker *w)
{
	const struct {
		void *at;
		size_t size;
	} scratch[] = {
		{ &w->strings.text, TC_STRING_MAX + 64 },
		{ &w->codes.names, TC_NAMES_MAX * sizeof(*w->codes.names) },
		{ &w->locals.bytes, TC_LOCALS_BYTES },
		{ &w->locals.words, TC_NAMES_MAX * sizeof(*w->locals.words) },
		{ &w->locals.refs, TC_REFS_KEPT * sizeof(*w->locals.refs) },
		{ &w->locals.libraries, TC_FRAMES_KEPT * sizeof(*w->locals.libraries) },
		{ &w->holds.at, TC_HOLDS_MAX * sizeof(*w->holds.at) },
		{ &w->locals.slots, TC_SLOT_CACHE * sizeof(*w->locals.slots) },
		{ &w->ties.pieces, w->mem->ops->same ? TC_TIES_MAX * sizeof(*w->ties.pieces) : 0 },
		{ &w->ties.same, w->mem->ops->same ? TC_TIES_MAX * sizeof(*w->ties.same) : 0 },
		{ &w->ties.renewed,
		  w->mem->ops->same ? TC_TIES_MAX * sizeof(*w->ties.renewed) : 0 },
		{ &w->ties.bytes, w->mem->ops->same ? TC_TIES_BYTES : 0 },
		{ &w->contexts.scratch, sizeof(*w->contexts.scratch) },
		{ &w->contexts.known, TC_CONTEXT_CACHE * sizeof(*w->contexts.known) },
		{ &w->loops.at, TC_LOOPS_MAX * sizeof(*w->loops.at) },
		{ &w->threads.current, TC_CURRENT_MAX * sizeof(*w->threads.current) },
		{ &w->objects.todo, TC_TODO_MAX * sizeof(*w->objects.todo) },
		{ &w->objects.attrs, TC_ATTRS_MAX * sizeof(*w->objects.attrs) },
		{ &w->objects.items, TC_ITEMS_MAX * sizeof(*w->objects.items) },
	};
	for (size_t i = 0; i < sizeof(scratch) / sizeof(scratch[0]); i++)
		if (take(w, scratch[i].at, scratch[i].size) < 0)
			return -TC_ENOSPACE;
	return 0;
}

static void init_tables(struct tc_walker *w)
{
	struct tc_hash *tables[] = { &w->strings.known, &w->types.known, &w->codes.known,
				     &w->codes.sites,	&w->codes.links, &w->loops.ids,
				     &w->threads.os };

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		tc_hash_init(tables[i], w->arena);
	tc_seen_init(&w->objects.seen, w->arena);
	tc_seen_init(&w->tasks.seen, w->arena);
}

static void put_interp(struct tc_walker *w, uint32_t version, const char *layout)
{
	tc_addr id = 0;
	uint32_t source = tc_walker_text(w, layout, strlen(layout), TC_STR_CODE);
	uint32_t cpython = tc_walker_text(w, "cpython", 7, TC_STR_CODE);

	if (w->interp.addr && w->py.at.is_id != TC_NONE)
		tc_get(w->mem, w->interp.addr + w->py.at.is_id, &id);
	tc_record_begin(w->out, TC_REC_INTERP);
	tc_put_u(w->out, w->interp.addr);
	tc_put_u(w->out, id);
	tc_put_u(w->out, TC_RUNTIME_CPYTHON);
	tc_put_u(w->out, version);
	tc_put_u(w->out, w->interp.flags);
	tc_put_u(w->out, source);
	tc_put_u(w->out, cpython);
	tc_record_define(w->out, TC_TAB_INTERP, &w->interp.id);
	w->counts->interps++;
}

/* The type greenlet.greenlet of the module greenlet; NULL: the module is not what we know. */
static const struct tc_walk_type *greenlet_type(struct tc_walker *w, tc_addr module)
{
	tc_addr dict, object;

	if (tc_get(w->mem, module + TC_MODULE_DICT, &dict) < 0 ||
	    tc_dict_get(&w->py, dict, "greenlet", &object) < 0)
		return NULL;
	const struct tc_walk_type *type = tc_walker_type(w, object);
	return type && type->greenlet ? type : NULL;
}

/* sys.modules: where asyncio and greenlet are, if they were imported. */
static void find_modules(struct tc_walker *w)
{
	tc_addr modules, key, value;
	struct tc_dict dict;
	uint64_t n = 0;

	w->interp.asyncio_tasks = w->interp.asyncio_c = 0;
	w->greenlets.type = NULL;
	int r = tc_get(w->mem, w->interp.addr + w->py.at.is_modules, &modules);
	if (r == 0 && !modules) /* not made yet, or gone */
		return;
	if (r == 0)
		r = tc_dict_open(&w->py, modules, &dict);
	for (; r == 0 && (r = tc_dict_next(&dict, &key, &value)) > 0; r = 0) {
		n++;
		if (!w->interp.asyncio_tasks && tc_str_is(&w->py, key, "asyncio.tasks"))
			w->interp.asyncio_tasks = value;
		else if (!w->interp.asyncio_c && tc_str_is(&w->py, key, "_asyncio"))
			w->interp.asyncio_c = value;
		else if (!w->greenlets.type && tc_str_is(&w->py, key, "greenlet"))
			w->greenlets.type = greenlet_type(w, value);
		else if (tc_str_is(&w->py, key, "trio"))
			tc_notices_add(w->notices,
				       "trio is loaded: its tasks are not read by this version");
	}
	if (r < 0 || (n != dict.used && !w->mem->live)) {
		w->counts->disagreed |= !w->mem->live;
		tc_notices_add(w->notices,
			       "sys.modules could not be read whole: tasks may be missing");
	}
}

/* The offsets that _asyncio publishes about itself (3.14+). */
static void adopt_asyncio_offsets(struct tc_walker *w)
{
	tc_addr state, debug;

	if (w->py.at.as_debug == TC_NONE || !w->interp.asyncio_c ||
	    tc_get(w->mem, w->interp.asyncio_c + w->py.at.module_state, &state) < 0 || !state ||
	    tc_get(w->mem, state + w->py.at.as_debug, &debug) < 0 || !debug ||
	    tc_layout_asyncio(w->mem, debug, &w->py.at) < 0)
		tc_notices_add(
			w->notices,
			"asyncio's own offsets could not be read: those of the table are used");
}

static bool has_abiflag(struct tc_walker *w, char flag)
{
	tc_addr sysdict, str;
	char flags[8];

	if (tc_get(w->mem, w->interp.addr + w->py.at.is_sysdict, &sysdict) < 0 ||
	    tc_dict_get(&w->py, sysdict, "abiflags", &str) < 0 ||
	    tc_str_read(&w->py, str, flags, sizeof(flags), NULL) < 0)
		return false;
	return memchr(flags, flag, strlen(flags)) != NULL;
}

static void note_loop_threads(struct tc_walker *w)
{
	struct tc_python *python = w->python;
	const unsigned max = sizeof(python->loop_tids) / sizeof(python->loop_tids[0]);

	for (uint32_t i = 0; i < w->threads.n && python->n_loop_tids < max; i++)
		if (w->threads.at[i].running_loop && w->threads.at[i].tid)
			python->loop_tids[python->n_loop_tids++] = w->threads.at[i].tid;
}

static void walk_interp(struct tc_walker *w)
{
	struct tc_python *python = w->python;
	uint32_t first_loop = w->loops.n;

	find_modules(w);
	bool asyncio = w->interp.asyncio_tasks || w->interp.asyncio_c;
	if (asyncio && w->py.at.as_debug != TC_NONE)
		adopt_asyncio_offsets(w);
	python->asyncio |= asyncio;
	python->debug |= has_abiflag(w, 'd');
	w->interp.flags = (asyncio ? 0u : TC_INTERP_NO_ASYNCIO) |
			  (python->debug ? TC_INTERP_DEBUG : 0u) |
			  (tc_gc_is_collecting(&w->py, w->runtime, w->interp.addr) ?
				       TC_INTERP_COLLECTING :
				       0u);
	put_interp(w, python->version, python->layout);
	tc_walker_threads(w);
	note_loop_threads(w);
	if (w->options->on_interp &&
	    !w->options->on_interp(w->options->context, tc_walker_gil_holder(w),
				   w->threads.n + w->threads.cut)) {
		w->stopped = true;
		return;
	}
	tc_walker_thread_records(w);
	tc_walker_refs_begin(w);
	tc_walker_heap_begin(w);
	tc_walker_names_begin(w);
	tc_hash_init(&w->bytecodes, w->arena);
	tc_walker_registries(w);
	tc_walker_loop_records(w, first_loop);
	tc_walker_stranded(w, first_loop);
	tc_walker_refs(w);
	tc_walker_ended(w);
}

static void walk_interps(struct tc_walker *w)
{
	tc_addr first, next;

	if (tc_get(w->mem, w->runtime + w->py.at.rt_interp_head, &first) < 0)
		return;
	w->interp.addr = first;
	for (unsigned n = 0; w->interp.addr; n++) {
		if (n == INTERPS_MAX) {
			tc_notices_add(w->notices,
				       "more than 1024 interpreters: the rest is left out");
			return;
		}
		walk_interp(w);
		if (w->stopped || tc_get(w->mem, w->interp.addr + w->py.at.is_next, &next) < 0 ||
		    next == w->interp.addr || next == first)
			return;
		w->interp.addr = next;
	}
}

/* A Python whose layout is not known: one record says that it is there, and nothing is guessed. */
static void put_unknown(struct tc_walker *w, int why)
{
	const struct tc_python *python = w->python;

	w->interp.addr = 0;
	w->interp.flags =
		TC_INTERP_UNKNOWN | (python->free_threaded ? TC_INTERP_FREE_THREADED : 0u);
	put_interp(w, python->version, "none");
	tc_notices_add(
		w->notices,
		python->free_threaded ?
			"this Python is free-threaded, which this version cannot walk: threads and "
			"modules only" :
		why == -TC_ESTARTING ?
			"its interpreter has not started yet, or has ended: threads and modules "
			"only" :
			"this Python's memory layout is not known: threads and modules only");
}

/* Everything of the walker that needs no layout. 0 or -TC_ENOSPACE. */
static int init(struct tc_walker *w)
{
	init_tables(w);
	/* the first call only notes the counters that later calls compare with */
	tc_walker_moves(w);
	if (take_scratch(w) < 0)
		return -TC_ENOSPACE;
	tc_walker_object_names(w);
	return 0;
}

int tc_walk(struct tc_mem *mem, struct tc_records *out, struct tc_arena *arena,
	    const struct tc_walk_options *options, struct tc_walk_result *ret)
{
	struct tc_runtime_site site;
	struct tc_walker *w;
	uint32_t version = 0;

	memset(ret, 0, sizeof(*ret));
	int r = tc_find_runtime(mem, &site);
	if (r < 0)
		return r;
	w = tc_arena_take(arena, sizeof(*w));
	if (!w)
		return -TC_ENOSPACE;
	w->py.mem = w->mem = mem;
	w->out = out;
	w->arena = arena;
	w->options = options;
	w->counts = &ret->counts;
	w->python = &ret->python;
	w->notices = &ret->notices;
	w->crash = &ret->crash;
	w->runtime = site.runtime;
	if (init(w) < 0)
		return -TC_ENOSPACE;
	r = tc_layout_choose(mem, &site, &w->py.at, &version, w->python->layout);
	describe(&site, version, w->python);
	if (r < 0)
		put_unknown(w, r);
	else
		walk_interps(w);
	return out->error ? out->error : w->stopped ? -TC_EBOUND : r;
}
