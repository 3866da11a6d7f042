/* SPDX-License-Identifier: Apache-2.0
 * Values of locals, attributes and context variables. Numbers, bools and None are recorded by
 * value, the text of a str only if it is asked for, everything else by type and address. No code of
 * the target is ever run. */
#include "lib/walk/walk_value.h"

#include "lib/walk/walk_string.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

enum { HEAD_BYTES = 32, SMALLEST = 16, FLOAT_VALUE = 16, SET_USED = 24 };

static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
	uint64_t word;

	memcpy(&word, bytes + offset, 8);
	return word;
}

/* Read an int of at most two digits, which is in body. False: it has more. */
static bool small_int(const struct tc_walker *w, const uint8_t *body, struct tc_walk_value *ret)
{
	int64_t value = 0;

	if (!tc_int_parse(&w->py.at, (int64_t)word_at(body, TC_OB_SIZE),
			  word_at(body, TC_OB_SIZE + 8), &value, &ret->size))
		return false;
	ret->bits = (uint64_t)value;
	return true;
}

static void sized(struct tc_walker *w, tc_addr object, const uint8_t *body,
		  struct tc_walk_value *ret)
{
	ret->tag = TC_VAL_SIZED;
	ret->size = word_at(body, TC_OB_SIZE);
	if (ret->kind == TC_KIND_SET && tc_get(w->mem, object + SET_USED, &ret->size) < 0)
		ret->size = 0;
	if (ret->size > 1ul << 40)
		ret->tag = TC_VAL_REF;
}

/* Only type and size are recorded: nobody asks which str or bytes it was. */
static void atom(const uint8_t *body, struct tc_walk_value *ret)
{
	ret->size = word_at(body, TC_OB_SIZE);
	ret->tag = ret->size > 1ul << 40 ? TC_VAL_REF : TC_VAL_ATOM;
}

static void by_kind(struct tc_walker *w, tc_addr object, const uint8_t *body,
		    struct tc_walk_value *ret)
{
	switch (ret->kind) {
	case TC_KIND_NONE:
		ret->tag = TC_VAL_NONE;
		break;
	case TC_KIND_BOOL:
		ret->tag = small_int(w, body, ret) && ret->bits ? TC_VAL_TRUE : TC_VAL_FALSE;
		break;
	case TC_KIND_INT:
		ret->tag = small_int(w, body, ret) ? TC_VAL_INT : TC_VAL_ATOM;
		break;
	case TC_KIND_FLOAT:
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

/* The smallest objects are shorter than HEAD_BYTES, and may be at the end of a mapping. */
static bool read_object_head(struct tc_walker *w, tc_addr object, uint8_t body[HEAD_BYTES])
{
	if (tc_try_read(w->mem, object, body, HEAD_BYTES) == 0)
		return true;
	memset(body, 0, HEAD_BYTES);
	return tc_read(w->mem, object, body, SMALLEST) == 0;
}

void tc_walker_fact(struct tc_walker *w, tc_addr object, struct tc_walk_value *ret)
{
	uint8_t body[HEAD_BYTES];
	const struct tc_walk_type *type = NULL;

	if (object >= 4096 && !(object & 7) && read_object_head(w, object, body))
		type = tc_walker_type(w, word_at(body, TC_OB_TYPE));
	if (!type) {
		*ret = (struct tc_walk_value){ .tag = TC_VAL_UNBOUND };
		return;
	}
	*ret = (struct tc_walk_value){
		.tag = TC_VAL_REF, .type = type->id, .bits = object, .kind = type->kind, .of = type
	};
	by_kind(w, object, body, ret);
	if (ret->tag == TC_VAL_SIZED)
		ret->bits = object;
}

void tc_walker_value(struct tc_walker *w, tc_addr object, struct tc_walk_value *ret)
{
	tc_walker_fact(w, object, ret);
	if (w->options->no_values && (ret->kind == TC_KIND_INT || ret->kind == TC_KIND_FLOAT)) {
		ret->tag = TC_VAL_REF;
		ret->bits = object;
	}
}

uint8_t *tc_walker_encode(uint8_t *to, const struct tc_walk_value *value, uint64_t *previous)
{
	*to++ = (uint8_t)value->tag;
	switch (value->tag) {
	case TC_VAL_INT:
		return tc_leb_s(to, (int64_t)value->bits);
	case TC_VAL_FLOAT:
		memcpy(to, &value->bits, 8);
		return to + 8;
	case TC_VAL_STRING:
		return tc_leb_u(to, value->type);
	case TC_VAL_REF:
	case TC_VAL_SIZED:
		to = tc_leb_u(to, value->type);
		to = tc_leb_s(to, (int64_t)(value->bits - *previous));
		*previous = value->bits;
		return value->tag == TC_VAL_SIZED ? tc_leb_u(to, value->size) : to;
	case TC_VAL_ATOM:
		return tc_leb_u(tc_leb_u(to, value->type), value->size);
	case TC_VAL_WORD:
		return tc_leb_u(to, value->bits);
	default:
		return to;
	}
}

void tc_walker_put_value(struct tc_walker *w, const struct tc_walk_value *value)
{
	uint8_t *to = tc_put_begin(w->out, TC_ENCODED_MAX);

	if (to)
		tc_put_end(w->out, tc_walker_encode(to, value, &w->out->previous[TC_STREAM_REF]));
}
