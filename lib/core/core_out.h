/* SPDX-License-Identifier: Apache-2.0
 * Part of the writer of the dump file: where its bytes go. Safe in a handler. */
#ifndef TC_CORE_OUT_H
#define TC_CORE_OUT_H

#include "lib/core/core.h"

#define TC_CORE_OUT_SIZE (64u << 10) /* of core->out */

/* Add size bytes to the file; write out what is buffered; add zeros up to the offset `to`. 0 or
 * -TC_EWRITE (core->sys has the errno). */
int tc_core_put(struct tc_core *core, const void *data, size_t size);
int tc_core_flush(struct tc_core *core);
int tc_core_pad(struct tc_core *core, uint64_t to);

/* size rounded up to a multiple of 4, as owners and descriptors of notes are padded (elf(5)). */
static inline size_t tc_core_pad4(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

/* Add a whole note with the descriptor of size bytes at desc. Or add only its header and owner:
 * then the caller adds the descriptor and its padding. 0 or -TC_EWRITE. */
int tc_core_note(struct tc_core *core, const char *owner, uint32_t type, const void *desc,
		 size_t size);
int tc_core_note_head(struct tc_core *core, const char *owner, uint32_t type, size_t size);

#endif
