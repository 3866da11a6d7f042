/* SPDX-License-Identifier: Apache-2.0
 * How a task failed. Safe in a handler. */
#ifndef TC_WALK_EXCEPTION_H
#define TC_WALK_EXCEPTION_H

#include <stdint.h>

#include "lib/mem/mem.h"

struct tc_walker;

/* The traceback of an exception as a chain, outermost frame first; 0: unknown. */
uint32_t tc_walker_traceback(struct tc_walker *w, tc_addr exception);
/* The qualified name of a coroutine, finished or not, as a string; 0: unknown. */
uint32_t tc_walker_coroutine(struct tc_walker *w, tc_addr coro);

#endif
