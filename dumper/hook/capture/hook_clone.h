/* SPDX-License-Identifier: Apache-2.0
 * How long a clone of the process takes. Safe in a handler. */
#ifndef TC_HOOK_CLONE_H
#define TC_HOOK_CLONE_H

#include <stdbool.h>
#include <stdint.h>

struct tc_hook_dump;
struct tc_hook_memory;

/* Estimate how long a clone of this process takes, in ns. The estimate is exact only where that
 * decides whether a clone may be made. */
uint64_t tc_hook_clone_ns(struct tc_hook_dump *dump, const struct tc_hook_memory *memory);
/* The next private and writable mapping in the text of a maps file from *at to end: a clone copies
 * the page tables of these. *at moves behind it. False: there are no more. */
bool tc_hook_next_private(const char **at, const char *end, uint64_t *ret_start,
			  uint64_t *ret_size);
/* The time that is left of TASKCORE_PAUSE_MS, in ns. */
uint64_t tc_hook_pause_left(const struct tc_hook_dump *dump);

#endif
