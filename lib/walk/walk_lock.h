/* SPDX-License-Identifier: Apache-2.0
 * The lock of threading that a thread waits for. Safe in a handler. */
#ifndef TC_WALK_LOCK_H
#define TC_WALK_LOCK_H

#include "lib/mem/mem.h"
#include "lib/python/pyframe.h"

struct tc_walker;

/* The lock or RLock for which a thread waits that sleeps in a futex, os being what the kernel says
 * of it and frame its innermost frame; 0: none, or unknown. */
tc_addr tc_walker_lock_waited(struct tc_walker *w, const struct tc_os_thread *os,
			      const struct tc_frame_view *frame);

#endif
