/* SPDX-License-Identifier: Apache-2.0
 * Proves that the chains of a running target existed as they were read. Safe in a handler. */
#ifndef TC_WALK_SETTLE_H
#define TC_WALK_SETTLE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/mem/mem.h"

struct tc_walker;

/* Did the target run, or may it have run, since the walk began? */
bool tc_walker_moves(struct tc_walker *w);
/* For each of the n tasks (0: none) that is not whole yet: try to get its chain into the reader's
 * cache as it was at one moment, and set whole[i] if that is proven. first: the cache is tried as
 * it is; later rounds read what did not hold again. The number of tasks that are still not whole.
 * Tasks that became whole must be walked before the next round, which changes the cache. */
size_t tc_walker_settle(struct tc_walker *w, const tc_addr *tasks, size_t n, bool first,
			bool *whole);

#endif
