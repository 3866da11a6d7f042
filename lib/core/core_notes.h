/* SPDX-License-Identifier: Apache-2.0
 * Part of the writer of the dump file: the notes of the head, for gdb and eu-stack. Safe in a
 * handler. */
#ifndef TC_CORE_NOTES_H
#define TC_CORE_NOTES_H

#include "lib/core/core.h"

/* The size of all head notes in bytes; then the notes themselves: 0 or -TC_EWRITE. maps may be
 * NULL. */
uint64_t tc_core_head_notes_size(const struct tc_core *core, const struct tc_maps *maps,
				 const struct tc_process *process);
int tc_core_put_head_notes(struct tc_core *core, const struct tc_maps *maps,
			   const struct tc_process *process);

#endif
