/* SPDX-License-Identifier: Apache-2.0
 * Sorts addresses by page, because reading page after page is faster than jumping between pages. */
#ifndef TC_ORDER_H
#define TC_ORDER_H

#include "lib/base/arena.h"
#include "lib/mem/mem.h"

/* Sort the n addresses at addrs by their pages, ascending. The sorted array: addrs itself, or one
 * from the arena; the other one is scratch afterwards. When the arena is full, addrs is returned
 * unsorted. Safe in a handler. */
tc_addr *tc_order_by_page(tc_addr *addrs, size_t n, struct tc_arena *arena);

#endif
