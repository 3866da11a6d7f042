/* SPDX-License-Identifier: Apache-2.0
 * Values: of locals, attributes and context variables. Numbers, bools and None by value, str only
 * when asked for, everything else by type and identity; no code of the target is ever run. */
#include "walker.h"

#include "safe.h"

enum { HEAD_BYTES = 32, SMALLEST = 16, SLOTS_AT_ONCE = 64, FLOAT_VALUE = 16, SET_USED = 24 };
#define STACKREF_TAG 3ul

static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
	uint64_t word;

	memcpy(&word, bytes + offset, 8);
	return word;
}

/* An int of at most two digits, which are in body. */
static bool small_int(const struct tc_walker *w, const uint8_t *body, struct tc_value *ret)
{
	int64_t value = 0;

	if (!tc_int_parse(&w->py.at, (int64_t)word_at(body, TC_OB_SIZE),
			  word_at(body, TC_OB_SIZE + 8), &value, &ret->size))
		return false;
	ret->bits = (uint64_t)value;
	return true;
}

static void sized(struct tc_walker *w, tc_addr object, const uint8_t *body, struct tc_value *ret)
{
	ret->tag = TC_VAL_SIZED;
	ret->size = word_at(body, TC_OB_SIZE);
	if (ret->kind == TC_KIND_SET && tc_get(w->mem, object + SET_USED, &ret->size) < 0)
		ret->size = 0;
	if (ret->size > 1ul << 40)
		ret->tag = TC_VAL_REF;
}

/* What has no identity that anybody asks for: type and size are all. */
static void atom(const uint8_t *body, struct tc_value *ret)
{
	ret->size = word_at(body, TC_OB_SIZE);
	ret->tag = ret->size > 1ul << 40 ? TC_VAL_REF : TC_VAL_ATOM;
}

static void by_kind(struct tc_walker *w, tc_addr object, const uint8_t *body, struct tc_value *ret)
{
	switch (ret->kind) {
	case TC_KIND_NONE:
		ret->tag = TC_VAL_NONE;
		break;
	case TC_KIND_BOOL:
		ret->tag = small_int(w, body, ret) && ret->bits ? TC_VAL_TRUE : TC_VAL_FALSE;
		break;
	case TC_KIND_INT:
		if (w->options->no_values)
			break;
		ret->tag = small_int(w, body, ret) ? TC_VAL_INT : TC_VAL_ATOM;
		break;
	case TC_KIND_FLOAT:
		if (w->options->no_values)
			break;
		ret->tag = TC_VAL_FLOAT;
		ret->bits = word_at(body, FLOAT_VALUE);
		break;
	case TC_KIND_STR:
		atom(body, ret);
		if (w->options->value_strings && !w->options->no_values &&
		    (ret->type = tc_walker_str(w, object, TC_STR_VALUE)) != 0)
			ret->tag = TC_VAL_STRING;
		else
			ret->type = ret->of->id;
		break;
	case TC_KIND_BYTES:
		atom(body, ret);
		break;
	case TC_KIND_LIST:
	case TC_KIND_TUPLE:
	case TC_KIND_SET:
	case TC_KIND_DEQUE:
	case TC_KIND_DICT:
		sized(w, object, body, ret);
		break;
	default:
		break;
	}
}

/* The smallest objects are shorter than what is looked at, and may end their mapping. */
static bool read_object_head(struct tc_walker *w, tc_addr object, uint8_t body[HEAD_BYTES])
{
	if (tc_try_read(w->mem, object, body, HEAD_BYTES) == 0)
		return true;
	memset(body, 0, HEAD_BYTES);
	return tc_read(w->mem, object, body, SMALLEST) == 0;
}

void tc_walker_value(struct tc_walker *w, tc_addr object, struct tc_value *ret)
{
	uint8_t body[HEAD_BYTES];
	const struct tc_type *type = NULL;

	if (object >= 4096 && !(object & 7) && read_object_head(w, object, body))
		type = tc_walker_type(w, word_at(body, TC_OB_TYPE));
	if (!type) {
		*ret = (struct tc_value){ .tag = TC_VAL_UNBOUND };
		return;
	}
	*ret = (struct tc_value){
		.tag = TC_VAL_REF, .type = type->id, .bits = object, .kind = type->kind, .of = type
	};
	by_kind(w, object, body, ret);
	if (ret->tag == TC_VAL_SIZED)
		ret->bits = object;
}

void tc_walker_put_value(struct tc_walker *w, const struct tc_value *value)
{
	uint8_t *to = tc_put_begin(w->out, 4 * TC_LEB_MAX);

	if (!to)
		return;
	if (value->same && value->tag > TC_VAL_FALSE) {
		*to++ = (uint8_t)(TC_VAL_SAME + value->same - 1);
		tc_put_end(w->out, to);
		return;
	}
	*to++ = (uint8_t)value->tag;
	switch (value->tag) {
	case TC_VAL_INT:
		to = tc_leb_s(to, (int64_t)value->bits);
		break;
	case TC_VAL_FLOAT:
		memcpy(to, &value->bits, 8);
		to += 8;
		break;
	case TC_VAL_STRING:
		to = tc_leb_u(to, value->type);
		break;
	case TC_VAL_REF:
	case TC_VAL_SIZED:
		to = tc_leb_u(to, value->type);
		to = tc_leb_d(to, w->out, TC_STREAM_REF, value->bits);
		if (value->tag == TC_VAL_SIZED)
			to = tc_leb_u(to, value->size);
		break;
	case TC_VAL_ATOM:
		to = tc_leb_u(to, value->type);
		to = tc_leb_u(to, value->size);
		break;
	case TC_VAL_WORD:
		to = tc_leb_u(to, value->bits);
		break;
	default:
		break;
	}
	tc_put_end(w->out, to);
}

