/* SPDX-License-Identifier: Apache-2.0
 * Buffered output, and the one place where bytes of a dump become text that a terminal may see. */
#ifndef TC_OUT_H
#define TC_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/base/bytes.h"

enum tc_ink {
	TC_INK_NONE,
	TC_INK_BOLD,
	TC_INK_DIM,
	TC_INK_RED,
	TC_INK_YELLOW,
	TC_INK_GREEN,
	TC_INK_CYAN
};

struct tc_out {
	int fd; /* -1: into memory, see tc_out_init_memory */
	char *buffer;
	size_t used, room;
	unsigned column; /* where the next character of text goes; colour does not count */
	unsigned wrap;	 /* lines longer than this are folded at blanks; 0: none are */
	bool keep;	 /* not the line under way */
	size_t line;	 /* where it begins in the buffer */
	bool color;
	int error; /* errno of the first write that failed; nothing is written after it */
};

void tc_out_init(struct tc_out *out, int fd, bool color);
/* Everything is kept at out->buffer, out->used bytes. */
void tc_out_init_memory(struct tc_out *out);
/* Write what is left. Returns 0 or -1, see error. */
int tc_out_flush(struct tc_out *out);
void tc_out_deinit(struct tc_out *out);

/* tc_out_raw for bytes that take no column, and for any number of them. */
void tc_out_put(struct tc_out *out, const char *bytes, size_t size);

/* Bytes as they are, text of our own only. */
static inline void tc_out_raw(struct tc_out *out, const char *bytes, size_t size)
{
	out->column += (unsigned)size;
	if (size == 0 || size > out->room - out->used) {
		tc_out_put(out, bytes, size);
		return;
	}
	memcpy(out->buffer + out->used, bytes, size);
	out->used += size;
}
static inline void tc_out_str(struct tc_out *out, const char *text)
{
	tc_out_raw(out, text, strlen(text));
}
void tc_out_printf(struct tc_out *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void tc_out_u(struct tc_out *out, uint64_t value);
/* Spaces up to this column; one when it is reached already. */
void tc_out_column(struct tc_out *out, unsigned column);
void tc_out_ink(struct tc_out *out, enum tc_ink ink);
void tc_out_newline(struct tc_out *out);
/* "12 ms", "0.4 s", "3m02s", "5h07m", "3d04h". */
void tc_out_ns(struct tc_out *out, uint64_t ns);
/* "812 B", "412 kB", "3.1 MB". */
void tc_out_bytes(struct tc_out *out, uint64_t bytes);
/* "1 loop", "2 loops". */
void tc_out_count(struct tc_out *out, uint64_t n, const char *noun);

/* Foreign text, made harmless: controls, escapes, newlines, marks that change the direction of
 * writing, and what is not UTF-8 come out as \n, \x1b, \u202e … At most max columns (0: no bound);
 * a longer one ends in "...". */
void tc_out_text(struct tc_out *out, struct tc_text text, unsigned max);
/* The same, cut in its middle: names differ at their ends. */
void tc_out_text_middle(struct tc_out *out, struct tc_text text, unsigned max);
/* Its last max columns instead, after "...". */
void tc_out_text_end(struct tc_out *out, struct tc_text text, unsigned max);
/* Columns that tc_out_text would take without a bound; stops counting at 1,000. */
unsigned tc_text_columns(struct tc_text text);

#endif
