/* SPDX-License-Identifier: Apache-2.0
 * Object records: the objects that chains end in, and what these refer to. Safe in a handler. */
#ifndef TC_WALK_OBJECT_H
#define TC_WALK_OBJECT_H

#include <stdint.h>

#include "lib/base/seen.h"
#include "lib/walk/walk_value.h"

struct tc_object_todo {
	tc_addr addr;
	uint8_t depth;
};
#define TC_TODO_MAX 16384u
#define TC_LEAF_DEPTH 3	 /* how many references are followed from the object that a chain ends in */
#define TC_ATTRS_MAX 64u /* of one object */

struct tc_walk_objects {
	struct tc_seen seen;	     /* those that have a record, or will */
	struct tc_object_todo *todo; /* TC_TODO_MAX: a ring of n, the next one at first */
	uint32_t first, n;
	struct tc_walk_value *attrs, *items; /* scratch, TC_ATTRS_MAX and TC_ITEMS_MAX */
	/* strings: names of attributes that mean something; the values of "_state", by enum
	 * tc_task_state */
	uint32_t state_name, inner_name, source_name, transport_name, tls_name, gen_name,
		callbacks_name;
	uint32_t states[3];
};

struct tc_walker;

/* Write the strings that objects are compared with. Before all others. */
void tc_walker_object_names(struct tc_walker *w);
/* Note an object for a record of its own, and what it refers to, depth references far; then write
 * the records of all noted objects. */
void tc_walker_want(struct tc_walker *w, tc_addr object, unsigned depth);
void tc_walker_objects(struct tc_walker *w);

#endif
