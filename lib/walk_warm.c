/* SPDX-License-Identifier: Apache-2.0
 * Memory answers late, that of another process above all. A chain read link by link waits for each
 * one; here the chains of a batch of tasks are followed side by side, so that what all of them need
 * next is asked for together. Nothing is recorded: the walk that comes after finds it near. */
#include "walker.h"

#include "safe.h"

#define LEVELS 12u
#define SLOTS 16u  /* of one frame */
#define PIECE 64u  /* addresses asked for at once */

enum { CTX_VARS = 24, HAMT_ROOT = 16 }; /* as in walk_value.c */

/* Addresses on their way to the reader. */
struct wanted {
	struct tc_mem *mem;
	tc_addr addrs[PIECE];
	size_t n;
};

static void flush(struct wanted *wanted)
{
	if (wanted->n)
		tc_hint(wanted->mem, wanted->addrs, wanted->n);
	wanted->n = 0;
}

static void want(struct wanted *wanted, tc_addr addr)
{
	if (addr < 4096 || addr & 7)
		return;
	wanted->addrs[wanted->n++] = addr;
	if (wanted->n == PIECE)
		flush(wanted);
}

static void want_locals(struct tc_walker *w, const struct tc_gen *gen, struct wanted *wanted)
{
	const struct tc_pycode *code = tc_walker_code(w, gen->frame.code, gen->qualname);
	tc_addr slots[SLOTS];
	uint32_t n = code ? code->facts.n_slots : 0;

	n = n < SLOTS ? n : SLOTS;
	if (n && tc_try_read(w->mem, gen->frame.locals, slots, n * sizeof(*slots)) == 0)
		for (uint32_t i = 0; i < n; i++)
			want(wanted, slots[i]);
}

/* What the object at addr awaits; 0: nothing, or it is no coroutine. */
static tc_addr next_of(struct tc_walker *w, tc_addr addr, struct wanted *wanted)
{
	const struct tc_type *type = tc_walker_type_of(w, addr);
	struct tc_gen gen;
	tc_addr next = 0;

	switch (type ? type->kind : TC_KIND_OTHER) {
	case TC_KIND_CORO:
	case TC_KIND_GENERATOR:
	case TC_KIND_ASYNCGEN:
		if (tc_gen_read(&w->py, addr, &gen) < 0 || gen.state != TC_GEN_SUSPENDED)
			return 0;
		want_locals(w, &gen, wanted);
		return gen.target & 7 ? 0 : gen.target;
	case TC_KIND_GEN_PROXY:
	case TC_KIND_WRAPPER:
	case TC_KIND_FUTURE_ITER:
	case TC_KIND_CYTHON_WRAPPER:
		return tc_try_read(w->mem, addr + 16, &next, sizeof(next)) < 0 ? 0 : next;
	default:
		return 0;
	}
}

/* Move each address on by the word at this offset; those that end are dropped. Their new number. */
static size_t follow_words(struct tc_walker *w, tc_addr *at, size_t n, unsigned offset)
{
	size_t kept = 0;
	tc_addr next;

	for (size_t i = 0; i < n; i++)
		if (at[i] && tc_try_read(w->mem, at[i] + offset, &next, sizeof(next)) == 0 && next)
			at[kept++] = next;
	tc_hint(w->mem, at, kept);
	return kept;
}

/* Names, contexts and, level by level, the variables of the contexts. */
static void warm_contexts(struct tc_walker *w, const tc_addr *tasks, size_t n)
{
	tc_addr at[PIECE];

	memcpy(at, tasks, n * sizeof(*at));
	follow_words(w, at, n, w->py.at.task_name);
	memcpy(at, tasks, n * sizeof(*at));
	n = follow_words(w, at, n, w->py.at.task_context);
	n = follow_words(w, at, n, CTX_VARS);
	follow_words(w, at, n, HAMT_ROOT);
}

void tc_walker_warm(struct tc_walker *w, const tc_addr *tasks, size_t n)
{
	struct wanted wanted = { .mem = w->mem };
	tc_addr at[PIECE];

	if (!w->mem->ops->hint)
		return;
	n = n < PIECE ? n : PIECE;
	memcpy(at, tasks, n * sizeof(*at));
	warm_contexts(w, tasks, n);
	n = follow_words(w, at, n, w->py.at.task_coro);
	for (unsigned level = 0; level < LEVELS && n; level++) {
		size_t kept = 0;
		for (size_t i = 0; i < n; i++) {
			tc_addr next = next_of(w, at[i], &wanted);
			if (!next)
				continue;
			at[kept++] = next;
		}
		n = kept;
		tc_hint(w->mem, at, n);
		flush(&wanted);
	}
}
