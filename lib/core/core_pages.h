/* SPDX-License-Identifier: Apache-2.0
 * Part of the writer of the dump file, for core.c only: which pages of the target foreign tools
 * need. */
#ifndef TC_CORE_PAGES_H
#define TC_CORE_PAGES_H

#include "lib/core/core.h"

/* Fill core->pages with the readable ones of: the link map and its names, the executable's dynamic
 * section, the first page of each module, the vdso; ascending, each once, at most core->max_pages.
 * Safe in a handler. */
void tc_core_find_pages(struct tc_core *core, const struct tc_process *process);

#endif
