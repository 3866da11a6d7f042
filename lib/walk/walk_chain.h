/* SPDX-License-Identifier: Apache-2.0
 * The await chain of a task. Safe in a handler. */
#ifndef TC_WALK_CHAIN_H
#define TC_WALK_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/walk/walk_code.h"
#include "lib/walk/walk_type.h"

#define TC_LINK_CACHE 256u

/* A link of a chain that was met lately: the results of tc_walker_code, tc_walker_site and
 * tc_walker_link. */
struct tc_link_cache {
	const struct tc_walk_code *code; /* NULL: free */
	tc_addr addr;
	int64_t lasti;
	tc_addr qualname;
	uint32_t parent, id;
	bool awaits;
};

struct tc_walk_chain {
	uint32_t id;  /* of the innermost link; 0: no link */
	tc_addr leaf; /* the object that the chain ends in; 0: none */
	const struct tc_walk_type *leaf_type;
	uint32_t tid; /* of the thread that runs it; 0: unknown, or it is not running */
	bool running, not_started, torn, cut;
	bool by_iterator; /* the leaf is a future, reached by the iterator that it gives */
	bool nested; /* it is running, but its thread runs another task or loop inside it */
};

struct tc_walker;

/* Walk the await chain of the coroutine at coro. */
void tc_walker_chain(struct tc_walker *w, tc_addr coro, struct tc_walk_chain *ret);

#endif
