/* SPDX-License-Identifier: Apache-2.0
 * A function that only the dict of its module or class refers to can be called by its name alone.
 * One that has more references is kept somewhere (a callback, a handler, a decorator), and may be
 * called at any time. The same for classes, whose constructors run then. */
#include "lib/walk/walk_space.h"

#include "lib/format/key_words.h"
#include "lib/walk/walk_heap.h"
#include "lib/walk/walk_origin.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

enum { BASES_MAX = 64, TYPE_BASES = 336, PROPERTY_FUNCTIONS = 3 };

static uint64_t instances_of(const struct tc_walk_heap *heap, tc_addr type)
{
	const uint64_t *kind = tc_hash_find(&heap->kinds, type);

	return kind ? *kind >> TC_HEAP_COUNT : 0;
}

static struct tc_heap_function *known_function(struct tc_walk_heap *heap, tc_addr addr)
{
	const uint64_t *number = tc_hash_find(&heap->index, addr);

	return number ? &heap->functions[*number - 1] : NULL;
}

/* One reference to this class, if it is one, is known. */
static void take_off_class(struct tc_walk_heap *heap, tc_addr addr)
{
	const uint64_t *number = tc_hash_find(&heap->classes, addr);

	if (number)
		heap->spaces[*number - 1].unknown--;
}

static bool add_key(struct tc_walk_heap *heap, tc_addr str, uint32_t *first)
{
	if (heap->n_keys == TC_HEAP_KEYS) {
		heap->whole = false;
		return false;
	}
	heap->keys[heap->n_keys] = (struct tc_heap_key){ str, *first };
	*first = ++heap->n_keys;
	return true;
}

