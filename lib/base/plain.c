/* SPDX-License-Identifier: Apache-2.0
 * Makes names that the target chose (of files, of threads) fit for a terminal. */
#include "lib/base/plain.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "lib/base/safe.h"

/* The character at p and its length in bytes; length 0: not UTF-8. */
static unsigned decode(const unsigned char *p, size_t *ret_length)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = *p < 0x80 ? 1 :
			*p < 0xc2 ? 0 :
			*p < 0xe0 ? 2 :
			*p < 0xf0 ? 3 :
			*p < 0xf5 ? 4 :
				    0;
	unsigned value = length == 1 ? *p : *p & (0x7fu >> length);

	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80) { /* the NUL at the end too */
			length = 0;
			break;
		}
		value = value << 6 | (p[i] & 0x3f);
	}
	if (length > 1 && value < least[length])
		length = 0;
	*ret_length = length;
	return value;
}

static bool steers(unsigned c)
{
	return c < 32 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void tc_plain(char *text)
{
	size_t length;

	for (unsigned char *p = (unsigned char *)text; *p; p += length) {
		bool bad = steers(decode(p, &length));
		if (!length) {
			bad = true;
			length = 1;
		}
		if (bad)
			memset(p, '?', length);
	}
}
