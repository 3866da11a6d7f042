/* SPDX-License-Identifier: Apache-2.0
 * The records of the functions that walk_heap.c has found. */
#include "lib/walk/walk_function.h"

#include "lib/walk/walk_bytecode.h"
#include "lib/walk/walk_code.h"
#include "lib/walk/walk_heap.h"
#include "lib/walk/walk_names.h"
#include "lib/walk/walk_string.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

/* Does the code use any name that counts? One that does not leads nowhere. */
static bool uses_names(const struct tc_walk_names *names)
{
	for (uint32_t i = 0; i < names->n; i++)
		if (names->ids[i])
			return true;
	return names->cut;
}

static void put_record(struct tc_walker *w, const struct tc_heap_function *function,
		       const struct tc_walk_code *code)
{
	const struct tc_heap_key *keys = w->heap.keys;
	const uint32_t flags = function->flags | (function->unknown > 0 ? TC_FUNCTION_KEPT : 0u) |
			       (w->names.cut ? TC_FUNCTION_CUT : 0u);
	uint32_t n = 0;

	for (uint32_t k = function->first_key; k; k = keys[k - 1].next, n++)
		tc_walker_name(w, keys[k - 1].str);
	tc_record_begin(w->out, TC_REC_FUNCTION);
	tc_put_u(w->out, code->id);
	tc_put_u(w->out, flags);
	tc_put_u(w->out, n);
	for (uint32_t k = function->first_key; k; k = keys[k - 1].next)
		tc_put_u(w->out, tc_walker_name(w, keys[k - 1].str));
	tc_walker_names_put(w);
	tc_record_end(w->out);
}

static void put_function(struct tc_walker *w, const struct tc_heap_function *function)
{
	const struct tc_walk_code *code;

	tc_walker_names_read(w, function->code);
	if (!uses_names(&w->names))
		return;
	if (!(code = tc_walker_code(w, function->code, 0))) {
		w->heap.whole = false;
		return;
	}
	/* the body of a module runs once: where it still does, a thread's frames show it */
	if (tc_str_is(&w->py, code->facts.name, "<module>"))
		return;
	if (function->flags & TC_FUNCTION_CONSTRUCTOR) {
		tc_walker_put_bytecode(w, code);
		tc_walker_names_read(w, function->code);
	}
	put_record(w, function, code);
}

/* What an attrgetter or methodcaller gets: as a function without code, which somebody has. */
static void put_getter(struct tc_walker *w, tc_addr getter)
{
	tc_walker_names_of_getter(w, getter);
	if (!uses_names(&w->names))
		return;
	tc_record_begin(w->out, TC_REC_FUNCTION);
	tc_put_u(w->out, 0);
	tc_put_u(w->out, TC_FUNCTION_KEPT);
	tc_put_u(w->out, 0);
	tc_walker_names_put(w);
	tc_record_end(w->out);
}

void tc_walker_functions(struct tc_walker *w)
{
	struct tc_walk_heap *heap = &w->heap;

	if (!heap->whole || !tc_walker_names_prepare(w))
		return;
	for (uint32_t i = 0; i < heap->n_keys; i++)
		tc_walker_names_want(w, heap->keys[i].str);
	for (uint32_t i = 0; i < heap->n_functions && heap->whole; i++)
		put_function(w, &heap->functions[i]);
	for (uint32_t i = 0; i < heap->n_getters; i++)
		put_getter(w, heap->getters[i]);
	tc_record_begin(w->out, TC_REC_HEAP);
	tc_put_u(w->out, w->interp.id);
	tc_put_u(w->out, heap->whole ? TC_HEAP_WHOLE : 0u);
	tc_put_u(w->out, heap->n_objects);
	tc_record_end(w->out);
}
