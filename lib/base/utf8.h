/* SPDX-License-Identifier: Apache-2.0
 * UTF-8 that may be damaged, and what of it a terminal must not get. May run in a signal
 * handler. */
#ifndef TC_UTF8_H
#define TC_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One character of UTF-8 (or WTF-8: lone surrogates) at the start of size > 0 bytes. Returns its
 * number of bytes and sets *ret to the code point, or returns 1 and sets *ret to TC_BAD_BYTE. */
#define TC_BAD_BYTE UINT32_MAX
size_t tc_utf8_next(const uint8_t *at, size_t size, uint32_t *ret);
/* True when this code point may not reach a terminal as it is. */
bool tc_utf8_hostile(uint32_t code);

#endif
