/* SPDX-License-Identifier: Apache-2.0
 * References are followed from frames, not from all that lives: what is known to others besides has
 * a higher count than the references that were found. Each reference is counted once, and only
 * where it is owned: one too many would hide an unknown one, one too few only says "unknown". */
#include "lib/walk/walk_refs.h"

#include "lib/python/pybytes.h"
#include "lib/python/pyframe.h"
#include "lib/walk/walk_bytecode.h"
#include "lib/walk/walk_code.h"
#include "lib/walk/walk_function.h"
#include "lib/walk/walk_heap.h"
#include "lib/walk/walk_locals.h"
#include "lib/walk/walk_names.h"
#include "lib/walk/walk_origin.h"
#include "lib/walk/walk_string.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

/* PyTypeObject, the same from 3.8 to 3.15 (Include/cpython/object.h); PyTracebackObject; FutureObj
 * and TaskObj */
enum { TYPE_DEALLOC = 48, TYPE_WEAKLIST = 208, TB_NEXT = 16, TB_FRAME = 24 };
enum {
	ITEMS_MAX = 4096,
	BODY_WORDS_MAX = 64,
	FRAME_WORDS_MAX = 1024,
	TRACEBACKS_MAX = 64,
	FUTURE_WORDS_MAX = 32,
	TARGETS_MAX = 16, /* of one task */
	BASES_MAX = 32,
	SPACES_DEPTH = TC_REFS_DEPTH - 5, /* of what modules and classes refer to */
};

/* The arrays, once: only where the tasks have much more room than these take. */
static void take_arrays(struct tc_walker *w)
{
	struct tc_walk_refs *refs = &w->refs;
	const size_t nodes = TC_REFS_NODES * sizeof(*refs->nodes),
		     edges = TC_REFS_EDGES * sizeof(*refs->edges),
		     ended = TC_REFS_ENDED_MAX * sizeof(*refs->ended),
		     keys = TC_REFS_KEYS * sizeof(*refs->keys);

	if (refs->nodes || w->options->no_refs || w->arena->left / 4 < nodes + edges + ended + keys)
		return;
	refs->keys = tc_arena_take(w->arena, keys);
	refs->nodes = tc_arena_take(w->arena, nodes);
	refs->edges = tc_arena_take(w->arena, edges);
	refs->ended = tc_arena_take(w->arena, ended);
}

void tc_walker_refs_begin(struct tc_walker *w)
{
	struct tc_walk_refs *refs = &w->refs;

	take_arrays(w);
	tc_hash_init(&refs->index, w->arena);
	tc_hash_init(&refs->targets, w->arena);
	tc_hash_init(&refs->key_numbers, w->arena);
	tc_hash_init(&refs->named, w->arena);
	refs->n_nodes = refs->n_edges = refs->n_ended = refs->n_keys = 0;
	refs->full = !refs->nodes;
}

/* Add a node with this address. NULL: it is there already, or there is no room. */
static struct tc_refs_node *add_node(struct tc_walker *w, tc_addr addr, unsigned depth)
{
	struct tc_walk_refs *refs = &w->refs;
	uint64_t *number = refs->full || refs->n_nodes == TC_REFS_NODES ?
				   NULL :
				   tc_hash_at(&refs->index, addr);

	refs->full |= !number;
	if (!number || *number)
		return NULL;
	*number = refs->n_nodes + 1ull;
	struct tc_refs_node *node = &refs->nodes[refs->n_nodes++];
	*node = (struct tc_refs_node){ .addr = addr,
				       .first = refs->n_edges,
				       .depth = (uint8_t)depth };
	return node;
}

/* The upper 16 bits of an edge. Addresses have 47 bits. */
#define WORD_SHIFT 48
#define TARGET (((uint64_t)1 << WORD_SHIFT) - 1)

