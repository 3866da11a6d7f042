/* SPDX-License-Identifier: Apache-2.0
 * Names are compared by their text: one in a code object and a key of a dict may be two objects. */
#include "lib/walk/walk_names.h"

#include "lib/format/key_words.h"
#include "lib/python/pyframe.h"
#include "lib/walk/walk_heap.h"
#include "lib/walk/walk_origin.h"
#include "lib/walk/walk_string.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

enum {
	NESTED_MAX = 64,
	BYTECODE_MAX = 65536,
	CONSTS_MAX = 4096,
	NAME_BYTES = 96,
	UNWANTED = 1,
	STRINGS = 2
};

static uint64_t hash_text(const struct tc_walker *w, const char *text)
{
	return tc_hash_bytes(w->options->seed, text, strlen(text)) | 2;
}

static void want_text(struct tc_walker *w, const char *text)
{
	uint64_t *wanted = tc_hash_at(&w->names.wanted, hash_text(w, text));

	if (wanted)
		*wanted = 1;
	else
		w->heap.whole = false;
}

void tc_walker_names_begin(struct tc_walker *w)
{
	tc_hash_init(&w->names.wanted, w->arena);
	tc_hash_init(&w->names.known, w->arena);
	tc_hash_init(&w->names.loaded, w->arena);
	w->names.n_own = w->names.n = 0;
}

bool tc_walker_names_prepare(struct tc_walker *w)
{
	if (!w->names.ids)
		w->names.ids = tc_arena_take(w->arena, TC_NAMES_READ * sizeof(*w->names.ids));
	w->heap.whole &= w->names.ids != NULL;
	for (size_t i = 0; i < tc_n_words && w->heap.whole; i++)
		want_text(w, tc_words[i].text);
	return w->heap.whole;
}

void tc_walker_names_want(struct tc_walker *w, tc_addr str)
{
	char text[NAME_BYTES]; /* a longer one is cut, everywhere in the same way */

	if (tc_str_read(&w->py, str, text, sizeof(text), NULL) == 0)
		want_text(w, text);
	else
		w->heap.whole = false;
}

/* The name as a string of the dump; 0: it is not written. */
static uint32_t name_id(struct tc_walker *w, tc_addr str)
{
	uint64_t *known = tc_hash_at(&w->names.known, str);
	char text[NAME_BYTES];

	if (!known) {
		w->heap.whole = false;
		return 0;
	}
	if (!*known) {
		uint64_t id = UNWANTED;
		if (tc_str_read(&w->py, str, text, sizeof(text), NULL) < 0)
			w->heap.whole = false;
		else if (tc_hash_find(&w->names.wanted, hash_text(w, text)))
			id = tc_walker_name(w, str) + (uint64_t)STRINGS;
		*known = id;
	}
	return *known == UNWANTED ? 0 : (uint32_t)(*known - STRINGS);
}

static bool find_module(struct tc_walker *w, tc_addr name)
{
	tc_addr modules, key, value;
	struct tc_dict dict;
	char want[NAME_BYTES], text[NAME_BYTES];
	size_t n, len;

	if (tc_str_read(&w->py, name, want, sizeof(want), &n) < 0 ||
	    tc_get(w->mem, w->interp.addr + w->py.at.is_modules, &modules) < 0)
		return false;
	if (tc_dict_get(&w->py, modules, want, &value) == 0)
		return true;
	/* a relative import says the last parts only */
	if (tc_dict_open(&w->py, modules, &dict) < 0)
		return false;
	while (n && tc_dict_next(&dict, &key, &value) > 0)
		if (tc_str_read(&w->py, key, text, sizeof(text), &len) == 0 && len > n &&
		    text[len - n - 1] == '.' && memcmp(text + len - n, want, n) == 0)
			return true;
	return false;
}

