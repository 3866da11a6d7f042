/* SPDX-License-Identifier: Apache-2.0
 * Building lines and reading numbers. */
#include "lib/base/strbuf.h"

#include <string.h>

#include "lib/base/safe.h"

void tc_strbuf_init(struct tc_strbuf *text, char *memory, size_t size)
{
	*text = (struct tc_strbuf){ memory, memory, memory + size - 1, 0 };
	*memory = 0;
}

void tc_strbuf_bytes(struct tc_strbuf *text, const char *bytes, size_t size)
{
	size_t left = (size_t)(text->end - text->at);

	if (size > left) {
		size = left;
		text->full = 1;
	}
	memcpy(text->at, bytes, size);
	text->at += size;
	*text->at = 0;
}

void tc_strbuf_s(struct tc_strbuf *text, const char *string)
{
	tc_strbuf_bytes(text, string, strlen(string));
}

void tc_strbuf_padded(struct tc_strbuf *text, uint64_t value, unsigned width)
{
	char digits[24];
	unsigned n = 0;

	do
		digits[sizeof(digits) - ++n] = (char)('0' + value % 10);
	while ((value /= 10));
	while (n < width && n < sizeof(digits))
		digits[sizeof(digits) - ++n] = '0';
	tc_strbuf_bytes(text, digits + sizeof(digits) - n, n);
}

void tc_strbuf_u(struct tc_strbuf *text, uint64_t value)
{
	tc_strbuf_padded(text, value, 1);
}

/* The value of a digit up to f, or 255. */
static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c |= 'a' - 'A';
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 255;
}

uint64_t tc_parse_number(const char **at, unsigned base)
{
	const char *p = *at;
	uint64_t value = 0;

	while (*p == ' ' || *p == '\t')
		p++;
	int negative = *p == '-';
	p += *p == '-' || *p == '+';
	if (base == 16 && p[0] == '0' && (p[1] | ' ') == 'x')
		p += 2;
	if (digit(*p) >= base)
		return 0;
	for (; digit(*p) < base; p++)
		value = value * base + digit(*p);
	*at = p;
	return negative ? -value : value;
}
