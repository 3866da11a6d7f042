/* SPDX-License-Identifier: Apache-2.0
 * Part of the writer of the dump file: the records about the process, its modules and its threads.
 * Safe in a handler. */
#ifndef TC_HEAD_RECORDS_H
#define TC_HEAD_RECORDS_H

#include "lib/core/core.h"

/* tc_core_head_records makes the head chunk: core->head_chunk and head_size are valid until the
 * next record begins. Modules and threads that do not fit into this one chunk are written by
 * tc_core_more_head_records to the tail: 0 or -TC_EWRITE. */
void tc_core_head_records(struct tc_core *core, const struct tc_maps *maps,
			  const struct tc_process *process);
int tc_core_more_head_records(struct tc_core *core);

#endif
