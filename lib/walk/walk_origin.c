/* SPDX-License-Identifier: Apache-2.0
 * Code of the standard library is known by its folder, that of packages by theirs. A class belongs
 * to whom its functions belong to. */
#include "lib/walk/walk_origin.h"

#include "lib/base/contains.h"
#include "lib/python/pyframe.h"
#include "lib/walk/walk_heap.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

#define KIND_BITS ((1ul << TC_HEAP_COUNT) - 1)
enum { BASES_MAX = 64 };
enum tc_heap_class { UNKNOWN_CLASS, OWN_CLASS, PACKAGE_CLASS, FOREIGN_CLASS };

static const char tasks_file[] = "asyncio/tasks.py";

/* Where the standard library is: the folder of asyncio. */
static bool find_library(struct tc_walker *w)
{
	char *path = w->heap.library;
	tc_addr dict, file;
	size_t len;

	if (!w->interp.asyncio_tasks ||
	    tc_get(w->mem, w->interp.asyncio_tasks + TC_MODULE_DICT, &dict) < 0 ||
	    tc_dict_get(&w->py, dict, "__file__", &file) < 0 ||
	    tc_str_read(&w->py, file, path, sizeof(w->heap.library), &len) < 0 ||
	    len < sizeof(tasks_file))
		return false;
	len -= sizeof(tasks_file) - 1;
	if (path[0] != '/' || memcmp(path + len, tasks_file, sizeof(tasks_file) - 1) != 0)
		return false;
	path[len] = 0;
	return true;
}

bool tc_walker_find_library(struct tc_walker *w)
{
	const bool found = find_library(w);

	if (!found)
		w->heap.library[0] = 0;
	return found;
}

enum tc_origin tc_walker_origin_of_path(const struct tc_walker *w, const char *path)
{
	const char *library = w->heap.library;
	const size_t n = strlen(library);
	const bool is_below = n && strncmp(path, library, n) == 0;

	if (strncmp(path, "<frozen ", 8) == 0 ||
	    (is_below && !tc_contains(path + n, "-packages/")))
		return TC_ORIGIN_LIBRARY;
	return tc_contains(path, "-packages/") ? TC_ORIGIN_PACKAGE : TC_ORIGIN_PROGRAM;
}

/* Whose code it is. */
enum tc_origin tc_walker_origin_of(struct tc_walker *w, tc_addr code)
{
	char path[1024];
	tc_addr file;
	uint64_t *known;

	if (tc_get(w->mem, code + w->py.at.co_filename, &file) < 0 ||
	    !(known = tc_hash_at(&w->heap.files, file)))
		return TC_ORIGIN_PROGRAM;
	if (!*known) {
		*known = TC_ORIGIN_PROGRAM;
		if (tc_str_read(&w->py, file, path, sizeof(path), NULL) == 0)
			*known = tc_walker_origin_of_path(w, path);
	}
	return (enum tc_origin) * known;
}

bool tc_walker_heap_is_program(struct tc_walker *w, tc_addr code)
{
	return tc_walker_origin_of(w, code) == TC_ORIGIN_PROGRAM;
}

enum tc_kind tc_walker_heap_kind(struct tc_walker *w, tc_addr type)
{
	uint64_t *kind = tc_hash_at(&w->heap.kinds, type);

	if (!kind)
		return TC_KIND_OTHER;
	if (!(*kind & KIND_BITS))
		*kind |= tc_walker_kind(w, type) + 1ull;
	return (enum tc_kind)((*kind & KIND_BITS) - 1);
}

/* Whose functions the dict of a class has. */
static enum tc_heap_class class_by_dict(struct tc_walker *w, tc_addr dict_addr)
{
	enum tc_heap_class ret = OWN_CLASS;
	tc_addr key, value, type, code;
	struct tc_dict dict;

	if (tc_dict_open(&w->py, dict_addr, &dict) < 0)
		return FOREIGN_CLASS;
	while (tc_dict_next(&dict, &key, &value) > 0) {
		if (tc_get(w->mem, value + TC_OB_TYPE, &type) < 0)
			return FOREIGN_CLASS;
		enum tc_kind kind = tc_walker_heap_kind(w, type);
		if (kind == TC_KIND_METHOD_DESCRIPTOR || kind == TC_KIND_BUILTIN)
			return FOREIGN_CLASS;
		if (kind != TC_KIND_FUNCTION)
			continue;
		enum tc_origin origin = tc_get(w->mem, value + w->py.at.func_code, &code) < 0 ?
						TC_ORIGIN_LIBRARY :
						tc_walker_origin_of(w, code);
		if (origin == TC_ORIGIN_LIBRARY)
			return FOREIGN_CLASS;
		if (origin == TC_ORIGIN_PACKAGE)
			ret = PACKAGE_CLASS;
	}
	return ret;
}

