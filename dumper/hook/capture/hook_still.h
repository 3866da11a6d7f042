/* SPDX-License-Identifier: Apache-2.0
 * While a fatal signal is dumped that will end the process, its other threads stand still in a
 * handler of ours: they would go on serving with a heap that may be broken. Safe in a handler. */
#ifndef TC_HOOK_STILL_H
#define TC_HOOK_STILL_H

#include <stdint.h>

struct tc_arch_context;
struct tc_hook_dump;

/* Begin: nobody stands still yet. To be called by the thread that sets process->crashing, before it
 * calls tc_hook_still_all. */
void tc_hook_still_begin(void);
/* Send the private signal to all threads of dump->threads but this one, and wait until they stand
 * still, for 20 ms at most: a thread that blocks the signal never does. */
void tc_hook_still_all(const struct tc_hook_dump *dump);
/* In the handler of such a thread: stand still until process->crashing changes, for as long as the
 * dump may take. context: what the handler has interrupted. Returns at once where no fatal signal
 * is dumped. */
void tc_hook_stand_still(const struct tc_arch_context *context);
/* What the handler of thread tid (in our own pid namespace) has interrupted; NULL: it does not
 * stand still. In a child the context is that of the copy. */
const struct tc_arch_context *tc_hook_still_context(uint32_t tid);

#endif
