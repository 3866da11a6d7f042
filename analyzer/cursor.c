/* SPDX-License-Identifier: Apache-2.0
 * The rarer halves of the bounded cursor. */
#include "cursor.h"

static uint64_t spoil(struct tc_cursor *cur)
{
	cur->bad = true;
	cur->at = cur->end;
	return 0;
}

uint64_t tc_cur_u_long(struct tc_cursor *cur)
{
	uint64_t value = 0;

	if (cur->at == cur->end)
		return 0;
	for (unsigned shift = 0; shift < 70 && cur->at < cur->end; shift += 7) {
		uint8_t byte = *cur->at++;
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128)
			return value;
	}
	return spoil(cur);
}

double tc_cur_f(struct tc_cursor *cur)
{
	double value;

	if (cur->at == cur->end)
		return 0;
	if ((size_t)(cur->end - cur->at) < sizeof(value))
		return (double)spoil(cur);
	memcpy(&value, cur->at, sizeof(value));
	cur->at += sizeof(value);
	return value;
}

const uint8_t *tc_cur_b(struct tc_cursor *cur, size_t *ret_size)
{
	uint64_t size = tc_cur_u(cur);
	const uint8_t *bytes = cur->at;

	if (size > (size_t)(cur->end - cur->at))
		size = spoil(cur);
	else
		cur->at += size;
	*ret_size = (size_t)size;
	return bytes;
}

bool tc_cur_value(struct tc_cursor *cur, uint64_t *previous, struct tc_value *ret)
{
	bool more = tc_cur_more(cur);
	uint64_t tag = tc_cur_u(cur);

	*ret = (struct tc_value){ .tag = tag <= TC_VAL_ATOM ? (uint8_t)tag : TC_VAL_UNBOUND };
	switch (tag) {
	case TC_VAL_UNBOUND:
	case TC_VAL_NONE:
	case TC_VAL_TRUE:
	case TC_VAL_FALSE:
		break;
	case TC_VAL_INT:
		ret->word = (uint64_t)tc_cur_s(cur);
		break;
	case TC_VAL_FLOAT:
		ret->number = tc_cur_f(cur);
		break;
	case TC_VAL_STRING:
	case TC_VAL_WORD:
		ret->word = tc_cur_u(cur);
		break;
	case TC_VAL_ATOM:
		ret->type = tc_cur_u32(cur);
		ret->size = tc_cur_u(cur);
		break;
	case TC_VAL_REF:
	case TC_VAL_SIZED:
		ret->type = tc_cur_u32(cur);
		ret->word = tc_cur_d(cur, previous);
		if (tag == TC_VAL_SIZED)
			ret->size = tc_cur_u(cur);
		break;
	default:
		return false;
	}
	return more && !cur->bad;
}