static void add_edge(struct tc_walker *w, struct tc_refs_node *node, tc_addr to, uint64_t word)
{
	struct tc_walk_refs *refs = &w->refs;

	if (to < 4096 || to & 7 || to > TARGET)
		return;
	if (refs->n_edges == TC_REFS_EDGES) {
		refs->full = true;
		return;
	}
	refs->edges[refs->n_edges++] = to | word << WORD_SHIFT;
	node->n++;
}

/* Words that may be references: slots, or the body of an object. From 3.14 on a borrowed reference
 * in a slot has bit 0 set, and is none of these. */
static void add_words(struct tc_walker *w, struct tc_refs_node *node, tc_addr at, uint64_t n)
{
	const tc_addr begin = at;
	uint64_t words[64];

	for (uint64_t m; n > 0 && !w->refs.full; n -= m, at += 8 * m) {
		m = n < 64 ? n : 64;
		if (tc_read_words(w->mem, at, words, m) < 0)
			return;
		for (uint64_t i = 0; i < m; i++)
			add_edge(w, node, words[i], (at - begin) / 8 + i + 1);
	}
}

/* NULL: it is there already, or there is no room. */
static struct tc_refs_node *add_frame(struct tc_walker *w, tc_addr begin, tc_addr end,
				      uint32_t flags, tc_addr owner)
{
	uint64_t n = end >= begin ? (end - begin) / 8 : 0;
	struct tc_refs_node *node = n && n <= FRAME_WORDS_MAX ? add_node(w, begin, 0) : NULL;

	if (!node)
		return NULL;
	node->flags = (uint8_t)(TC_REFS_FRAME | flags);
	node->owner = owner;
	add_words(w, node, begin, n);
	return node;
}

/* Note the object that a function of a library waits at: an instance with attributes. False: it is
 * none. */
static bool add_target(struct tc_walker *w, tc_addr object)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, object);
	uint64_t *target;

	if (!type || type->kind != TC_KIND_OTHER ||
	    !(type->facts.dictoffset || type->facts.flags & TC_TPFLAG_MANAGED_DICT) ||
	    !(target = tc_hash_at(&w->refs.targets, object)))
		return false;
	*target = 1;
	/* asyncio's own classes, and those derived from them, are classes of Python */
	if (!w->refs.dealloc)
		tc_get(w->mem, type->addr + TYPE_DEALLOC, &w->refs.dealloc);
	return true;
}

void tc_walker_refs_task(struct tc_walker *w, tc_addr task)
{
	const struct tc_walk_sole *sole = &w->sole;
	unsigned n_targets = 0;

	for (uint32_t i = 0; i < sole->n && i < TC_SOLE_FRAMES; i++) {
		struct tc_refs_node *node =
			add_frame(w, sole->frames[i].begin, sole->frames[i].end, 0, task);
		if (!node)
			continue;
		node->code = sole->frames[i].code;
		node->lasti = sole->frames[i].lasti;
	}
	for (uint32_t i = w->locals.n_refs; i-- > 0 && n_targets < TARGETS_MAX && !w->refs.full;)
		n_targets += add_target(w, w->locals.refs[i]);
	uint64_t *target = n_targets ? tc_hash_at(&w->refs.targets, task) : NULL;
	if (target)
		*target = 1;
}

void tc_walker_refs_ended(struct tc_walker *w, tc_addr task)
{
	if (w->refs.n_ended < TC_REFS_ENDED_MAX && w->refs.nodes)
		w->refs.ended[w->refs.n_ended++] = task;
}