/* Is the module of this name loaded? */
static bool is_loaded(struct tc_walker *w, tc_addr name)
{
	uint64_t *known = tc_hash_at(&w->names.loaded, name);

	if (!known)
		return false;
	if (!*known)
		*known = find_module(w, name) ? 2 : 1;
	return *known == 2;
}

/* Has the module, which is loaded, this attribute? If not, importing it may load a module. */
static bool has_attribute(struct tc_walker *w, tc_addr module_name, tc_addr name)
{
	char module[NAME_BYTES], attribute[NAME_BYTES];
	tc_addr modules, object, dict, value;

	return tc_str_read(&w->py, module_name, module, sizeof(module), NULL) == 0 &&
	       tc_str_read(&w->py, name, attribute, sizeof(attribute), NULL) == 0 &&
	       tc_get(w->mem, w->interp.addr + w->py.at.is_modules, &modules) == 0 &&
	       tc_dict_get(&w->py, modules, module, &object) == 0 &&
	       tc_get(w->mem, object + TC_MODULE_DICT, &dict) == 0 &&
	       tc_dict_get(&w->py, dict, attribute, &value) == 0;
}

/* A module that is not loaded yet brings code that nobody knows: then the name stands for all. */
static void find_imports(struct tc_walker *w, tc_addr code)
{
	struct tc_walk_names *names = &w->names;
	const tc_addr start = tc_code_start(&w->py, code);
	const uint64_t size = tc_code_size(&w->py, code);
	tc_addr tuple, name, module = 0;
	uint8_t part[128];

	if (!start || size > BYTECODE_MAX || tc_get(w->mem, code + w->py.at.co_names, &tuple) < 0) {
		names->cut = true;
		return;
	}
	for (uint64_t at = 0, n; at < size; at += n) {
		n = size - at < sizeof(part) ? size - at : sizeof(part);
		if (tc_read(w->mem, start + at, part, n) < 0)
			return;
		for (uint64_t i = 0; i + 1 < n; i += 2) {
			const bool import = part[i] == w->py.at.import_name;
			const unsigned number = part[i + 1] >> (import ? w->py.at.import_shift : 0);
			if ((!import && (part[i] != w->py.at.import_from || !module)) ||
			    number >= names->n - names->n_before ||
			    tc_get(w->mem, tuple + w->py.at.tuple_item + 8ull * number, &name) < 0)
				continue;
			if (import ? !is_loaded(w, name) : !has_attribute(w, module, name))
				names->ids[names->n_before + number] = tc_walker_text(
					w, "__import__", sizeof("__import__") - 1, TC_STR_CODE);
			module = import ? name : module;
		}
	}
}

static void add_names(struct tc_walker *w, tc_addr code)
{
	struct tc_walk_names *names = &w->names;
	struct tc_seq seq;
	tc_addr str;

	if (tc_tuple_open(&w->py, code + w->py.at.co_names, &seq) < 0) {
		w->heap.whole = false;
		return;
	}
	names->n_before = names->n;
	while (tc_seq_next(&seq, &str) > 0) {
		uint32_t id = name_id(w, str);
		if (names->n == TC_NAMES_READ) {
			names->cut = true;
			return;
		}
		names->ids[names->n++] = id;
	}
	/* what a package loads later knows nothing of the program's names */
	if (tc_walker_heap_is_program(w, code))
		find_imports(w, code);
}

/* A tuple among the constants may be the attributes of a class pattern (match). */
static void add_strings(struct tc_walker *w, tc_addr tuple)
{
	struct tc_walk_names *names = &w->names;
	struct tc_seq seq;
	tc_addr str, type;
	uint64_t flags;

	if (tc_seq_open(&w->py, tuple, TC_SEQ_TUPLE, &seq) < 0)
		return;
	for (unsigned i = 0; i < NESTED_MAX && tc_seq_next(&seq, &str) > 0; i++) {
		uint32_t id;
		if (str & 7 || tc_get(w->mem, str + TC_OB_TYPE, &type) < 0 ||
		    tc_get(w->mem, type + TC_TP_FLAGS, &flags) < 0 ||
		    !(flags & TC_TPFLAG_UNICODE) || !(id = name_id(w, str)))
			continue;
		if (names->n == TC_NAMES_READ)
			names->cut = true;
		else
			names->ids[names->n++] = id;
	}
}

