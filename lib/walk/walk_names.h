/* SPDX-License-Identifier: Apache-2.0
 * The names that code uses: whoever calls a function or uses an attribute names it. Written are
 * those alone that a function has, that something is kept as which tasks wait for, and some of the
 * standard library. Safe in a handler. */
#ifndef TC_WALK_NAMES_H
#define TC_WALK_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/intern.h"
#include "lib/mem/mem.h"

#define TC_NAMES_READ 4096u /* of one code and those in it */

struct tc_walk_names {
	struct tc_hash wanted; /* hashes of the texts of names that are written */
	struct tc_hash known;  /* address of a name → its string + 2; 1: it is not written */
	struct tc_hash loaded; /* address of a module's name → 2: it is loaded, 1: not */
	/* of the last tc_walker_names_read: by their number in the code; then those of codes in it
	 * */
	uint32_t *ids; /* TC_NAMES_READ; NULL: there was no room */
	uint32_t n_own, n;
	uint32_t n_before; /* while names are read: those of other codes */
	bool cut;	   /* there were more */
};

struct tc_walker;

/* Another interpreter begins. */
void tc_walker_names_begin(struct tc_walker *w);
/* Take memory, and ask for the names that always count; before any is read. False: the heap was not
 * seen whole, or there is no room. */
bool tc_walker_names_prepare(struct tc_walker *w);
/* This name, a str, is to be written; before any is read. */
void tc_walker_names_want(struct tc_walker *w, tc_addr str);
/* Read the names of the code, and of those in it: w->names. None, where the heap was not seen
 * whole. */
void tc_walker_names_read(struct tc_walker *w, tc_addr code);
/* The same for the attributes that an attrgetter or methodcaller gets. */
void tc_walker_names_of_getter(struct tc_walker *w, tc_addr getter);
/* Put what was read into the present record: the number of its own names, each as a string or 0;
 * then the same for the codes in it. */
void tc_walker_names_put(struct tc_walker *w);
#endif