/* The frames of a traceback that have ended: their variables live as long as it does. */
static void add_traceback(struct tc_walker *w, tc_addr exception, tc_addr owner)
{
	const struct tc_walk_type *type = exception ? tc_walker_type_of(w, exception) : NULL;
	struct tc_frame_view frame;
	struct tc_code_facts facts;
	tc_addr at, next, addr, previous;
	bool foreign;

	if (!type || !(type->facts.flags & TC_TPFLAG_EXCEPTION) ||
	    tc_get(w->mem, exception + w->py.at.exc_traceback, &at) < 0)
		return;
	for (unsigned n = 0; at && n < TRACEBACKS_MAX; n++, at = next) {
		type = tc_walker_type_of(w, at);
		if (!type || type->kind != TC_KIND_TRACEBACK ||
		    tc_get(w->mem, at + TB_NEXT, &next) < 0 ||
		    tc_get(w->mem, at + TB_FRAME, &addr) < 0 ||
		    (w->py.at.fo_frame != TC_NONE &&
		     tc_get(w->mem, addr + w->py.at.fo_frame, &addr) < 0))
			return;
		if (tc_frame_read(&w->py, addr, &frame, &foreign, &previous) == 0 && !foreign &&
		    tc_walker_frame_ended(w, &frame) &&
		    tc_code_facts_read(&w->py, frame.code, &facts) == 0)
			add_frame(w, frame.locals, frame.locals + 8ull * facts.n_slots,
				  TC_REFS_ENDED, owner);
	}
}

/* The exceptions that a finished task keeps: why it failed, or with what it was cancelled. */
static void add_ended(struct tc_walker *w, tc_addr task)
{
	uint64_t words[FUTURE_WORDS_MAX], n = (w->py.at.fut_size - 16ul) / 8;
	uint32_t state;

	if (tc_get(w->mem, task + w->py.at.fut_state, &state) < 0 || state == TC_STATE_PENDING ||
	    n > FUTURE_WORDS_MAX || tc_read_words(w->mem, task + 16, words, n) < 0)
		return;
	for (uint64_t i = 0; i < n; i++)
		if (words[i] >= 4096 && !(words[i] & 7))
			add_traceback(w, words[i], task);
}

static void expand_items(struct tc_walker *w, struct tc_refs_node *node, enum tc_seq_kind kind)
{
	struct tc_seq seq;
	tc_addr item;

	if (tc_seq_open(&w->py, node->addr, kind, &seq) < 0)
		return;
	for (unsigned n = 0; n < ITEMS_MAX && !w->refs.full && tc_seq_next(&seq, &item) > 0; n++)
		add_edge(w, node, item, 0);
}

/* The number of an attribute's name, + 1; 0: there is no room for more. */
static uint64_t key_number(struct tc_walk_refs *refs, tc_addr key)
{
	uint64_t *number = tc_hash_at(&refs->key_numbers, key);

	if (!number || (!*number && refs->n_keys == TC_REFS_KEYS))
		return 0;
	if (!*number) {
		refs->keys[refs->n_keys] = key;
		*number = ++refs->n_keys;
	}
	return *number;
}

static void expand_dict(struct tc_walker *w, struct tc_refs_node *node, struct tc_dict *dict,
			bool keys)
{
	const bool named = node->flags & TC_REFS_NAMED;
	tc_addr key, value;

	for (unsigned n = 0; n < ITEMS_MAX && !w->refs.full && tc_dict_next(dict, &key, &value) > 0;
	     n++) {
		add_edge(w, node, value, named ? key_number(&w->refs, key) : 0);
		if (keys)
			add_edge(w, node, key, 0);
	}
}

/* Is it a class of Python, and all that it is derived from but object? Of others it is not known
 * which words of their instances are references, and whether all are. */
static bool is_plain(struct tc_walker *w, tc_addr type)
{
	tc_addr base, dealloc;

	for (unsigned n = 0; n < BASES_MAX; n++, type = base) {
		if (tc_get(w->mem, type + TC_TP_BASE, &base) < 0 ||
		    tc_get(w->mem, type + TYPE_DEALLOC, &dealloc) < 0)
			return false;
		if (!base)
			return n > 0; /* object */
		if (dealloc != w->refs.dealloc)
			return false;
	}
	return false;
}

