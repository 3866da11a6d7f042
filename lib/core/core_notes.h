/* SPDX-License-Identifier: Apache-2.0
 * Parts of the writer of the dump file, between core.c, core_notes.c and core_pages.c only: the
 * notes of the head. Safe in a handler. */
#ifndef TC_CORE_NOTES_H
#define TC_CORE_NOTES_H

#include "lib/core/core.h"

/* Put size bytes at the end of the file; flush: write what waits; pad: zeros up to the offset. 0 or
 * -TC_EWRITE. */
int tc_core_put(struct tc_core *core, const void *data, size_t size);
int tc_core_flush(struct tc_core *core);
int tc_core_pad(struct tc_core *core, uint64_t to);

/* Put one whole note. 0 or -TC_EWRITE. */
int tc_core_note(struct tc_core *core, const char *owner, uint32_t type, const void *desc,
		 size_t size);

/* Make the head chunk: core->head_chunk is valid until the next record begins. Threads and modules
 * that do not fit into one chunk are written by tc_core_more_head_records, as records of the tail:
 * 0 or -TC_EWRITE. */
void tc_core_head_records(struct tc_core *core, const struct tc_process *process);
int tc_core_more_head_records(struct tc_core *core);

/* All notes of the head: their size in bytes, and the notes. */
uint64_t tc_core_head_notes_size(const struct tc_core *core, const struct tc_maps *maps,
				 const struct tc_process *process);
int tc_core_put_head_notes(struct tc_core *core, const struct tc_maps *maps,
			   const struct tc_process *process);

#endif
