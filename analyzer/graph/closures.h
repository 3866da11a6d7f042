/* SPDX-License-Identifier: Apache-2.0
 * Functions that keep in their closures what a wait is for: rows of the knowledge with "callback".
 * asyncio.as_completed up to Python 3.12 is one. */
#ifndef TC_CLOSURES_H
#define TC_CLOSURES_H

#include "analyzer/dump/model.h"
#include "analyzer/knowledge/know.h"

struct tc_closure {
	uint64_t object; /* the object of the wait */
	const struct tc_known *known;
	const struct tc_object *members;
};

struct tc_closures {
	struct tc_closure *all; /* ascending object */
	size_t n, room;
};

/* Find them among the objects of the model, which must outlive them as the knowledge must. */
void tc_closures_init(struct tc_closures *closures, const struct tc_model *model,
		      const struct tc_knowledge *knowledge);
void tc_closures_deinit(struct tc_closures *closures);

/* The collection of those that a wait of this row for the object at addr is for; NULL: unknown. */
const struct tc_object *tc_closures_members(const struct tc_closures *closures,
					    const struct tc_known *known, uint64_t addr);

#endif
