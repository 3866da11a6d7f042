/* SPDX-License-Identifier: Apache-2.0
 * A function that only the dict of its module or class refers to can be called by its name alone.
 * One that has more references is kept somewhere (a callback, a handler, a decorator), and may be
 * called at any time. */
#include "lib/walk/walk_heap.h"

#include "lib/python/pyframe.h"
#include "lib/python/pygc.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walk_words.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

#define KIND_BITS ((1ul << TC_HEAP_COUNT) - 1)
enum { BASES_MAX = 64, TYPE_BASES = 336, PROPERTY_FUNCTIONS = 3 };
enum tc_heap_class { UNKNOWN_CLASS, OWN_CLASS, PACKAGE_CLASS, FOREIGN_CLASS };

static const char tasks_file[] = "asyncio/tasks.py";

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

static bool has_part(const char *text, const char *part)
{
	const size_t n = strlen(part);

	for (; *text; text++)
		if (strncmp(text, part, n) == 0)
			return true;
	return false;
}

static bool is_library_path(const struct tc_walk_heap *heap, const char *path)
{
	const size_t n = strlen(heap->library);

	return strncmp(path, "<frozen ", 8) == 0 ||
	       (strncmp(path, heap->library, n) == 0 && !has_part(path + n, "-packages/"));
}

enum origin { ORIGIN_PROGRAM = 1, ORIGIN_PACKAGE, ORIGIN_LIBRARY };

/* Whose code it is. */
static enum origin origin_of(struct tc_walker *w, tc_addr code)
{
	char path[1024];
	tc_addr file;
	uint64_t *known;

	if (tc_get(w->mem, code + w->py.at.co_filename, &file) < 0 ||
	    !(known = tc_hash_at(&w->heap.files, file)))
		return ORIGIN_PROGRAM;
	if (!*known) {
		*known = ORIGIN_PROGRAM;
		if (tc_str_read(&w->py, file, path, sizeof(path), NULL) == 0)
			*known = is_library_path(&w->heap, path) ? ORIGIN_LIBRARY :
				 has_part(path, "-packages/")	 ? ORIGIN_PACKAGE :
								   ORIGIN_PROGRAM;
	}
	return (enum origin) * known;
}

bool tc_walker_heap_is_program(struct tc_walker *w, tc_addr code)
{
	return origin_of(w, code) == ORIGIN_PROGRAM;
}

