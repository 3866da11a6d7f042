/* SPDX-License-Identifier: Apache-2.0
 * Names are compared by their text: one in a code object and a key of a dict may be two objects. */
#include "lib/walk/walk_names.h"

#include "lib/walk/walk_heap.h"
#include "lib/walk/walk_string.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

enum { NESTED_MAX = 16, CONSTS_MAX = 4096, NAME_BYTES = 96, UNWANTED = 1, STRINGS = 2 };

/* What ends a wait, and what reaches attributes without naming them. */
static const char *const always[] = {
	"set",
	"notify",
	"notify_all",
	"wait",
	"reset",
	"abort",
	"put",
	"put_nowait",
	"get",
	"get_nowait",
	"shutdown",
	"task_done",
	"release",
	"getattr",
	"vars",
	"globals",
	"eval",
	"exec",
	"__dict__",
	"locals",
	"dir",
	"__import__",
	"import_module",
	"methodcaller",
	"attrgetter",
	"modules",
	"getmembers",
	"get_objects",
	"_getframe",
	"get_referrers",
	"__getattribute__",
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
	w->names.n_own = w->names.n = 0;
}

bool tc_walker_names_prepare(struct tc_walker *w)
{
	if (!w->names.ids)
		w->names.ids = tc_arena_take(w->arena, TC_NAMES_READ * sizeof(*w->names.ids));
	w->heap.whole &= w->names.ids != NULL;
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]) && w->heap.whole; i++)
		want_text(w, always[i]);
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

static void add_names(struct tc_walker *w, tc_addr code, bool nested)
{
	struct tc_walk_names *names = &w->names;
	struct tc_seq seq;
	tc_addr tuple, str;

	if (tc_get(w->mem, code + w->py.at.co_names, &tuple) < 0 ||
	    tc_seq_open(&w->py, tuple, TC_SEQ_TUPLE, &seq) < 0) {
		w->heap.whole = false;
		return;
	}
	while (tc_seq_next(&seq, &str) > 0) {
		uint32_t id = name_id(w, str);
		if (nested && !id)
			continue;
		if (names->n == TC_NAMES_READ) {
			names->cut = true;
			return;
		}
		names->ids[names->n++] = id;
	}
}

/* The codes among the constants, which come right before the names (Include/cpython/code.h). */
static unsigned nested_codes(struct tc_walker *w, tc_addr code, tc_addr *codes, unsigned n)
{
	tc_addr tuple, item, type;
	struct tc_seq seq;

	if (tc_get(w->mem, code + w->py.at.co_names - 8, &tuple) < 0 ||
	    tc_seq_open(&w->py, tuple, TC_SEQ_TUPLE, &seq) < 0) {
		w->heap.whole = false;
		return n;
	}
	for (unsigned i = 0; i < CONSTS_MAX && tc_seq_next(&seq, &item) > 0; i++) {
		if (item & 7 || tc_get(w->mem, item + TC_OB_TYPE, &type) < 0 ||
		    tc_walker_heap_kind(w, type) != TC_KIND_CODE)
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
	add_names(w, code, false);
	names->n_own = names->n;
	n = nested_codes(w, code, codes, n);
	for (unsigned i = 0; i < n; i++) {
		add_names(w, codes[i], true);
		n = nested_codes(w, codes[i], codes, n);
	}
}

void tc_walker_names_put(struct tc_walker *w)
{
	const struct tc_walk_names *names = &w->names;

	tc_put_u(w->out, names->n_own);
	for (uint32_t i = 0; i < names->n_own; i++)
		tc_put_u(w->out, names->ids[i]);
	tc_put_u(w->out, names->n - names->n_own);
	for (uint32_t i = names->n_own; i < names->n; i++)
		tc_put_u(w->out, names->ids[i]);
}
