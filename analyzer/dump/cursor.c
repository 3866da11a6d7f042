/* SPDX-License-Identifier: Apache-2.0
 * The rarer halves of the bounded cursor. */
#include "analyzer/dump/cursor.h"

/* Byte by byte: near the end, and for values of more than 56 bits. */
static struct tc_number read_bytes(const uint8_t *at, const uint8_t *end)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 70 && at < end; shift += 7) {
		uint8_t byte = *at++;
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128)
			return (struct tc_number){ value, at };
	}
	return (struct tc_number){ 0, NULL };
}

/* Eight bytes at once: neighbours of 7, then 14, then 28 bits move together. */
struct tc_number tc_number_at(const uint8_t *at, const uint8_t *end)
{
	uint64_t word, last;

	if (end - at < 8)
		return read_bytes(at, end);
	memcpy(&word, at, sizeof(word));
	last = ~word & 0x8080808080808080; /* the lowest of these bits is in the last byte */
	if (last == 0)
		return read_bytes(at, end);
	at += __builtin_ctzll(last) / 8 + 1;
	word &= last ^ (last - 1);
	word = (word & 0x007f007f007f007f) | (word & 0x7f007f007f007f00) >> 1;
	word = (word & 0x00003fff00003fff) | (word & 0x3fff00003fff0000) >> 2;
	word = (word & 0x000000000fffffff) | (word & 0x0fffffff00000000) >> 4;
	return (struct tc_number){ word, at };
}

double tc_cur_f(struct tc_cursor *cur)
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
