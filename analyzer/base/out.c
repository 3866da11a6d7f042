/* SPDX-License-Identifier: Apache-2.0
 * Buffered output with neutralised foreign text. */
#include "analyzer/base/out.h"

#include <errno.h>
#include <stdarg.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/base/array.h"
#include "lib/base/utf8.h"

#define BUFFER (1u << 18)

void tc_out_init(struct tc_out *out, int fd, bool color)
{
	*out = (struct tc_out){ .fd = fd, .color = color, .room = BUFFER };
	out->buffer = tc_array_new(BUFFER, 1);
}

void tc_out_init_memory(struct tc_out *out)
{
	tc_out_init(out, -1, false);
}

int tc_out_flush(struct tc_out *out)
{
	size_t done = 0;

	if (out->fd < 0)
		return 0;
	while (done < out->used && !out->error) {
		ssize_t n = write(out->fd, out->buffer + done, out->used - done);
		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			out->error = errno;
	}
	out->keep = out->keep ||
		    out->line < out->used; /* a line that is partly gone cannot be folded */
	out->used = out->line = 0;
	return out->error ? -1 : 0;
}

void tc_out_deinit(struct tc_out *out)
{
	free(out->buffer);
	out->buffer = NULL;
}

void tc_out_put(struct tc_out *out, const char *bytes, size_t size)
{
	while (size) {
		if (out->used == out->room && out->fd < 0)
			out->buffer = tc_array_grow(out->buffer, out->used, &out->room, 1);
		else if (out->used == out->room)
			tc_out_flush(out);
		size_t part = out->room - out->used < size ? out->room - out->used : size;
		memcpy(out->buffer + out->used, bytes, part);
		out->used += part;
		bytes += part;
		size -= part;
	}
}

