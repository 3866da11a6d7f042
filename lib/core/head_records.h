/* SPDX-License-Identifier: Apache-2.0
 * Part of the writer of the dump file: the records of the process itself. Safe in a handler. */
#ifndef TC_HEAD_RECORDS_H
#define TC_HEAD_RECORDS_H

#include "lib/core/core.h"

/* Make the head chunk: core->head_chunk is valid until the next record begins. Threads and modules
 * that do not fit into one chunk are written by tc_core_more_head_records, as records of the tail:
 * 0 or -TC_EWRITE. */
void tc_core_head_records(struct tc_core *core, const struct tc_process *process);
int tc_core_more_head_records(struct tc_core *core);

#endif
