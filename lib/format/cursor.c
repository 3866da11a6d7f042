/* SPDX-License-Identifier: Apache-2.0
 * The rarer halves of the bounded cursor. */
#include "lib/format/cursor.h"

#include <string.h>

#include "lib/base/safe.h"

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