/* The words of its body say no name, unlike those of a frame say no number of a slot. */
static void add_body(struct tc_walker *w, struct tc_refs_node *node, uint64_t n)
{
	const uint32_t first = w->refs.n_edges;

	add_words(w, node, node->addr + 16, n);
	for (uint32_t e = first; e < w->refs.n_edges; e++)
		w->refs.edges[e] &= TARGET;
}

/* What this dict has, only code can use that names the key. */
static void note_named(struct tc_walker *w, tc_addr dict)
{
	uint64_t *named = tc_hash_at(&w->refs.named, dict);

	if (named)
		*named = 1;
}

/* The words of its body, which are slots, and its attributes: where there is a dict object, that is
 * one step more, because others may have it too. */
static void expand_body(struct tc_walker *w, struct tc_refs_node *node)
{
	const struct tc_type_facts *facts = &node->type->facts;
	const bool managed = facts->flags & TC_TPFLAG_MANAGED_DICT;
	uint64_t words = facts->basicsize / 8;
	struct tc_dict attrs;

	if (node->type->kind == TC_KIND_OTHER && !is_plain(w, node->type->addr))
		return;
	if (words > 2 && words <= BODY_WORDS_MAX)
		add_body(w, node, words - 2);
	tc_addr dict = tc_attrs_dict(&w->py, node->addr, facts);
	const bool own = (dict || managed) && tc_walker_heap_is_own_class(w, node->type->addr);
	if (dict && own)
		note_named(w, dict);
	if (managed && dict) {
		add_edge(w, node, dict, 0);
	} else if (managed && tc_attrs_open(&w->py, node->addr, facts, &attrs) == 0) {
		node->flags |= own ? TC_REFS_NAMED : 0;
		expand_dict(w, node, &attrs, false);
	}
}

static void expand_function(struct tc_walker *w, struct tc_refs_node *node)
{
	tc_addr closure;

	if (tc_get(w->mem, node->addr + w->py.at.func_closure, &closure) == 0)
		add_edge(w, node, closure, 0);
}

/* A coroutine or generator that no task awaits. */
static void expand_gen(struct tc_walker *w, struct tc_refs_node *node)
{
	struct tc_gen gen;

	if (tc_gen_read(&w->py, node->addr, &gen) == 0 && gen.state == TC_GEN_SUSPENDED &&
	    gen.stack_end >= gen.frame.locals &&
	    gen.stack_end - gen.frame.locals <= 8 * FRAME_WORDS_MAX &&
	    !tc_hash_find(&w->refs.index, gen.frame.locals))
		add_words(w, node, gen.frame.locals, (gen.stack_end - gen.frame.locals) / 8);
}

static void expand(struct tc_walker *w, struct tc_refs_node *node)
{
	struct tc_dict dict;

	node->first = w->refs.n_edges;
	switch (node->type->kind) {
	case TC_KIND_LIST:
		expand_items(w, node, TC_SEQ_LIST);
		break;
	case TC_KIND_TUPLE:
		expand_items(w, node, TC_SEQ_TUPLE);
		break;
	case TC_KIND_SET:
		expand_items(w, node, TC_SEQ_SET);
		break;
	case TC_KIND_DEQUE:
		expand_items(w, node, TC_SEQ_DEQUE);
		break;
	case TC_KIND_DICT:
		node->flags |= tc_hash_find(&w->refs.named, node->addr) ? TC_REFS_NAMED : 0;
		if (tc_dict_open(&w->py, node->addr, &dict) == 0)
			expand_dict(w, node, &dict, true);
		break;
	case TC_KIND_FUNCTION:
		expand_function(w, node);
		break;
	case TC_KIND_CORO:
	case TC_KIND_GENERATOR:
	case TC_KIND_ASYNCGEN:
		expand_gen(w, node);
		break;
	default:
		expand_body(w, node);
		break;
	}
}

/* Are references followed from objects of this kind? Not from those that nearly everything is
 * reached from, nor from those that refer to nothing. */
