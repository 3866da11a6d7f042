/* SPDX-License-Identifier: Apache-2.0
 * Where the thread that got a fatal signal was, in a few words for whoever lists dumps. Safe in a
 * handler. */
#ifndef TC_WALK_CRASH_H
#define TC_WALK_CRASH_H

struct tc_walk_thread;
struct tc_walker;

/* If this is the thread of options->crashed_tid, note its task and the place where it was, in the
 * result of the walk. */
void tc_walker_crash(struct tc_walker *w, const struct tc_walk_thread *thread);

#endif
