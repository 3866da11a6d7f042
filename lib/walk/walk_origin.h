/* SPDX-License-Identifier: Apache-2.0
 * Whose code, module or class it is: the program's, a package's, or the standard library's. Safe in
 * a handler. */
#ifndef TC_WALK_ORIGIN_H
#define TC_WALK_ORIGIN_H

#include <stdbool.h>

#include "lib/mem/mem.h"
#include "lib/walk/walk_type.h"

struct tc_heap_space;
struct tc_walker;

enum tc_origin { TC_ORIGIN_PROGRAM = 1, TC_ORIGIN_PACKAGE, TC_ORIGIN_LIBRARY };

/* Find where the standard library is, the folder of asyncio, into w->heap.library. False: it is not
 * known; then nothing else here may be called. */
bool tc_walker_find_library(struct tc_walker *w);
/* Whose code a file has, by its path. This one may be called without the library too: then only
 * frozen modules are the library's. */
enum tc_origin tc_walker_origin_of_path(const struct tc_walker *w, const char *path);
enum tc_origin tc_walker_origin_of(struct tc_walker *w, tc_addr code);
/* Set the fields of a module or class that say whose it is. */
void tc_walker_find_origin(struct tc_walker *w, struct tc_heap_space *space);
/* Where the class has a foreign base, mark all classes of its MRO, whose functions that may call.
 * */
void tc_walker_mark_foreign(struct tc_walker *w, const struct tc_heap_space *class);
/* Is this code of the program itself, neither of a package nor of the standard library? */
bool tc_walker_heap_is_program(struct tc_walker *w, tc_addr code);
/* The kind of the type at this address, kept for the next call. */
enum tc_kind tc_walker_heap_kind(struct tc_walker *w, tc_addr type);
/* Is it a module or class of the program, or of its packages, which may have what tasks wait for?
 * */
bool tc_walker_heap_is_own_space(struct tc_walker *w, const struct tc_heap_space *space,
				 bool packages);
/* Do the functions of this class, and of all that it is derived from but object, belong to the
 * program or its packages alone? Then only code that names an attribute of an instance can use it.
 * False also where that is not known. */
bool tc_walker_heap_is_own_class(struct tc_walker *w, tc_addr type);

#endif