static bool is_followed(enum tc_kind kind)
{
	switch (kind) {
	case TC_KIND_OTHER:
	case TC_KIND_LIST:
	case TC_KIND_TUPLE:
	case TC_KIND_SET:
	case TC_KIND_DEQUE:
	case TC_KIND_DICT:
	case TC_KIND_CORO:
	case TC_KIND_GENERATOR:
	case TC_KIND_ASYNCGEN:
	case TC_KIND_FUNCTION:
	case TC_KIND_METHOD:
	case TC_KIND_BUILTIN:
	case TC_KIND_PARTIAL:
	case TC_KIND_CELL:
	case TC_KIND_FUTURE:
	case TC_KIND_TASK:
	case TC_KIND_FUTURE_ITER:
	case TC_KIND_TASK_WAKEUP:
		return true;
	default:
		return false;
	}
}

/* Functions of modules and classes are known by their names (walk_heap.h). */
static bool is_callable(enum tc_kind kind)
{
	return kind == TC_KIND_FUNCTION || kind == TC_KIND_METHOD || kind == TC_KIND_BUILTIN;
}

/* May a weak reference lead to it? asyncio has one to each task that is not on its own lists. */
static bool is_weakly_known(struct tc_walker *w, const struct tc_refs_node *node)
{
	enum { WEAKREF_NEXT = 48 };
	const bool registered =
		tc_kind_is_task(node->type->kind) &&
		!(w->py.at.registry == TC_REGISTRY_LISTS && node->type->kind == TC_KIND_TASK);
	int64_t offset;
	tc_addr list;

	if (tc_get(w->mem, node->type->addr + TYPE_WEAKLIST, &offset) < 0)
		return true;
	if (!offset)
		return false;
	if (tc_get(w->mem, node->addr + (uint64_t)offset, &list) < 0)
		return true;
	if (list && registered && tc_get(w->mem, list + WEAKREF_NEXT, &list) < 0)
		return true;
	return list;
}

static void visit(struct tc_walker *w, tc_addr addr, unsigned depth, bool of_space)
{
	struct tc_refs_node *node;
	const struct tc_walk_type *type;
	uint64_t head[2];

	if (addr == w->refs.unreadable || tc_hash_find(&w->refs.index, addr) ||
	    tc_hash_find(&w->loops.ids, addr))
		return;
	if (tc_try_read(w->mem, addr, head, sizeof(head)) < 0) {
		w->refs.unreadable = addr;
		return;
	}
	type = tc_walker_type(w, head[1]);
	if (type && type->kind == TC_KIND_TASK)
		add_ended(w, addr);
	if (!type || !is_followed(type->kind) || (of_space && is_callable(type->kind)) ||
	    !(node = add_node(w, addr, depth)))
		return;
	node->type = type;
	node->references = (uint32_t)head[0]; /* ob_refcnt: the rest is 0 or flags */
	node->flags = is_weakly_known(w, node) ? TC_REFS_WEAK : 0;
}

/* Give back the room of edges that lead to no node, where it is still the last that was taken. */
static void drop_useless(struct tc_walk_refs *refs, struct tc_refs_node *node)
{
	uint64_t *edges = refs->edges + node->first;
	uint32_t n = 0;

	if (node->first + node->n != refs->n_edges)
		return;
	for (uint32_t e = 0; e < node->n; e++)
		if (tc_hash_find(&refs->index, edges[e] & TARGET))
			edges[n++] = edges[e];
	refs->n_edges -= node->n - n;
	node->n = n;
}

/* In the order in which they were added, so each one after what refers to it: from number `from`
 * on, while there are at most so many nodes and references. */
