/* SPDX-License-Identifier: Apache-2.0
 * Contexts: the context variables of tasks. Safe in a handler. */
#ifndef TC_WALK_CONTEXT_H
#define TC_WALK_CONTEXT_H

#include <stdint.h>

#include "lib/walk/walk_value.h"

#define TC_CONTEXT_MAX 64u

#define TC_CONTEXT_CACHE 4096u
struct tc_context_cache {
	tc_addr root;
	uint64_t id;
};

/* The variables of one context while it is read. */
struct tc_context_scratch {
	uint32_t n;
	uint32_t names[TC_CONTEXT_MAX];
	struct tc_walk_value values[TC_CONTEXT_MAX];
};

struct tc_walk_contexts {
	/* TC_CONTEXT_CACHE: the contexts met last, by the root of their tree */
	struct tc_context_cache *known;
	struct tc_context_scratch *scratch;
};

struct tc_walker;

/* The identifier of the context object at context; 0: empty, or unknown. */
uint32_t tc_walker_context(struct tc_walker *w, tc_addr context);

#endif
