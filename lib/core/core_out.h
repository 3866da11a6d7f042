/* SPDX-License-Identifier: Apache-2.0
 * Part of the writer of the dump file: where its bytes go. Safe in a handler. */
#ifndef TC_CORE_OUT_H
#define TC_CORE_OUT_H

#include "lib/core/core.h"

#define TC_CORE_OUT_SIZE (64u << 10) /* of core->out */

/* Put size bytes at the end of the file; flush: write what waits; pad: zeros up to the offset. 0 or
 * -TC_EWRITE. */
int tc_core_put(struct tc_core *core, const void *data, size_t size);
int tc_core_flush(struct tc_core *core);
int tc_core_pad(struct tc_core *core, uint64_t to);

/* Owners and descriptors of notes are padded to a multiple of 4 (elf(5)). */
static inline size_t tc_core_pad4(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

/* Put one whole note; or its header and owner, after which the caller puts the descriptor of size bytes and
 * its padding. 0 or -TC_EWRITE. */
int tc_core_note(struct tc_core *core, const char *owner, uint32_t type, const void *desc,
		 size_t size);
int tc_core_note_head(struct tc_core *core, const char *owner, uint32_t type, size_t size);

#endif