static void follow(struct tc_walker *w, uint32_t from, uint32_t max_nodes, uint32_t max_edges)
{
	struct tc_walk_refs *refs = &w->refs;

	for (uint32_t i = from; i < refs->n_nodes && !refs->full && refs->n_nodes <= max_nodes &&
				refs->n_edges <= max_edges;
	     i++) {
		struct tc_refs_node *node = &refs->nodes[i];
		if (node->type && node->depth < TC_REFS_DEPTH)
			expand(w, node);
		for (uint32_t e = 0; e < node->n && !refs->full; e++)
			visit(w, refs->edges[node->first + e] & TARGET, node->depth + 1u,
			      node->flags & TC_REFS_SPACE);
		drop_useless(refs, node);
	}
}

/* What a module or class refers to. The room that is left is not used up: what would not fit here
 * may only make references unknown. */
static void follow_space(struct tc_walker *w, const struct tc_heap_space *space)
{
	const uint32_t max_nodes = TC_REFS_NODES / 4 * 3, max_edges = TC_REFS_EDGES / 4 * 3;
	struct tc_walk_refs *refs = &w->refs;
	const uint32_t from = refs->n_nodes;
	struct tc_refs_node *node;
	uint64_t head[2];

	if (refs->n_nodes > max_nodes || tc_read_words(w->mem, space->dict, head, 2) < 0 ||
	    !(node = add_node(w, space->dict, SPACES_DEPTH)))
		return;
	node->type = tc_walker_type(w, head[1]);
	node->references = (uint32_t)head[0];
	node->flags = TC_REFS_SPACE;
	note_named(w, node->addr);
	follow(w, from, max_nodes, max_edges);
}

/* The program's modules and classes come first, those of packages later. */
static void follow_spaces(struct tc_walker *w)
{
	const struct tc_walk_heap *heap = &w->heap;

	for (unsigned packages = 0; packages < 2 && heap->whole; packages++)
		for (uint32_t i = 0; i < heap->n_spaces && !w->refs.full; i++)
			if (tc_walker_heap_is_own_space(w, &heap->spaces[i], packages))
				follow_space(w, &heap->spaces[i]);
}

/* Mark what leads to a target. From the back, because most references lead on in the list; what
 * leads back is found in the next round. */
static void find_wanted(struct tc_walk_refs *refs)
{
	bool more = true;

	for (uint32_t e = 0; e < refs->n_edges; e++) {
		uint64_t word = refs->edges[e] & ~TARGET;
		const uint64_t *number = tc_hash_find(&refs->index, refs->edges[e] & TARGET);
		refs->edges[e] = number ? *number | word : 0;
	}
	for (uint32_t i = 0; i < refs->n_nodes; i++)
		refs->nodes[i].wanted = tc_hash_find(&refs->targets, refs->nodes[i].addr) != NULL;
	for (unsigned round = 0; more && round < 2 * TC_REFS_DEPTH; round++) {
		more = false;
		for (uint32_t i = refs->n_nodes; i-- > 0;) {
			struct tc_refs_node *node = &refs->nodes[i];
			for (uint32_t e = 0; e < node->n && !node->wanted; e++) {
				uint64_t to = refs->edges[node->first + e] & TARGET;
				node->wanted = to && refs->nodes[to - 1].wanted;
				more |= node->wanted;
			}
		}
	}
}

/* Where a suspended frame is; 0: unknown, or it is no such frame. */
static uint32_t site_of(struct tc_walker *w, const struct tc_refs_node *node)
{
	const struct tc_walk_code *code = node->code ? tc_walker_code(w, node->code, 0) : NULL;
	bool awaits;

	if (!code)
		return 0;
	tc_walker_put_bytecode(w, code);
	return tc_walker_site(w, code, node->lasti, &awaits);
}

/* Does the edge lead to what is wanted? */
static const struct tc_refs_node *wanted(const struct tc_walk_refs *refs, uint64_t edge)
{
	const uint64_t to = edge & TARGET;

	return to && refs->nodes[to - 1].wanted ? &refs->nodes[to - 1] : NULL;
}

/* The name of an attribute as a string of the dump. */
static uint32_t key_of(struct tc_walker *w, uint64_t number)
{
	return number ? tc_walker_name(w, w->refs.keys[number - 1]) : 0;
}

