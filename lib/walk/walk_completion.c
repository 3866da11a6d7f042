/* SPDX-License-Identifier: Apache-2.0
 * What asyncio.as_completed waits for, up to Python 3.12 (Lib/asyncio/tasks.py): it keeps that in
 * variables of the function _on_completion, which is a callback of each task that is not finished.
 * Its coroutine, _wait_for_one, does not lead there; so once that was met, the callbacks of all
 * tasks are looked at. */
#include "lib/walk/walk_completion.h"

#include "lib/walk/walk_object.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

enum { FUT_CALLBACK0 = 24, FUT_CALLBACKS = 40, CALLBACKS_MAX = 16, DEPTH = 2 };

static void look_at(struct tc_walker *w, tc_addr callback)
{
	const struct tc_walk_type *type;
	tc_addr qualname;

	/* Mostly it is the same as that of the task before. */
	if (!callback || callback == w->completions.last)
		return;
	type = tc_walker_type_of(w, callback);
	if (!type || type->kind != TC_KIND_FUNCTION ||
	    tc_get(w->mem, callback + w->py.at.func_qualname, &qualname) < 0 ||
	    !tc_str_is(&w->py, qualname, "as_completed.<locals>._on_completion"))
		return;
	w->completions.last = callback;
	tc_walker_want(w, callback, DEPTH);
	tc_walker_objects(w);
}

/* A list of tuples (callback, context). */
static void look_at_list(struct tc_walker *w, tc_addr list)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, list);
	struct tc_seq seq;
	tc_addr item, callback;

	if (!type || type->kind != TC_KIND_LIST || tc_seq_open(&w->py, list, TC_SEQ_LIST, &seq) < 0)
		return;
	for (int i = 0; i < CALLBACKS_MAX && tc_seq_next(&seq, &item) > 0; i++)
		if (tc_get(w->mem, item + w->py.at.tuple_item, &callback) == 0)
			look_at(w, callback);
}

void tc_walker_completion(struct tc_walker *w, tc_addr task)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, task);
	tc_addr callback, list;

	if (type && type->kind == TC_KIND_TASK) {
		if (tc_get(w->mem, task + FUT_CALLBACK0, &callback) == 0)
			look_at(w, callback);
		if (tc_get(w->mem, task + FUT_CALLBACKS, &list) == 0 && list)
			look_at_list(w, list);
	} else if (type && type->kind == TC_KIND_PY_TASK &&
		   tc_attr_get(&w->py, task, "_callbacks", &list) == 0) {
		look_at_list(w, list);
	}
}
