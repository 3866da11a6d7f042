/* SPDX-License-Identifier: Apache-2.0
 * Part of the writer of the dump file: which pages of the target gdb and eu-stack need. Safe in a
 * handler. */
#ifndef TC_CORE_PAGES_H
#define TC_CORE_PAGES_H

#include "lib/core/core.h"

/* Fill core->pages and core->n_pages with the addresses of these pages, as far as they can be read:
 * the link map and its names, the executable's dynamic section, the first page of each module, the
 * vdso; and the stacks. They are ascending, each once, and at most core->max_pages. */
void tc_core_find_pages(struct tc_core *core, const struct tc_process *process);

/* Set core->secret to the arguments and the environment as the kernel has put them on the first
 * thread's stack, behind the AT_RANDOM bytes, from which the canaries of stacks are made
 * (fs/binfmt_elf.c, create_elf_tables). No unwinder needs them. */
void tc_core_find_secret(struct tc_core *core, const struct tc_maps *maps,
			 const struct tc_process *process);

#endif
