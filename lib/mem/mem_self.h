/* SPDX-License-Identifier: Apache-2.0
 * The reader of our own memory, while nothing changes it: in a snapshot (a child made by clone), or
 * in place (in the signal handler itself). May run in a signal handler. */
#ifndef TC_MEM_SELF_H
#define TC_MEM_SELF_H

#include "lib/mem/mem.h"

/* Make *mem read our own memory. While it is used, the handlers of SIGSEGV and SIGBUS must call
 * tc_arch_fix. snapshot: no other thread shares this address space, so a page that could be read
 * once can always be read, and is read without a guard from then on. */
void tc_mem_self_init(struct tc_mem *mem, bool snapshot);

#endif
