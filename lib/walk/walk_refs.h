/* SPDX-License-Identifier: Apache-2.0
 * Who refers to the objects that tasks wait for: suspended frames, and what these refer to. With
 * the objects' own counts this tells whether anybody else may know them (TC_REC_REFS of
 * docs/format.md). Safe in a handler. */
#ifndef TC_WALK_REFS_H
#define TC_WALK_REFS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/intern.h"
#include "lib/mem/mem.h"

/* Of one interpreter; beyond these nothing is recorded. */
#define TC_REFS_NODES 131072u
#define TC_REFS_EDGES 524288u
#define TC_REFS_ENDED_MAX 1024u
#define TC_REFS_KEYS 65535u /* names of attributes */
#define TC_REFS_DEPTH 12u   /* references that are followed from a frame */

struct tc_walk_type;

/* A frame, or an object. */
struct tc_refs_node {
	tc_addr addr;			 /* of an object; of a frame that of its first slot */
	tc_addr owner;			 /* the task whose frame it is */
	const struct tc_walk_type *type; /* NULL: a frame */
	tc_addr code;			 /* of a frame that is suspended at lasti; 0: none */
	int64_t lasti;
	uint32_t references; /* its own count */
	uint32_t first, n;   /* of its edges */
	uint8_t flags;	     /* enum tc_refs_flag */
	uint8_t depth;
	bool wanted; /* it leads to an object that a task waits for, or is one */
};

struct tc_walk_refs {
	struct tc_hash index;	    /* address → number of the node + 1 */
	struct tc_hash targets;	    /* addresses of what tasks wait for */
	struct tc_refs_node *nodes; /* TC_REFS_NODES; NULL: there was no room */
	struct tc_hash key_numbers; /* address of the name of an attribute → number + 1 */
	struct tc_hash
		named; /* addresses of dicts whose values only code uses that names the key */
	tc_addr *keys; /* TC_REFS_KEYS: the names of attributes */
	/* TC_REFS_EDGES: addresses, later numbers of nodes + 1. The upper 16 bits: of a frame, the
	 * number of the word + 1; of a node that is TC_REFS_NAMED, that of the key + 1; 0: it has
	 * more */
	uint64_t *edges;
	tc_addr *ended; /* TC_REFS_ENDED_MAX: tasks that have ended */
	uint32_t n_nodes, n_edges, n_ended, n_keys;
	tc_addr dealloc; /* tp_dealloc of classes of Python; 0: not known yet */
	/* The address that could not be read last: two small numbers side by side look the same in
	 * each task, and each try costs a fault. */
	tc_addr unreadable;
	bool full;	 /* a bound was reached */
};

struct tc_walker;

/* Another interpreter begins. */
void tc_walker_refs_begin(struct tc_walker *w);
/* Note the frames of the present chain, which is that of a suspended task (walk_sole.h has them),
 * and what the innermost frames of libraries refer to (walk_locals.h) as objects to be found. */
void tc_walker_refs_task(struct tc_walker *w, tc_addr task);
/* Note a task that has failed or was cancelled: frames of its traceback may have references. */
void tc_walker_refs_ended(struct tc_walker *w, tc_addr task);
/* Follow the references, and write the records: behind all tasks. */
void tc_walker_refs(struct tc_walker *w);

#endif
