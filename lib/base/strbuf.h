/* SPDX-License-Identifier: Apache-2.0
 * Text without libc's formatting: builds lines in a buffer of fixed size, and reads numbers out of
 * text. Everything here may run in a signal handler. */
#ifndef TC_STRBUF_H
#define TC_STRBUF_H

#include <stddef.h>
#include <stdint.h>

/* A text that is being built. After each call it ends with a zero; what does not fit is left out,
 * and full is set. */
struct tc_strbuf {
	char *start, *at, *end; /* end: the last byte, kept for the zero */
	int full;
};

/* Begin an empty text in the size bytes at memory, which the caller owns; size is at least 1. */
void tc_strbuf_init(struct tc_strbuf *text, char *memory, size_t size);

void tc_strbuf_s(struct tc_strbuf *text, const char *string);
void tc_strbuf_bytes(struct tc_strbuf *text, const char *bytes, size_t size);
void tc_strbuf_u(struct tc_strbuf *text, uint64_t value);			   /* decimal */
/* at least width digits */
void tc_strbuf_padded(struct tc_strbuf *text, uint64_t value, unsigned width);

/* Read a number in this base at *at: blanks, an optional sign, in base 16 an optional "0x", digits.
 * *at moves behind it. Without a digit *at stays, and 0 is returned. Overflow is not detected. */
uint64_t tc_parse_number(const char **at, unsigned base);

#endif
