/* SPDX-License-Identifier: Apache-2.0
 * The scan of the garbage collector's lists: functions with their counts of references, modules and
 * classes, and frames that refer to functions. */
#include "lib/walk/walk_heap.h"

#include "lib/python/pyframe.h"
#include "lib/python/pygc.h"
#include "lib/walk/walk_origin.h"
#include "lib/walk/walk_space.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

/* The arrays, once: only where the tasks have much more room than these take. */
static void take_arrays(struct tc_walker *w)
{
	struct tc_walk_heap *heap = &w->heap;
	const size_t functions = TC_HEAP_FUNCTIONS * sizeof(*heap->functions),
		     keys = TC_HEAP_KEYS * sizeof(*heap->keys),
		     spaces = TC_HEAP_SPACES * sizeof(*heap->spaces);

	if (heap->functions || w->options->no_refs ||
	    w->arena->left / 4 < functions + keys + spaces)
		return;
	heap->functions = tc_arena_take(w->arena, functions);
	heap->keys = tc_arena_take(w->arena, keys);
	heap->spaces = tc_arena_take(w->arena, spaces);
}

void tc_walker_heap_begin(struct tc_walker *w)
{
	struct tc_walk_heap *heap = &w->heap;

	tc_hash_init(&heap->index, w->arena);
	tc_hash_init(&heap->files, w->arena);
	tc_hash_init(&heap->kinds, w->arena);
	tc_hash_init(&heap->classes, w->arena);
	tc_hash_init(&heap->cells, w->arena);
	tc_hash_init(&heap->library_names, w->arena);
	tc_hash_init(&heap->foreign, w->arena);
	heap->n_functions = heap->n_keys = heap->n_spaces = heap->n_getters = 0;
	heap->n_objects = 0;
	heap->whole = false;
}

/* The entry of this function, or of this code without one; it is added. NULL: there is no room. */
static struct tc_heap_function *function_at(struct tc_walker *w, tc_addr addr, tc_addr code)
{
	struct tc_walk_heap *heap = &w->heap;
	uint64_t *number = tc_hash_at(&heap->index, addr);

	if (!number || (!*number && heap->n_functions == TC_HEAP_FUNCTIONS)) {
		heap->whole = false;
		return NULL;
	}
	if (!*number) {
		heap->functions[heap->n_functions] =
			(struct tc_heap_function){ .addr = addr, .code = code };
		*number = ++heap->n_functions;
	}
	return &heap->functions[*number - 1];
}

/* The standard library calls methods of objects that were given to it, by these names. */
static void add_library_names(struct tc_walker *w, tc_addr code)
{
	struct tc_seq seq;
	tc_addr str;

	if (tc_tuple_open(&w->py, code + w->py.at.co_names, &seq) < 0) {
		w->heap.whole = false;
		return;
	}
	while (tc_seq_next(&seq, &str) > 0) {
		uint64_t *known = tc_hash_at(&w->heap.library_names, str);
		if (known)
			*known = 1;
		else
			w->heap.whole = false;
	}
}

/* func_weakreflist: after func_doc and func_dict (Include/cpython/funcobject.h). A weak reference,
 * as that of weakref.WeakMethod, is one that does not count. */
static bool is_weakly_known(struct tc_walker *w, tc_addr function)
{
	const unsigned at = w->py.at.func_code == 16 ? 80 : 96;
	tc_addr list;

	return tc_get(w->mem, function + at, &list) < 0 || list;
}

static void add_function(struct tc_walker *w, tc_addr addr, uint64_t references)
{
	struct tc_heap_function *function;
	tc_addr code;

	if (tc_get(w->mem, addr + w->py.at.func_code, &code) < 0) {
		w->heap.whole = false;
		return;
	}
	if (tc_walker_origin_of(w, code) == TC_ORIGIN_LIBRARY) {
		add_library_names(w, code);
	} else if ((function = function_at(w, addr, code))) {
		/* others may have taken some off already: frames come in any order */
		function->unknown += (int32_t)(uint32_t)references;
		if (is_weakly_known(w, addr))
			function->flags |= TC_FUNCTION_KEPT;
	}
}

/* Code that is not called by a name: of a frame that no task owns. */
static void add_live_code(struct tc_walker *w, tc_addr code)
{
	struct tc_heap_function *function;

	if (tc_walker_origin_of(w, code) != TC_ORIGIN_LIBRARY &&
	    (function = function_at(w, code, code)))
		function->unknown = 1;
}

/* From 3.11 on a frame refers to its function: f_func is the first field there, f_funcobj the third
 * one later. From 3.14 on bit 0 says that the reference is borrowed. */
static void take_off_frame(struct tc_walker *w, tc_addr frame)
{
	struct tc_heap_function *function;
	tc_addr addr, code;

	if (w->py.at.if_code == TC_NONE ||
	    tc_get(w->mem, frame + (w->py.at.if_code ? 0 : 16), &addr) < 0 || addr & 1 ||
	    addr < 4096 || tc_get(w->mem, addr + w->py.at.func_code, &code) < 0 ||
	    tc_walker_origin_of(w, code) == TC_ORIGIN_LIBRARY)
		return;
	if ((function = function_at(w, addr, code)))
		function->unknown--;
}