/* The variable behind a slot: a cell stands for its content, a tagged integer for nothing that was
 * named. */
static void slot_value(struct tc_walker *w, uint64_t slot, struct tc_value *ret)
{
	tc_addr content;

	if ((slot & STACKREF_TAG) == STACKREF_TAG)
		slot = 0;
	tc_walker_value(w, slot & ~STACKREF_TAG, ret);
	if (ret->tag == TC_VAL_REF && ret->kind == TC_KIND_CELL &&
	    tc_get(w->mem, ret->bits + TC_CELL_REF, &content) == 0)
		tc_walker_value(w, content, ret);
}

/* The value in a slot of the chain; the number of *to is number. */
static void chain_value(struct tc_walker *w, uint64_t slot, uint32_t number, struct tc_value *to)
{
	struct tc_locals *locals = &w->locals;
	struct tc_slot_cache *known = &locals->slots[slot >> 4 & (TC_SLOT_CACHE - 1)];

	if (known->word == slot && known->chain == locals->chain && slot) {
		*to = locals->values[known->value];
		to->same = known->value + 1;
		return;
	}
	slot_value(w, slot, to);
	if (number < TC_SAME_MAX)
		*known = (struct tc_slot_cache){ slot, locals->chain, number };
}

void tc_walker_locals_begin(struct tc_walker *w)
{
	w->locals.n_values = w->locals.n_frames = 0;
	w->locals.chain++;
}

void tc_walker_frame_locals(struct tc_walker *w, const struct tc_pycode *code, tc_addr slots)
{
	struct tc_locals *locals = &w->locals;
	uint32_t n = code->facts.n_slots > TC_NAMES_MAX ? TC_NAMES_MAX : code->facts.n_slots;
	uint64_t words[SLOTS_AT_ONCE];

	if (locals->n_frames == TC_FRAMES_KEPT)
		return;
	if (n > TC_VALUES_MAX - locals->n_values)
		n = 0;
	struct tc_value *first = &locals->values[locals->n_values], *to = first;
	for (uint32_t piece; n > 0; n -= piece, slots += 8ul * piece) {
		piece = n < SLOTS_AT_ONCE ? n : SLOTS_AT_ONCE;
		if (tc_read_words(w->mem, slots, words, piece) < 0)
			break;
		for (uint32_t i = 0; i < piece; i++)
			chain_value(w, words[i], (uint32_t)(to - locals->values), to), to++;
	}
	while (to > first && to[-1].tag == TC_VAL_UNBOUND)
		to--;
	uint32_t frame = locals->n_frames++;
	locals->frames[frame].code = code;
	locals->frames[frame].first = locals->n_values;
	locals->frames[frame].n = (uint32_t)(to - first);
	locals->n_values += (uint32_t)(to - first);
}

void tc_walker_put_locals(struct tc_walker *w, tc_addr near)
{
	const struct tc_locals *locals = &w->locals;

	if (locals->n_frames == 0 || w->options->no_locals)
		return;
	tc_record_begin(w->out, TC_REC_LOCALS);
	tc_record_near(w->out, TC_STREAM_REF, near);
	tc_put_u(w->out, locals->n_frames);
	for (uint32_t f = 0; f < locals->n_frames; f++) {
		tc_put_u(w->out, locals->frames[f].n);
		for (uint32_t i = 0; i < locals->frames[f].n; i++)
			tc_walker_put_value(w, &locals->values[locals->frames[f].first + i]);
	}
	tc_record_end(w->out);
}

/* Context variables: an immutable hash tree (HAMT), Python/hamt.c, at most eight levels deep. */
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
	const struct tc_type *type = tc_walker_type_of(w, node);
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
	const struct tc_type *type = tc_walker_type_of(w, var);
	tc_addr name;

	if (!type || type->kind != TC_KIND_CONTEXTVAR || scratch->n == TC_CONTEXT_MAX ||
	    tc_get(w->mem, var + VAR_NAME, &name) < 0)
		return;
	scratch->names[scratch->n] = tc_walker_name(w, name);
	tc_walker_value(w, value, &scratch->values[scratch->n++]);
}

/* One step: a pair or a child of the innermost node. */
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
	struct tc_context_cache *known = &w->contexts[tc_mix(root, 0) % TC_CONTEXT_CACHE];
	if (known->root == root)
		return (uint32_t)known->id;
	w->context->n = 0;
	descend(w, &walk, root);
	for (unsigned steps = 0; walk.depth > 0 && steps < 4096; steps++) {
		if (walk.level[walk.depth - 1].i >= walk.level[walk.depth - 1].n)
			walk.depth--;
		else
			step(w, &walk, w->context);
	}
	known->root = root;
	known->id = w->context->n ? define_context(w, w->context) : 0;
	return (uint32_t)known->id;
}