static bool is_library_code(struct tc_walker *w, tc_addr code)
{
	return origin_of(w, code) == ORIGIN_LIBRARY;
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

static uint64_t instances_of(const struct tc_walk_heap *heap, tc_addr type)
{
	const uint64_t *kind = tc_hash_find(&heap->kinds, type);

	return kind ? *kind >> TC_HEAP_COUNT : 0;
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

static struct tc_heap_function *known_function(struct tc_walk_heap *heap, tc_addr addr)
{
	const uint64_t *number = tc_hash_find(&heap->index, addr);

	return number ? &heap->functions[*number - 1] : NULL;
}

/* The standard library calls methods of objects that were given to it, by these names. */
static void add_library_names(struct tc_walker *w, tc_addr code)
{
	struct tc_seq seq;
	tc_addr tuple, str;

	if (tc_get(w->mem, code + w->py.at.co_names, &tuple) < 0 ||
	    tc_seq_open(&w->py, tuple, TC_SEQ_TUPLE, &seq) < 0) {
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
	if (is_library_code(w, code)) {
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

	if (!is_library_code(w, code) && (function = function_at(w, code, code)))
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
	    is_library_code(w, code))
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
	enum { OWNED_BY_OBJECT = 2 };
	struct tc_frame_view frame;
	tc_addr previous;
	uint8_t owner;
	bool foreign;

	if (w->py.at.fo_frame != TC_NONE) {
		if (tc_get(w->mem, addr + w->py.at.fo_frame, &addr) == 0 &&
		    tc_get(w->mem, addr + w->py.at.if_owner, &owner) == 0 &&
		    owner == OWNED_BY_OBJECT)
			take_off_frame(w, addr);
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

/* One reference to this class, if it is one, is known. */
static void take_off_class(struct tc_walk_heap *heap, tc_addr addr)
{
	const uint64_t *number = tc_hash_find(&heap->classes, addr);

	if (number)
		heap->spaces[*number - 1].unknown--;
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

/* Is this a function of the standard library whose name counts, as Event.set or import_module, kept
 * under another name? */
static bool is_alias(struct tc_walker *w, tc_addr function, tc_addr key)
{
	char name[128], text[128];
	tc_addr code, str;

	if (tc_get(w->mem, function + w->py.at.func_code, &code) < 0 ||
	    tc_get(w->mem, code + w->py.at.co_name, &str) < 0 || str == key ||
	    tc_str_read(&w->py, str, name, sizeof(name), NULL) < 0 ||
	    tc_str_read(&w->py, key, text, sizeof(text), NULL) < 0 || strcmp(name, text) == 0)
		return false;
	return tc_walk_is_word(name);
}

/* The function has this name here, and one reference less is unknown. */
static void name_function(struct tc_walker *w, struct tc_heap_space *space, tc_addr addr,
			  tc_addr key, uint32_t flags)
{
	struct tc_heap_function *function = known_function(&w->heap, addr);

	if (!function) {
		w->heap.whole &= space->library || !is_alias(w, addr, key);
		return;
	}
	function->flags |= flags;
	function->unknown--;
	if (is_constructor(w, key))
		function->flags |= TC_FUNCTION_CONSTRUCTOR;
	else
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
static void name_value(struct tc_walker *w, struct tc_heap_space *space, tc_addr key, tc_addr value,
		       uint32_t flags)
{
	uint64_t functions[PROPERTY_FUNCTIONS];
	tc_addr type, class;
	unsigned n;

	if (value & 7 || value < 4096 || tc_get(w->mem, value + TC_OB_TYPE, &type) < 0)
		return;
	switch (tc_walker_heap_kind(w, type)) {
	case TC_KIND_FUNCTION:
		name_function(w, space, value, key, flags);
		break;
	case TC_KIND_METHOD_WRAP:
	case TC_KIND_PROPERTY:
		n = wrapped(w, value, functions);
		for (unsigned i = 0; i < n; i++)
			name_function(w, space, functions[i], key, flags);
		space->wraps |= n == 1 && !is_constructor(w, key);
		break;
	case TC_KIND_TYPE:
		name_class(&w->heap, value, key);
		break;
	case TC_KIND_BUILTIN:
		w->heap.whole &= space->library || !is_other_name(w, key, value);
		break;
	case TC_KIND_SLOT_DESCRIPTOR:
		if (tc_get(w->mem, value + TC_DESCRIPTOR_TYPE, &class) == 0)
			take_off_class(&w->heap, class);
		break;
	default:
		break;
	}
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
		enum origin origin = tc_get(w->mem, value + w->py.at.func_code, &code) < 0 ?
					     ORIGIN_LIBRARY :
					     origin_of(w, code);
		if (origin == ORIGIN_LIBRARY)
			return FOREIGN_CLASS;
		if (origin == ORIGIN_PACKAGE)
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
	tc_addr tuple, base;
	unsigned n = 0;

	if (tc_get(w->mem, type + TC_TP_MRO, &tuple) < 0 ||
	    tc_seq_open(&w->py, tuple, TC_SEQ_TUPLE, &mro) < 0)
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

/* The classes in a tuple of a class: those that it is derived from. */
static void take_off_bases(struct tc_walker *w, tc_addr at)
{
	struct tc_seq seq;
	tc_addr tuple, base;

	if (tc_get(w->mem, at, &tuple) == 0 && tuple &&
	    tc_seq_open(&w->py, tuple, TC_SEQ_TUPLE, &seq) == 0)
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

/* Where a class has a foreign base, that may call the functions of all classes of its MRO: mixins
 * too. */
static void mark_foreign(struct tc_walker *w, const struct tc_heap_space *class)
{
	tc_addr tuple, base;
	struct tc_seq mro;

	if (!has_foreign(w, class->addr))
		return;
	if (tc_get(w->mem, class->addr + TC_TP_MRO, &tuple) < 0 ||
	    tc_seq_open(&w->py, tuple, TC_SEQ_TUPLE, &mro) < 0)
		return;
	for (unsigned n = 0; n < BASES_MAX && tc_seq_next(&mro, &base) > 0; n++) {
		const uint64_t *number = tc_hash_find(&w->heap.classes, base);
		if (number)
			w->heap.spaces[*number - 1].foreign = true;
	}
}

/* Methods that code of C calls on objects that were given to it; what the standard library's own
 * code names is known. Loops in C, as uvloop, call those of asyncio's protocols; print, pickle,
 * sqlite3 and csv have some, too. */
static bool is_called_by_c(struct tc_walker *w, tc_addr key)
{
	static const char *const names[] = {
		"connection_made",
		"data_received",
		"buffer_updated",
		"get_buffer",
		"eof_received",
		"connection_lost",
		"pause_writing",
		"resume_writing",
		"error_received",
		"datagram_received",
		"pipe_data_received",
		"process_exited",
		"write",
		"read",
		"readline",
		"readinto",
		"flush",
		"close",
		"send",
		"throw",
		"step",
		"finalize",
		"inverse",
		"value",
		"pipe_connection_lost",
		"persistent_load",
		"persistent_id",
		"find_class",
	};

	if (tc_hash_find(&w->heap.library_names, key))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (tc_str_is(&w->py, key, names[i]))
			return true;
	return false;
}

static void name_values(struct tc_walker *w, struct tc_heap_space *space)
{
	tc_addr key, value;
	struct tc_dict dict;
	int r = tc_dict_open(&w->py, space->dict, &dict);

	while (r >= 0 && (r = tc_dict_next(&dict, &key, &value)) > 0) {
		const bool foreign = space->foreign || (!space->module && !is_constructor(w, key) &&
							is_called_by_c(w, key));
		name_value(w, space, key, value, foreign ? TC_FUNCTION_FOREIGN : 0);
	}
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
	tc_addr tuple, base, dict, function, type;
	uint64_t functions[PROPERTY_FUNCTIONS];
	struct tc_seq mro;

	if (tc_get(w->mem, class->addr + TC_TP_MRO, &tuple) < 0 ||
	    tc_seq_open(&w->py, tuple, TC_SEQ_TUPLE, &mro) < 0)
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
	if (space->library)
		return false;
	if (!space->module)
		return !space->foreign && has_state(w, space->dict) &&
		       packages == (class_of(w, space->addr) == PACKAGE_CLASS);
	return packages == space->package;
}

/* Whose module or class it is. */
static void find_origin(struct tc_walker *w, struct tc_heap_space *space)
{
	char path[1024];
	tc_addr file;

	if (!space->module) {
		space->library = class_of(w, space->addr) == FOREIGN_CLASS;
	} else if (tc_dict_get(&w->py, space->dict, "__file__", &file) < 0) {
		/* python -c has no file, nor have modules of C */
		space->library = tc_dict_get(&w->py, space->dict, "__builtins__", &file) < 0;
	} else if (tc_str_read(&w->py, file, path, sizeof(path), NULL) == 0) {
		space->library = is_library_path(&w->heap, path);
		space->package = has_part(path, "-packages/");
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
	if (!heap->functions || !heap->keys || !heap->spaces || !find_library(w) ||
	    tc_gc_open(&w->py, w->runtime, w->interp.addr, &gc) < 0)
		return;
	heap->whole = true;
	while ((r = tc_gc_next(&gc, &object, head)) > 0 && heap->n_objects < TC_HEAP_OBJECTS) {
		heap->n_objects++;
		add_object(w, object, head);
	}
	heap->whole &= r == 0;
	add_threads(w);
	for (uint32_t i = 0; i < heap->n_spaces && heap->whole; i++) {
		find_origin(w, &heap->spaces[i]);
		if (!heap->spaces[i].module)
			mark_foreign(w, &heap->spaces[i]);
	}
	for (uint32_t i = 0; i < heap->n_spaces && heap->whole; i++)
		name_values(w, &heap->spaces[i]);
	for (uint32_t i = 0; i < heap->n_spaces && heap->whole; i++)
		if (!heap->spaces[i].module)
			name_constructors(w, &heap->spaces[i]);
}