/* Ask for the names of the attributes that wanted objects are kept as, and define the strings:
 * no other record may begin inside of one. */
static void want_keys(struct tc_walker *w)
{
	const struct tc_walk_refs *refs = &w->refs;

	for (uint32_t i = 0; i < refs->n_nodes; i++) {
		const struct tc_refs_node *node = &refs->nodes[i];
		if (!(node->flags & TC_REFS_NAMED) || !node->wanted)
			continue;
		for (uint32_t e = node->first; e < node->first + node->n; e++)
			if (wanted(refs, refs->edges[e]) && refs->edges[e] >> WORD_SHIFT) {
				tc_addr key = refs->keys[(refs->edges[e] >> WORD_SHIFT) - 1];
				key_of(w, refs->edges[e] >> WORD_SHIFT);
				tc_walker_names_want(w, key);
			}
	}
}

/* The code of the frames of threads: what they may still do. */
static void put_threads(struct tc_walker *w)
{
	for (uint32_t i = 0; i < w->threads.n; i++)
		for (uint32_t f = 0; f < w->threads.at[i].n_frames; f++) {
			const struct tc_walk_code *code =
				tc_walker_code(w, w->threads.at[i].frames[f].code, 0);
			if (code)
				tc_walker_put_bytecode(w, code);
		}
}

static void put_node(struct tc_walker *w, const struct tc_refs_node *node)
{
	const struct tc_walk_refs *refs = &w->refs;
	const uint64_t *edges = refs->edges + node->first;
	const uint32_t site = site_of(w, node);
	uint32_t n = 0;

	for (uint32_t e = 0; e < node->n; e++)
		n += wanted(refs, edges[e]) != NULL;
	tc_record_begin(w->out, TC_REC_REFS);
	tc_put_d(w->out, TC_STREAM_OBJECT, node->addr);
	tc_record_near(w->out, TC_STREAM_REF, node->addr);
	tc_put_u(w->out, node->flags);
	tc_put_u(w->out, node->type ? node->type->id : 0);
	tc_put_u(w->out, node->references);
	tc_put_u(w->out, node->owner);
	tc_put_u(w->out, n);
	for (uint32_t e = 0; e < node->n; e++)
		if (wanted(refs, edges[e]))
			tc_put_d(w->out, TC_STREAM_REF, wanted(refs, edges[e])->addr);
	if (site || node->flags & TC_REFS_NAMED) {
		tc_put_u(w->out, site);
		for (uint32_t e = 0; e < node->n; e++)
			if (wanted(refs, edges[e]))
				tc_put_u(w->out, site ? edges[e] >> WORD_SHIFT :
							key_of(w, edges[e] >> WORD_SHIFT));
	}
	tc_record_end(w->out);
}

static void note_full(struct tc_walker *w)
{
	tc_notices_add(w->notices, "who could end what tasks wait for is not recorded: more than "
				   "131,072 frames and objects");
}

void tc_walker_refs(struct tc_walker *w)
{
	struct tc_walk_refs *refs = &w->refs;

	if (refs->full && refs->targets.n)
		note_full(w);
	if (refs->full || !refs->targets.n)
		return;
	for (uint32_t i = 0; i < refs->n_ended && !refs->full; i++)
		add_ended(w, refs->ended[i]);
	tc_walker_heap(w);
	follow(w, 0, UINT32_MAX, UINT32_MAX);
	if (!refs->full)
		follow_spaces(w);
	if (refs->full) {
		note_full(w);
		return;
	}
	find_wanted(refs);
	want_keys(w);
	tc_walker_functions(w);
	put_threads(w);
	for (uint32_t i = 0; i < refs->n_nodes; i++)
		if (refs->nodes[i].wanted)
			put_node(w, &refs->nodes[i]);
		else if (refs->nodes[i].code)
			site_of(w, &refs->nodes[i]);
}
