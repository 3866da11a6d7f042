/* SPDX-License-Identifier: Apache-2.0
 * The lists of the garbage collector: every object that may be part of a ring is on one of them.
 * Safe in a handler. Source: Include/internal/pycore_gc.h, Modules/gcmodule.c (3.8 to 3.12) and
 * Python/gc.c (3.13+). */
#ifndef TC_PYGC_H
#define TC_PYGC_H

#include "lib/python/pyobj.h"

/* Three generations (from 3.14 on: young, and two old spaces), and what gc.freeze() put aside. */
#define TC_GC_LISTS 4u

/* Iterates over all of them. The fields are for pygc.c. */
struct tc_gc {
	const struct tc_py *py;
	tc_addr heads[TC_GC_LISTS];
	unsigned list;
	tc_addr at, before;
};

/* Is a collection under way? Up to 3.8 it is one of the whole runtime. Also true where that cannot
 * be read. */
bool tc_gc_is_collecting(const struct tc_py *py, tc_addr runtime, tc_addr interp);

/* Begin with the lists of the interpreter at interp; up to 3.8 they are the runtime's. 0;
 * -TC_EPROBE: the lists are not where the layout says; -TC_ETORN: a collection is under way, and
 * the lists are not whole. */
int tc_gc_open(const struct tc_py *py, tc_addr runtime, tc_addr interp, struct tc_gc *ret);

/* The next object: *ret gets its address, head its count of references and its type. 1; 0: the end;
 * negative: it cannot be read, or the list was changed on the way. */
int tc_gc_next(struct tc_gc *gc, tc_addr *ret, uint64_t head[2]);

#endif
