/* SPDX-License-Identifier: Apache-2.0
 * Reading the header of a chunk (docs/format.md section 4). */
#ifndef TC_CHUNK_H
#define TC_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/format/format.h"

/* Read the header of a chunk of size bytes: of any length, with any number of tables. A table that
 * the file does not have stays empty: its first identifier would be 1. False: it does not fit. The
 * version and the checksum are up to the caller. */
bool tc_chunk_head(const uint8_t *chunk, size_t size, struct tc_chunk *ret);

#endif
