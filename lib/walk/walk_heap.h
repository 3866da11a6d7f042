/* SPDX-License-Identifier: Apache-2.0
 * One look at all objects that the garbage collector knows: the functions of the program, its
 * modules and classes, and the code that somebody may still run though no name leads to it. Safe in
 * a handler. */
#ifndef TC_WALK_HEAP_H
#define TC_WALK_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/intern.h"
#include "lib/mem/mem.h"
#include "lib/walk/walk_type.h"

/* Of one interpreter; beyond these the heap does not count as seen. */
#define TC_HEAP_OBJECTS 8000000u
#define TC_HEAP_FUNCTIONS 65536u
#define TC_HEAP_SPACES 32768u
#define TC_HEAP_KEYS 131072u

/* A function that is not of the standard library, or a code that runs without one. */
struct tc_heap_function {
	tc_addr addr, code;
	/* references to it that are neither names in modules and classes nor frames: somebody may
	 * call it without naming it */
	int32_t unknown;
	uint32_t flags;	    /* enum tc_function_flag */
	uint32_t first_key; /* of its keys, + 1; 0: none */
};

/* A name under which a module or class has a function or class. */
struct tc_heap_key {
	tc_addr str;
	uint32_t next; /* of the same function or class, + 1; 0: none */
};

/* A module or class. */
struct tc_heap_space {
	tc_addr addr, dict;
	bool module;
	/* of a class: references to it that are neither names nor its own, its instances' and those
	 * of classes derived from it: somebody may call it without naming it */
	int32_t unknown;
	uint32_t first_key; /* of a class: of its keys, + 1; 0: none */
	bool foreign;	    /* a class of C or the standard library may call its functions */
	bool wraps;	    /* it has a class method, which may call the class */
	bool library;	    /* of the standard library, or of C */
	bool package;	    /* of a package in site-packages */
};

#define TC_HEAP_COUNT 8 /* bits */
#define TC_HEAP_GETTERS 256u

struct tc_walk_heap {
	struct tc_hash index; /* address of a function, or of a code without one → number + 1 */
	struct tc_hash files; /* address of a file's name → 1: of the standard library, 2: not */
	struct tc_hash
		kinds; /* address of a type → its kind + 1; above TC_HEAP_COUNT its instances */
	struct tc_hash classes;	      /* address of a class → number of its space + 1 */
	struct tc_hash cells;	      /* address of a class → how many cells have it */
	struct tc_hash library_names; /* addresses of names that the standard library's code uses */
	struct tc_hash foreign;	      /* address of a class → enum tc_heap_class */
	struct tc_heap_function *functions; /* TC_HEAP_FUNCTIONS; NULL: there was no room */
	struct tc_heap_key *keys;	    /* TC_HEAP_KEYS */
	struct tc_heap_space *spaces;	    /* TC_HEAP_SPACES */
	tc_addr getters[TC_HEAP_GETTERS];   /* objects of operator.attrgetter and methodcaller */
	uint32_t n_functions, n_keys, n_spaces, n_getters;
	uint64_t n_objects;
	char library[256]; /* folder of the standard library, with its last slash */
	bool whole;	   /* all was seen */
};

struct tc_walker;

/* Another interpreter begins. */
void tc_walker_heap_begin(struct tc_walker *w);
/* Look at all objects: w->heap. */
void tc_walker_heap(struct tc_walker *w);
#endif