/* The codes among the constants, which come right before the names (Include/cpython/code.h). */
static unsigned nested_codes(struct tc_walker *w, tc_addr code, tc_addr *codes, unsigned n)
{
	tc_addr item, type;
	struct tc_seq seq;

	if (tc_tuple_open(&w->py, code + w->py.at.co_names - 8, &seq) < 0) {
		w->heap.whole = false;
		return n;
	}
	for (unsigned i = 0; i < CONSTS_MAX && tc_seq_next(&seq, &item) > 0; i++) {
		if (item & 7 || tc_get(w->mem, item + TC_OB_TYPE, &type) < 0)
			continue;
		enum tc_kind kind = tc_walker_heap_kind(w, type);
		if (kind == TC_KIND_TUPLE)
			add_strings(w, item);
		if (kind != TC_KIND_CODE)
			continue;
		if (n == NESTED_MAX)
			w->names.cut = true;
		else
			codes[n++] = item;
	}
	return n;
}

void tc_walker_names_read(struct tc_walker *w, tc_addr code)
{
	struct tc_walk_names *names = &w->names;
	tc_addr codes[NESTED_MAX];
	unsigned n = 0;

	names->n_own = names->n = 0;
	names->cut = false;
	if (!w->heap.whole)
		return;
	add_names(w, code);
	names->n_own = names->n;
	n = nested_codes(w, code, codes, n);
	for (unsigned i = 0; i < n; i++) {
		add_names(w, codes[i]);
		n = nested_codes(w, codes[i], codes, n);
	}
}

void tc_walker_names_of_getter(struct tc_walker *w, tc_addr getter)
{
	enum { METHODCALLER_NAME = 16, ATTRGETTER_ATTRS = 24 };
	struct tc_walk_names *names = &w->names;
	struct tc_seq attrs, parts;
	tc_addr words[2], item, type, part;

	names->n_own = names->n = 0;
	names->cut = false;
	if (tc_read_words(w->mem, getter + METHODCALLER_NAME, words, 2) < 0)
		return;
	if (words[0] >= 4096) {
		names->ids[names->n++] = name_id(w, words[0]);
		return;
	}
	if (tc_seq_open(&w->py, words[1], TC_SEQ_TUPLE, &attrs) < 0)
		return;
	while (tc_seq_next(&attrs, &item) > 0) {
		if (tc_get(w->mem, item + TC_OB_TYPE, &type) < 0)
			continue;
		if (tc_walker_heap_kind(w, type) != TC_KIND_TUPLE) {
			if (names->n < TC_NAMES_READ)
				names->ids[names->n++] = name_id(w, item);
		} else if (tc_seq_open(&w->py, item, TC_SEQ_TUPLE, &parts) == 0) {
			while (tc_seq_next(&parts, &part) > 0 && names->n < TC_NAMES_READ)
				names->ids[names->n++] = name_id(w, part);
		}
	}
}

void tc_walker_names_put(struct tc_walker *w)
{
	const struct tc_walk_names *names = &w->names;
	uint32_t n = 0;

	tc_put_u(w->out, names->n_own);
	for (uint32_t i = 0; i < names->n_own; i++)
		tc_put_u(w->out, names->ids[i]);
	for (uint32_t i = names->n_own; i < names->n; i++)
		n += names->ids[i] != 0;
	tc_put_u(w->out, n);
	for (uint32_t i = names->n_own; i < names->n; i++)
		if (names->ids[i])
			tc_put_u(w->out, names->ids[i]);
}
