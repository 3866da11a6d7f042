/* SPDX-License-Identifier: Apache-2.0
 * Threads that stand still in a handler of ours while a dump is made. It keeps what it has
 * interrupted, so the dump has all registers of such a thread. Before a fatal signal ends the
 * process all threads stand still: they would go on serving with a heap that may be broken. For
 * other dumps only threads that run do, until the turn is given back: that is when memory is
 * captured; for a fatal signal that a handler of the program gets, when the file is made. A thread
 * that sleeps is left alone, because a signal would end sleeps that SA_RESTART does not restart
 * (signal(7)). Safe in a handler. */
#ifndef TC_HOOK_STILL_H
#define TC_HOOK_STILL_H

#include <stdbool.h>
#include <stdint.h>

struct tc_arch_context;
struct tc_hook_dump;
struct tc_hook_still;

/* Begin: nobody stands still yet. To be called by whoever has the turn, or has set
 * process->crashing. */
void tc_hook_still_begin(void);
/* Send the private signal to all threads of dump->threads but this one, and wait until they stand
 * still, for 20 ms at most: a thread that blocks the signal never does. */
void tc_hook_still_all(const struct tc_hook_dump *dump);
/* The same for one thread, by its id in our own pid namespace. True: it stands still. */
bool tc_hook_still_one(const struct tc_hook_dump *dump, uint32_t tid);
/* The same for those that run, as far as their states are known, for 2 ms at most. Those that block
 * the signal get TC_THREAD_BLOCKS, and none is sent to them. */
void tc_hook_still_running(const struct tc_hook_dump *dump);
/* In the handler of such a thread: stand still until the dump lets it go, but not much longer than
 * that may take. context: what the handler has interrupted. Returns at once where no dump is
 * made. */
void tc_hook_stand_still(const struct tc_arch_context *context);
/* The thread tid (in our own pid namespace), if it stands still; else NULL. In a child that has a
 * copy of our memory it is that of the copy. */
const struct tc_hook_still *tc_hook_still_of(uint32_t tid);

#endif
