/* SPDX-License-Identifier: Apache-2.0
 * The third reader: our own memory, frozen. In a snapshot (a cloned child) or in place, in the
 * handler itself. May run in a signal handler. */
#ifndef TC_MEM_SELF_H
#define TC_MEM_SELF_H

#include "lib/mem/mem.h"

/* Make *mem read our own memory. SIGSEGV and SIGBUS must lead to tc_arch_fix while it is used.
 * snapshot: nobody else can change the address space, so a page that was read once is read without
 * a guard from then on. */
void tc_mem_self_init(struct tc_mem *mem, bool snapshot);

#endif
