/* SPDX-License-Identifier: Apache-2.0
 * Part of the writer of the dump file: the bytes of stacks, which lib/process/stacks.h chooses.
 * Safe in a handler. */
#ifndef TC_CORE_STACKS_H
#define TC_CORE_STACKS_H

#include "lib/core/core.h"

/* Add the pages of all stacks to core->pages, as far as there is
 * room; how many there are at most. */
void tc_core_add_stacks(struct tc_core *core);
size_t tc_core_count_stacks(const struct tc_mem *mem);
/* Copy the page at addr to *to, zeros if it cannot be read. */
void tc_core_read_page(struct tc_core *core, tc_addr addr, uint8_t *to);

#endif