static enum tc_heap_class class_of(struct tc_walker *w, tc_addr type)
{
	uint64_t *known = tc_hash_at(&w->heap.foreign, type), flags;
	enum tc_heap_class class = OWN_CLASS; /* object, which has no base, adds nothing */
	tc_addr dict, base;

	if (!known)
		return FOREIGN_CLASS;
	if (*known)
		return (enum tc_heap_class) * known;
	if (tc_get(w->mem, type + TC_TP_FLAGS, &flags) < 0 ||
	    tc_get(w->mem, type + TC_TP_BASE, &base) < 0 ||
	    tc_get(w->mem, type + TC_TP_DICT, &dict) < 0)
		class = FOREIGN_CLASS;
	else if (base)
		class = flags & TC_TPFLAG_HEAPTYPE && dict ? class_by_dict(w, dict) : FOREIGN_CLASS;
	if ((known = tc_hash_at(&w->heap.foreign, type)))
		*known = class;
	return class;
}

/* Is one of the classes of the type's MRO a foreign one; or one of a package, where the type is
 * not? */
static bool has_foreign(struct tc_walker *w, tc_addr type)
{
	const bool own = class_of(w, type) == OWN_CLASS;
	struct tc_seq mro;
	tc_addr base;
	unsigned n = 0;

	if (tc_tuple_open(&w->py, type + TC_TP_MRO, &mro) < 0)
		return true;
	for (; n < BASES_MAX && tc_seq_next(&mro, &base) > 0; n++) {
		const enum tc_heap_class class = class_of(w, base);
		if (class == FOREIGN_CLASS || (class == PACKAGE_CLASS && own))
			return true;
	}
	return n == 0 || n == BASES_MAX;
}

bool tc_walker_heap_is_own_class(struct tc_walker *w, tc_addr type)
{
	const uint64_t *number = tc_hash_find(&w->heap.classes, type);

	return w->heap.whole && number && !w->heap.spaces[*number - 1].foreign;
}

/* Where a class has a foreign base, that may call the functions of all classes of its MRO: mixins
 * too. */
void tc_walker_mark_foreign(struct tc_walker *w, const struct tc_heap_space *class)
{
	struct tc_seq mro;
	tc_addr base;

	if (!has_foreign(w, class->addr) ||
	    tc_tuple_open(&w->py, class->addr + TC_TP_MRO, &mro) < 0)
		return;
	for (unsigned n = 0; n < BASES_MAX && tc_seq_next(&mro, &base) > 0; n++) {
		const uint64_t *number = tc_hash_find(&w->heap.classes, base);
		if (number)
			w->heap.spaces[*number - 1].foreign = true;
	}
}

/* Has the class something of a kind that changes? Most have functions and constants alone. */
static bool has_state(struct tc_walker *w, tc_addr dict_addr)
{
	tc_addr key, value, type;
	struct tc_dict dict;
	uint64_t flags;
	char text[4];

	if (tc_dict_open(&w->py, dict_addr, &dict) < 0)
		return false;
	while (tc_dict_next(&dict, &key, &value) > 0) {
		if (value & 7 || tc_get(w->mem, value + TC_OB_TYPE, &type) < 0)
			continue;
		enum tc_kind kind = tc_walker_heap_kind(w, type);
		bool state =
			kind == TC_KIND_LIST || kind == TC_KIND_SET || kind == TC_KIND_DEQUE ||
			kind == TC_KIND_DICT ||
			(kind == TC_KIND_OTHER && tc_get(w->mem, type + TC_TP_FLAGS, &flags) == 0 &&
			 flags & TC_TPFLAG_HEAPTYPE);
		if (state && tc_str_read(&w->py, key, text, sizeof(text), NULL) == 0 &&
		    memcmp(text, "__", 2) != 0)
			return true;
	}
	return false;
}

bool tc_walker_heap_is_own_space(struct tc_walker *w, const struct tc_heap_space *space,
				 bool packages)
{
	return !space->library && packages == space->package &&
	       (space->module || (!space->foreign && has_state(w, space->dict)));
}

/* Whose module or class it is. */
void tc_walker_find_origin(struct tc_walker *w, struct tc_heap_space *space)
{
	char path[1024];
	tc_addr file;

	if (!space->module) {
		space->library = class_of(w, space->addr) == FOREIGN_CLASS;
		space->package = class_of(w, space->addr) == PACKAGE_CLASS;
	} else if (tc_dict_get(&w->py, space->dict, "__file__", &file) < 0) {
		/* python -c has no file, nor have modules of C */
		space->library = tc_dict_get(&w->py, space->dict, "__builtins__", &file) < 0;
	} else if (tc_str_read(&w->py, file, path, sizeof(path), NULL) == 0) {
		const enum tc_origin origin = tc_walker_origin_of_path(w, path);
		space->library = origin == TC_ORIGIN_LIBRARY;
		space->package = origin == TC_ORIGIN_PACKAGE;
	}
}
