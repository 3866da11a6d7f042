/* SPDX-License-Identifier: Apache-2.0
 * Contexts: the variables of a task, kept in a hash array mapped trie (CPython, Python/hamt.c). */
#include "lib/walk/walk_context.h"

#include "lib/walk/walk_string.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walk_value.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

/* Offsets of Python/context.c and Python/hamt.c. Their tree is at most eight levels deep. */
enum {
	CTX_VARS = 24,
	HAMT_ROOT = 16,
	PAIRS = 32,
	ARRAY_CHILDREN = 16,
	VAR_NAME = 16,
	HAMT_DEPTH = 10,
	FANOUT = 32
};

struct hamt_walk {
	struct {
		tc_addr node;
		enum tc_kind kind;
		uint32_t i, n;
	} level[HAMT_DEPTH];
	int depth;
};

static void descend(struct tc_walker *w, struct hamt_walk *walk, tc_addr node)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, node);
	uint64_t n = FANOUT;

	if (!type || walk->depth == HAMT_DEPTH || type->kind < TC_KIND_HAMT_BITMAP ||
	    type->kind > TC_KIND_HAMT_COLLISION)
		return;
	if (type->kind != TC_KIND_HAMT_ARRAY &&
	    (tc_get(w->mem, node + TC_OB_SIZE, &n) < 0 || n > 2 * TC_CONTEXT_MAX))
		return;
	walk->level[walk->depth].node = node;
	walk->level[walk->depth].kind = type->kind;
	walk->level[walk->depth].i = 0;
	walk->level[walk->depth++].n = (uint32_t)n;
}

static void add_variable(struct tc_walker *w, struct tc_context_scratch *scratch, tc_addr var,
			 tc_addr value)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, var);
	tc_addr name;

	if (scratch->n == TC_CONTEXT_MAX)
		tc_notices_add(w->notices, "more than 64 context variables: the rest is left out");
	if (!type || type->kind != TC_KIND_CONTEXTVAR || scratch->n == TC_CONTEXT_MAX ||
	    tc_get(w->mem, var + VAR_NAME, &name) < 0)
		return;
	scratch->names[scratch->n] = tc_walker_name(w, name);
	tc_walker_value(w, value, &scratch->values[scratch->n++]);
}

/* Take the next pair, or descend into the next child, of the innermost node. */
static void step(struct tc_walker *w, struct hamt_walk *walk, struct tc_context_scratch *scratch)
{
	int top = walk->depth - 1;
	tc_addr node = walk->level[top].node, pair[2];
	uint32_t i = walk->level[top].i;

	if (walk->level[top].kind == TC_KIND_HAMT_ARRAY) {
		walk->level[top].i++;
		if (tc_get(w->mem, node + ARRAY_CHILDREN + 8ul * i, &pair[1]) == 0 && pair[1])
			descend(w, walk, pair[1]);
		return;
	}
	walk->level[top].i += 2;
	if (tc_get(w->mem, node + PAIRS + 8ul * i, &pair) < 0)
		return;
	if (!pair[0])
		descend(w, walk, pair[1]);
	else
		add_variable(w, scratch, pair[0], pair[1]);
}

static uint32_t define_context(struct tc_walker *w, const struct tc_context_scratch *scratch)
{
	uint32_t id = 0;

	tc_record_begin(w->out, TC_REC_CONTEXT);
	tc_put_u(w->out, scratch->n);
	for (uint32_t i = 0; i < scratch->n; i++) {
		tc_put_u(w->out, scratch->names[i]);
		tc_walker_put_value(w, &scratch->values[i]);
	}
	tc_record_define(w->out, TC_TAB_CONTEXT, &id);
	return id;
}

uint32_t tc_walker_context(struct tc_walker *w, tc_addr context)
{
	struct hamt_walk walk = { .depth = 0 };
	tc_addr vars, root;

	if (tc_get(w->mem, context + CTX_VARS, &vars) < 0 ||
	    tc_get(w->mem, vars + HAMT_ROOT, &root) < 0)
		return 0;
	struct tc_context_cache *known = &w->contexts.known[tc_mix(root, 0) % TC_CONTEXT_CACHE];
	if (known->root == root)
		return (uint32_t)known->id;
	w->contexts.scratch->n = 0;
	descend(w, &walk, root);
	for (unsigned steps = 0; walk.depth > 0 && steps < 4096; steps++) {
		if (walk.level[walk.depth - 1].i >= walk.level[walk.depth - 1].n)
			walk.depth--;
		else
			step(w, &walk, w->contexts.scratch);
	}
	known->root = root;
	known->id = w->contexts.scratch->n ? define_context(w, w->contexts.scratch) : 0;
	return (uint32_t)known->id;
}
