/* SPDX-License-Identifier: Apache-2.0
 * Text without libc's formatting: lines are built in a fixed piece of memory, numbers are read out
 * of /proc. Everything here may run in a signal handler. */
#ifndef TC_STRBUF_H
#define TC_STRBUF_H

#include <stddef.h>
#include <stdint.h>

/* A text under way. It is terminated by a zero after each call; what does not fit is left out, and
 * full tells. */
struct tc_strbuf {
	char *start, *at, *end; /* end: the last byte, kept for the zero */
	int full;
};

/* Begin an empty text in the size bytes at memory; size is at least 1. */
void tc_strbuf_init(struct tc_strbuf *text, char *memory, size_t size);

void tc_strbuf_s(struct tc_strbuf *text, const char *string);
void tc_strbuf_bytes(struct tc_strbuf *text, const char *bytes, size_t size);
void tc_strbuf_u(struct tc_strbuf *text, uint64_t value);			   /* decimal */
void tc_strbuf_padded(struct tc_strbuf *text, uint64_t value, unsigned width); /* with zeros in front */

/* Read a number at *at, after blanks, with an optional sign and, in base 16, "0x"; *at moves behind
 * it, and stays when there is none (0 is returned). No overflow is noticed. */
uint64_t tc_parse_number(const char **at, unsigned base);

#endif
