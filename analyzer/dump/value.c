/* SPDX-License-Identifier: Apache-2.0
 * Decoding one value. */
#include "analyzer/dump/value.h"

#include <string.h>

/* An IEEE 754 double. */
static double float_at(struct tc_cursor *cur)
{
	double value;

	if (cur->at == cur->end)
		return 0;
	if ((size_t)(cur->end - cur->at) < sizeof(value))
		return (double)tc_cur_spoil(cur);
	memcpy(&value, cur->at, sizeof(value));
	cur->at += sizeof(value);
	return value;
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
		ret->number = float_at(cur);
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