/* What runs when a class is called: it is named by the name of the class. */
static bool is_constructor(struct tc_walker *w, tc_addr key)
{
	static const char *const names[] = { "__init__", "__new__", "__post_init__" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (tc_str_is(&w->py, key, names[i]))
			return true;
	return false;
}

/* What a package calls getattr or import_module knows nothing of the program's names. */
static bool is_of_program(const struct tc_heap_space *space)
{
	return !space->library && !space->package;
}

/* Is this a function of the standard library whose name counts, as Event.set or import_module, kept
 * under another name? */
static bool is_alias(struct tc_walker *w, tc_addr function, tc_addr key)
{
	char name[128], text[128];
	tc_addr type, code, str;

	/* inside a descriptor it may be of any type, or none */
	if (!function || tc_get(w->mem, function + TC_OB_TYPE, &type) < 0 ||
	    tc_walker_heap_kind(w, type) != TC_KIND_FUNCTION ||
	    tc_get(w->mem, function + w->py.at.func_code, &code) < 0 ||
	    tc_get(w->mem, code + w->py.at.co_name, &str) < 0 || str == key ||
	    tc_str_read(&w->py, str, name, sizeof(name), NULL) < 0 ||
	    tc_str_read(&w->py, key, text, sizeof(text), NULL) < 0 || strcmp(name, text) == 0)
		return false;
	return tc_is_word(name);
}

/* Methods that code of C calls on objects that were given to it; what the standard library's own
 * code names is known. Loops in C, as uvloop, call those of asyncio's protocols; print, pickle,
 * sqlite3 and csv have some, too. */
static bool is_called_by_c(struct tc_walker *w, tc_addr key)
{
	/* clang-format off */
	static const char *const names[] = {
		"connection_made", "data_received", "buffer_updated", "get_buffer",
		"eof_received", "connection_lost", "pause_writing", "resume_writing",
		"error_received", "datagram_received", "pipe_data_received", "process_exited",
		"write", "read", "readline", "readinto", "flush", "close", "send", "throw",
		"step", "finalize", "inverse", "value", "pipe_connection_lost", "persistent_load",
		"persistent_id", "find_class",
	};
	/* clang-format on */

	if (tc_hash_find(&w->heap.library_names, key))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (tc_str_is(&w->py, key, names[i]))
			return true;
	return false;
}

/* The function has this name here, and one reference less is unknown. */
static void name_function(struct tc_walker *w, const struct tc_heap_space *space, tc_addr addr,
			  tc_addr key)
{
	struct tc_heap_function *function = known_function(&w->heap, addr);

	if (!function) {
		w->heap.whole &= !is_of_program(space) || !is_alias(w, addr, key);
		return;
	}
	function->unknown--;
	if (space->foreign)
		function->flags |= TC_FUNCTION_FOREIGN;
	if (is_constructor(w, key)) {
		function->flags |= TC_FUNCTION_CONSTRUCTOR;
		return;
	}
	if (!space->module && is_called_by_c(w, key))
		function->flags |= TC_FUNCTION_FOREIGN;
	add_key(&w->heap, key, &function->first_key);
}

static void name_class(struct tc_walk_heap *heap, tc_addr addr, tc_addr key)
{
	const uint64_t *number = tc_hash_find(&heap->classes, addr);

	if (number && add_key(heap, key, &heap->spaces[*number - 1].first_key))
		heap->spaces[*number - 1].unknown--;
}

/* The functions inside a descriptor that nobody else has. Returns how many there may be. */
static unsigned wrapped(struct tc_walker *w, tc_addr value, uint64_t *functions)
{
	uint64_t words[2 + PROPERTY_FUNCTIONS];

	if (tc_read_words(w->mem, value, words, 2 + PROPERTY_FUNCTIONS) < 0 ||
	    (uint32_t)words[0] != 1)
		return 0;
	memcpy(functions, words + 2, PROPERTY_FUNCTIONS * sizeof(*functions));
	return tc_walker_heap_kind(w, words[1]) == TC_KIND_PROPERTY ? PROPERTY_FUNCTIONS : 1;
}

/* Is the value a function like getattr, under another name? */
static bool is_other_name(struct tc_walker *w, tc_addr key, tc_addr value)
{
	static const char *const names[] = { "getattr", "vars", "globals",    "locals",
					     "eval",	"exec", "__import__", "dir" };
	char name[16], text[16];
	tc_addr def, at;

	if (tc_get(w->mem, value + TC_BUILTIN_DEF, &def) < 0 || tc_get(w->mem, def, &at) < 0 ||
	    tc_try_read(w->mem, at, name, sizeof(name)) < 0)
		return false;
	name[sizeof(name) - 1] = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return tc_str_read(&w->py, key, text, sizeof(text), NULL) < 0 ||
			       strcmp(text, name) != 0;
	return false;
}

/* What a module or class has under this key. */
static void name_value(struct tc_walker *w, struct tc_heap_space *space, tc_addr key, tc_addr value)
{
	uint64_t functions[PROPERTY_FUNCTIONS];
	tc_addr type, class;
	unsigned n;

	if (value & 7 || value < 4096 || tc_get(w->mem, value + TC_OB_TYPE, &type) < 0)
		return;
	switch (tc_walker_heap_kind(w, type)) {
	case TC_KIND_FUNCTION:
		name_function(w, space, value, key);
		break;
	case TC_KIND_METHOD_WRAP:
	case TC_KIND_PROPERTY:
		n = wrapped(w, value, functions);
		for (unsigned i = 0; i < n; i++)
			name_function(w, space, functions[i], key);
		space->wraps |= n == 1 && !is_constructor(w, key);
		break;
	case TC_KIND_TYPE:
		name_class(&w->heap, value, key);
		break;
	case TC_KIND_BUILTIN:
		w->heap.whole &= !is_of_program(space) || !is_other_name(w, key, value);
		break;
	case TC_KIND_SLOT_DESCRIPTOR:
		if (tc_get(w->mem, value + TC_DESCRIPTOR_TYPE, &class) == 0)
			take_off_class(&w->heap, class);
		break;
	default:
		break;
	}
}

/* The classes in a tuple of a class: those that it is derived from. */
static void take_off_bases(struct tc_walker *w, tc_addr at)
{
	struct tc_seq seq;
	tc_addr base;

	if (tc_tuple_open(&w->py, at, &seq) == 0)
		for (unsigned n = 0; n < BASES_MAX && tc_seq_next(&seq, &base) > 0; n++)
			take_off_class(&w->heap, base);
}

/* The references to classes that a class has, and its instances' to it. */
static void take_off_own(struct tc_walker *w, struct tc_heap_space *space)
{
	tc_addr base;

	take_off_bases(w, space->addr + TC_TP_MRO);
	take_off_bases(w, space->addr + TYPE_BASES);
	if (tc_get(w->mem, space->addr + TC_TP_BASE, &base) == 0)
		take_off_class(&w->heap, base);
	const uint64_t *cells = tc_hash_find(&w->heap.cells, space->addr);
	space->unknown -= (int32_t)instances_of(&w->heap, space->addr);
	space->unknown -= cells ? (int32_t)*cells : 0;
}

static void name_values(struct tc_walker *w, struct tc_heap_space *space)
{
	tc_addr key, value;
	struct tc_dict dict;
	int r = tc_dict_open(&w->py, space->dict, &dict);

	while (r >= 0 && (r = tc_dict_next(&dict, &key, &value)) > 0)
		name_value(w, space, key, value);
	w->heap.whole &= r >= 0;
	if (!space->module)
		take_off_own(w, space);
}

/* The function runs when this class is called. */
static void name_constructor(struct tc_walker *w, tc_addr addr, const struct tc_heap_space *class)
{
	struct tc_walk_heap *heap = &w->heap;
	struct tc_heap_function *function = known_function(heap, addr);

	if (!function || !(function->flags & TC_FUNCTION_CONSTRUCTOR))
		return;
	if (class->unknown > 0 || class->wraps || !class->first_key)
		function->flags |= TC_FUNCTION_KEPT;
	for (uint32_t k = class->first_key; k; k = heap->keys[k - 1].next)
		add_key(heap, heap->keys[k - 1].str, &function->first_key);
}

/* The constructors of a class are its own, and those of the classes that it is derived from. */
static void name_constructors(struct tc_walker *w, struct tc_heap_space *class)
{
	static const char *const names[] = { "__init__", "__new__", "__post_init__" };
	tc_addr base, dict, function, type;
	uint64_t functions[PROPERTY_FUNCTIONS];
	struct tc_seq mro;

	if (tc_tuple_open(&w->py, class->addr + TC_TP_MRO, &mro) < 0)
		return;
	for (unsigned n = 0; n < BASES_MAX && tc_seq_next(&mro, &base) > 0; n++) {
		const uint64_t *number = tc_hash_find(&w->heap.classes, base);
		if (!number || tc_get(w->mem, base + TC_TP_DICT, &dict) < 0)
			continue;
		/* a class method of a base may call any class derived from it */
		class->wraps |= w->heap.spaces[*number - 1].wraps;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (tc_dict_get(&w->py, dict, names[i], &function) < 0 ||
			    tc_get(w->mem, function + TC_OB_TYPE, &type) < 0)
				continue;
			if (tc_walker_heap_kind(w, type) == TC_KIND_METHOD_WRAP &&
			    wrapped(w, function, functions))
				function = functions[0];
			name_constructor(w, function, class);
		}
	}
}

void tc_walker_spaces(struct tc_walker *w)
{
	struct tc_walk_heap *heap = &w->heap;

	for (uint32_t i = 0; i < heap->n_spaces && heap->whole; i++) {
		tc_walker_find_origin(w, &heap->spaces[i]);
		if (!heap->spaces[i].module)
			tc_walker_mark_foreign(w, &heap->spaces[i]);
	}
	for (uint32_t i = 0; i < heap->n_spaces && heap->whole; i++)
		name_values(w, &heap->spaces[i]);
	for (uint32_t i = 0; i < heap->n_spaces && heap->whole; i++)
		if (!heap->spaces[i].module)
			name_constructors(w, &heap->spaces[i]);
}