void tc_out_printf(struct tc_out *out, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	tc_out_raw(out, line, n < 0 ? 0 : (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

void tc_out_u(struct tc_out *out, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	tc_out_raw(out, digits + at, sizeof(digits) - at);
}

void tc_out_column(struct tc_out *out, unsigned column)
{
	static const char blanks[] =
		"                                                                ";
	unsigned n = out->column < column ? column - out->column : out->column > 0;

	for (; n > sizeof(blanks) - 1; n -= (unsigned)sizeof(blanks) - 1)
		tc_out_raw(out, blanks, sizeof(blanks) - 1);
	tc_out_raw(out, blanks, n);
}

void tc_out_ink(struct tc_out *out, enum tc_ink ink)
{
	static const char *const codes[] = {
		[TC_INK_NONE] = "\033[0m",    [TC_INK_BOLD] = "\033[1m",
		[TC_INK_DIM] = "\033[2m",     [TC_INK_RED] = "\033[1;31m",
		[TC_INK_YELLOW] = "\033[33m", [TC_INK_GREEN] = "\033[32m",
		[TC_INK_CYAN] = "\033[36m",
	};
	if (out->color)
		tc_out_put(out, codes[ink], strlen(codes[ink]));
}

/* East Asian wide characters and most emoji take two columns. */
static unsigned columns_of(uint32_t code)
{
	bool wide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
		    (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
		    (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
		    (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f300 && code <= 0x1faff) ||
		    (code >= 0x20000 && code <= 0x3fffd);
	return wide ? 2 : 1;
}

/* Columns of the word at text[0…size), which may hold colour. */
static unsigned word_columns(const char *text, size_t size)
{
	unsigned columns = 0;

	for (size_t at = 0; at < size;) {
		uint32_t code;
		if (text[at] == '\033') {
			const char *end = memchr(text + at, 'm', size - at);
			at = end ? (size_t)(end - text) + 1 : size;
			continue;
		}
		at += tc_utf8_next((const uint8_t *)text + at, size - at, &code);
		columns += columns_of(code);
	}
	return columns;
}

static size_t span_of(const char *text, size_t size, bool blank)
{
	size_t n = 0;

	while (n < size && (text[n] == ' ') == blank)
		n++;
	return n;
}

/* Write the line again, with breaks; what continues stands under its second word. */
static void fold_line(struct tc_out *out)
{
	size_t size = out->used - out->line, at = 0;
	char *text = tc_array_new(size, 1);
	unsigned column = 0, indent = 0;

	memcpy(text, out->buffer + out->line, size);
	out->used = out->line;
	for (int words = 0; at < size; words++) {
		size_t blanks = span_of(text + at, size - at, true);
		size_t length = span_of(text + at + blanks, size - at - blanks, false);
		unsigned columns = word_columns(text + at + blanks, length);
		if (words <= 1)
			indent = (column + (unsigned)blanks) % (out->wrap / 2);
		if (words > 1 && column + blanks + columns > out->wrap) {
			tc_out_put(out, "\n", 1);
			for (column = 0; column < indent; column++)
				tc_out_put(out, " ", 1);
		} else {
			tc_out_put(out, text + at, blanks);
			column += (unsigned)blanks;
		}
		tc_out_put(out, text + at + blanks, length);
		column += columns;
		at += blanks + length;
	}
	free(text);
}

void tc_out_newline(struct tc_out *out)
{
	if (out->wrap && out->column > out->wrap && !out->keep)
		fold_line(out);
	tc_out_put(out, "\n", 1);
	out->column = 0;
	out->line = out->used;
	out->keep = false;
}

/* One character as it may be shown. Returns its bytes in *piece (at least 16), sets
 * *ret_columns. */
static size_t show(uint32_t code, const uint8_t *at, size_t size, char *piece,
		   unsigned *ret_columns)
{
	int n;

	if (code == TC_BAD_BYTE)
		n = snprintf(piece, 16, "\\x%02x", at[0]);
	else if (!tc_utf8_hostile(code)) {
		memcpy(piece, at, size);
		*ret_columns = columns_of(code);
		return size;
	} else if (code == '\n' || code == '\r' || code == '\t')
		n = snprintf(piece, 16, "\\%c", code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
	else
		n = snprintf(piece, 16,
			     code < 0x100   ? "\\x%02x" :
			     code < 0x10000 ? "\\u%04x" :
					      "\\U%08x",
			     code);
	*ret_columns = (unsigned)n;
	return (size_t)n;
}

/* Show text from *at while it stays within max columns. Returns the columns used; out may be
 * NULL. */
static unsigned show_part(struct tc_out *out, struct tc_text text, size_t *at, unsigned max)
{
	unsigned used = 0;

	while (*at < text.size) {
		char piece[16];
		unsigned columns;
		uint32_t code;
		size_t n = tc_utf8_next(text.at + *at, text.size - *at, &code);
		size_t size = show(code, text.at + *at, n, piece, &columns);
		if (used + columns > max)
			break;
		if (out)
			tc_out_put(out, piece, size);
		used += columns;
		*at += n;
	}
	if (out)
		out->column += used;
	return used;
}

unsigned tc_text_columns(struct tc_text text)
{
	size_t at = 0;

	return show_part(NULL, text, &at, 1000);
}

void tc_out_text(struct tc_out *out, struct tc_text text, unsigned max)
{
	size_t at = 0;

	if (max == 0 || max >= 1000) {
		show_part(out, text, &at, UINT32_MAX);
	} else if (tc_text_columns(text) <= max) {
		show_part(out, text, &at, max);
	} else {
		show_part(out, text, &at, max > 3 ? max - 3 : max);
		tc_out_str(out, "...");
	}
}

void tc_out_text_end(struct tc_out *out, struct tc_text text, unsigned max)
{
	unsigned all = tc_text_columns(text);
	size_t at = 0;

	if (all > max) {
		show_part(NULL, text, &at, all + 3 - max);
		while (at < text.size && (text.at[at] & 0xc0) == 0x80)
			at++;
		tc_out_str(out, "...");
	}
	show_part(out, text, &at, max);
}

#define TAIL_BYTES 900 /* that the end of a text of no more than so many columns is looked for in */

void tc_out_text_middle(struct tc_out *out, struct tc_text text, unsigned max)
{
	size_t at = 0;

	if (max < 8 || tc_text_columns(text) <= max) {
		tc_out_text(out, text, max);
		return;
	}
	show_part(out, text, &at, (max - 3) / 2);
	if (text.size - at > TAIL_BYTES)
		at = text.size - TAIL_BYTES;
	while (at < text.size && (text.at[at] & 0xc0) == 0x80)
		at++;
	tc_out_text_end(out, (struct tc_text){ text.at + at, text.size - at }, max - (max - 3) / 2);
}

void tc_out_ns(struct tc_out *out, uint64_t ns)
{
	uint64_t s = ns / 1000000000;

	if (ns < 10000000)
		tc_out_printf(out, "%.1f ms", (double)ns / 1e6);
	else if (s < 1)
		tc_out_printf(out, "%" PRIu64 " ms", ns / 1000000);
	else if (s < 60)
		tc_out_printf(out, "%.1f s", (double)ns / 1e9);
	else if (s < 3600)
		tc_out_printf(out, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		tc_out_printf(out, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		tc_out_printf(out, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
}

void tc_out_bytes(struct tc_out *out, uint64_t bytes)
{
	if (bytes < 1000)
		tc_out_printf(out, "%" PRIu64 " B", bytes);
	else if (bytes < 1000000)
		tc_out_printf(out, "%" PRIu64 " kB", bytes / 1000);
	else
		tc_out_printf(out, "%.1f MB", (double)bytes / 1e6);
}

void tc_out_count(struct tc_out *out, uint64_t n, const char *noun)
{
	tc_out_printf(out, "%" PRIu64 " %s%s", n, noun, n == 1 ? "" : "s");
}