static void add_generator(struct tc_walker *w, tc_addr addr)
{
	struct tc_gen gen;

	if (tc_gen_read(&w->py, addr, &gen) < 0) {
		w->heap.whole = false;
		return;
	}
	if (gen.state == TC_GEN_FINISHED || gen.state == TC_GEN_EXECUTING)
		return; /* a thread's frames show it */
	take_off_frame(w, gen.frame.addr);
	if (!tc_hash_find(&w->refs.index, gen.frame.locals))
		add_live_code(w, gen.frame.code);
}

/* A frame object: from 3.11 on it has a frame of its own only once that has ended; before, it is
 * the frame, and who runs it is not known here. */
static void add_frame(struct tc_walker *w, tc_addr addr)
{
	struct tc_frame_view frame;
	tc_addr previous;
	bool foreign;

	if (w->py.at.fo_frame != TC_NONE) {
		if (tc_get(w->mem, addr + w->py.at.fo_frame, &frame.addr) == 0 &&
		    tc_walker_frame_ended(w, &frame))
			take_off_frame(w, frame.addr);
	} else if (tc_frame_read(&w->py, addr, &frame, &foreign, &previous) == 0 && !foreign &&
		   !tc_walker_frame_ended(w, &frame) &&
		   !tc_hash_find(&w->refs.index, frame.locals)) {
		add_live_code(w, frame.code);
	}
}

static void add_space(struct tc_walker *w, tc_addr addr, bool module, uint64_t references)
{
	struct tc_walk_heap *heap = &w->heap;
	uint64_t *number = module ? NULL : tc_hash_at(&heap->classes, addr);
	tc_addr dict;

	if (tc_get(w->mem, addr + (module ? TC_MODULE_DICT : TC_TP_DICT), &dict) < 0 ||
	    heap->n_spaces == TC_HEAP_SPACES || (!module && !number)) {
		heap->whole = false;
	} else if (dict) {
		heap->spaces[heap->n_spaces++] = (struct tc_heap_space){
			.addr = addr,
			.dict = dict,
			.module = module,
			.unknown = module ? 0 : (int32_t)(uint32_t)references,
		};
		if (number)
			*number = heap->n_spaces;
	}
}

/* A cell with a class: that which super() and __class__ of its methods use. */
static void add_cell(struct tc_walker *w, tc_addr cell)
{
	tc_addr content, type;
	uint64_t *n;

	if (tc_get(w->mem, cell + TC_CELL_REF, &content) < 0 || !content || content & 7 ||
	    tc_get(w->mem, content + TC_OB_TYPE, &type) < 0 ||
	    tc_walker_heap_kind(w, type) != TC_KIND_TYPE)
		return;
	if ((n = tc_hash_at(&w->heap.cells, content)))
		++*n;
}

static void add_object(struct tc_walker *w, tc_addr addr, const uint64_t head[2])
{
	const enum tc_kind kind = tc_walker_heap_kind(w, head[1]);
	uint64_t *count = tc_hash_find(&w->heap.kinds, head[1]);

	if (count)
		*count += 1ul << TC_HEAP_COUNT;
	switch (kind) {
	case TC_KIND_FUNCTION:
		add_function(w, addr, head[0]);
		break;
	case TC_KIND_CORO:
	case TC_KIND_GENERATOR:
	case TC_KIND_ASYNCGEN:
		add_generator(w, addr);
		break;
	case TC_KIND_FRAME:
		add_frame(w, addr);
		break;
	case TC_KIND_CELL:
		add_cell(w, addr);
		break;
	case TC_KIND_GETTER:
		if (w->heap.n_getters == TC_HEAP_GETTERS)
			w->heap.whole = false;
		else
			w->heap.getters[w->heap.n_getters++] = addr;
		break;
	case TC_KIND_MODULE:
		add_space(w, addr, true, 0);
		break;
	case TC_KIND_TYPE:
		add_space(w, addr, false, head[0]);
		break;
	default:
		break;
	}
}

static void add_threads(struct tc_walker *w)
{
	const struct tc_walk_threads *threads = &w->threads;

	w->heap.whole &= !threads->cut;
	for (uint32_t i = 0; i < threads->n; i++) {
		const struct tc_walk_thread *thread = &threads->at[i];
		w->heap.whole &= !thread->cut && !thread->torn && !thread->skipped;
		for (uint32_t f = 0; f < thread->n_frames; f++)
			take_off_frame(w, thread->frames[f].addr);
	}
}

void tc_walker_heap(struct tc_walker *w)
{
	struct tc_walk_heap *heap = &w->heap;
	struct tc_gc gc;
	uint64_t head[2];
	tc_addr object;
	int r;

	take_arrays(w);
	if (!heap->functions || !heap->keys || !heap->spaces || !tc_walker_find_library(w) ||
	    tc_gc_open(&w->py, w->runtime, w->interp.addr, &gc) < 0)
		return;
	heap->whole = true;
	while ((r = tc_gc_next(&gc, &object, head)) > 0 && heap->n_objects < TC_HEAP_OBJECTS) {
		heap->n_objects++;
		add_object(w, object, head);
	}
	heap->whole &= r == 0;
	add_threads(w);
	tc_walker_spaces(w);
}
