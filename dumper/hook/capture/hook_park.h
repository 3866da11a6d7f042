/* SPDX-License-Identifier: Apache-2.0
 * The holder of the GIL stands still during a walk in place. Safe in a handler. */
#ifndef TC_HOOK_PARK_H
#define TC_HOOK_PARK_H

#include <stdbool.h>
#include <stdint.h>

struct tc_hook_dump;

/* Make the holder of the GIL (its id in our pid namespace) stand still until the turn is given
 * back. True: it does; or it was asleep (dump->in_place.asleep), which must be checked after the
 * walk by tc_hook_was_asleep: true if it slept all the time. */
bool tc_hook_hold(struct tc_hook_dump *dump, uint32_t holder);
bool tc_hook_was_asleep(struct tc_hook_dump *dump);

#endif
