/* SPDX-License-Identifier: Apache-2.0
 * Types: what the walker knows of a type object. Each is written to the dump when it is met first.
 * Safe in a handler. */
#ifndef TC_WALK_TYPE_H
#define TC_WALK_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/intern.h"
#include "lib/python/pyobj.h"

/* The kinds of types that the walker tells apart: by the type's flags, name or bases
 * (walk_type.c). */
enum tc_kind {
	TC_KIND_OTHER,
	TC_KIND_NONE,
	TC_KIND_BOOL,
	TC_KIND_INT,
	TC_KIND_FLOAT,
	TC_KIND_STR,
	TC_KIND_BYTES,
	TC_KIND_LIST,
	TC_KIND_TUPLE,
	TC_KIND_SET,
	TC_KIND_DEQUE,
	TC_KIND_DICT,
	TC_KIND_CORO,
	TC_KIND_GENERATOR,
	TC_KIND_ASYNCGEN,
	TC_KIND_GEN_PROXY,   /* async_generator_asend and _athrow: the generator is at offset 16 */
	TC_KIND_WRAPPER,     /* coroutine_wrapper, anext_awaitable: what it wraps is at offset 16 */
	TC_KIND_FUTURE_ITER, /* _asyncio.FutureIter: the future is at offset 16 */
	TC_KIND_FUTURE,
	TC_KIND_TASK,
	TC_KIND_PY_FUTURE,
	TC_KIND_PY_TASK,
	TC_KIND_FUNCTION,
	TC_KIND_METHOD,
	TC_KIND_BUILTIN,
	TC_KIND_METHOD_DESCRIPTOR,
	TC_KIND_PARTIAL,
	TC_KIND_CELL,
	TC_KIND_TASK_WAKEUP,
	TC_KIND_CODE,
	TC_KIND_TRACEBACK,
	TC_KIND_FRAME,
	TC_KIND_GREENLET, /* only while a type is looked up: struct tc_walk_type says it */
	TC_KIND_WEAKREF,
	TC_KIND_LOCK, /* of threading: a Lock or an RLock */
	TC_KIND_TYPE,
	TC_KIND_MODULE,
	TC_KIND_CONTEXTVAR,
	TC_KIND_PROPERTY,    /* its functions are at offsets 16, 24 and 32 */
	TC_KIND_METHOD_WRAP, /* staticmethod, classmethod: the function is at offset 16 */
	/* getset_descriptor, member_descriptor: its class is at offset 16 */
	TC_KIND_GETTER, /* attrgetter: a tuple of names is at offset 24; methodcaller: one at 16 */
	TC_KIND_SLOT_DESCRIPTOR,
	TC_KIND_HAMT_BITMAP,
	TC_KIND_HAMT_ARRAY,
	TC_KIND_HAMT_COLLISION,
	TC_KIND_CYTHON_WRAPPER,
	TC_KIND_CYTHON_CORO,
	TC_KIND_NUITKA_CORO, /* and its generators, which begin like its coroutines */
};

struct tc_walk_type {
	tc_addr addr;
	struct tc_type_facts facts;
	enum tc_kind kind;
	uint32_t id; /* in the dump */
	/* greenlet.greenlet, or derived from it. Its kind is TC_KIND_OTHER, because its instances
	 * are recorded as those of any class. */
	bool greenlet;
};

#define TC_TYPE_CACHE 2048u

struct tc_walk_types {
	struct tc_hash known;
	/* a cache in front of it: the types met last */
	const struct tc_walk_type *front[TC_TYPE_CACHE];
};

struct tc_walker;

/* The type object at type, and the type of the object at object; NULL: there is none, or the arena
 * is full. tc_walker_type of walker.h asks the cache first. */
const struct tc_walk_type *tc_walker_look_up_type(struct tc_walker *w, tc_addr type);
const struct tc_walk_type *tc_walker_type_of(struct tc_walker *w, tc_addr object);

/* The kind of the type at this address, by its name and flags alone, and without a record of it. */
enum tc_kind tc_walker_kind(struct tc_walker *w, tc_addr type);

bool tc_kind_is_task(enum tc_kind kind);
bool tc_kind_is_future(enum tc_kind kind); /* tasks are futures too */

#endif
