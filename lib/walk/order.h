/* SPDX-License-Identifier: Apache-2.0
 * Puts addresses in an order in which memory answers fast: those of one page side by side. */
#ifndef TC_ORDER_H
#define TC_ORDER_H

#include "lib/base/arena.h"
#include "lib/mem/mem.h"

/* The n addresses at addrs, ascending as to their pages: in the same array or in one from the arena;
 * where that is full, as they were. Safe in a handler. */
tc_addr *tc_order_by_page(tc_addr *addrs, size_t n, struct tc_arena *arena);

#endif
