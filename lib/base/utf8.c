/* SPDX-License-Identifier: Apache-2.0
 * UTF-8 that may be damaged. */
#include "lib/base/utf8.h"

#include "lib/base/safe.h"

size_t tc_utf8_next(const uint8_t *at, size_t size, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t first = at[0];
	size_t n = first < 0x80	    ? 1 :
		   first >> 5 == 6  ? 2 :
		   first >> 4 == 14 ? 3 :
		   first >> 3 == 30 ? 4 :
				      0;
	uint32_t code = n == 1 ? first : first & (0x7fu >> n);

	*ret = TC_BAD_BYTE;
	if (n == 0 || n > size)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 1;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code > 0x10ffff || (n > 1 && code < least[n]))
		return 1;
	*ret = code;
	return n;
}

/* Code points that move, hide or turn around what stands beside them: C0 and C1 controls, the
 * direction marks of Unicode TR9, zero-width characters, line separators, variation of tags, lone
 * surrogates, private use. */
bool tc_utf8_hostile(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0, 0x1f },	       { 0x7f, 0x9f },	   { 0xad, 0xad },     { 0x61c, 0x61c },
		{ 0x180e, 0x180e },    { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
		{ 0xd800, 0xf8ff },    { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff },
		{ 0xe0000, 0x10ffff },
	};
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}
