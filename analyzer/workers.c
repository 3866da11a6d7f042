/* SPDX-License-Identifier: Apache-2.0
 * Work items on the stacks of threads (Lib/concurrent/futures/thread.py: _WorkItem.run, whose self
 * has the attribute future, in 3.8 to 3.15). */
#include "workers.h"

#include <stdlib.h>

#include "array.h"
#include "place.h"
#include "values.h"

/* The function by its qualified name; up to 3.10 codes have the short one only. */
static bool runs_work_item(const struct tc_model *model, const struct tc_place *place)
{
	const struct tc_pycode *code = tc_model_code(model, place->code);

	return tc_text_is(place->function, code->qualname ? "_WorkItem.run" : "run") &&
	       tc_text_ends_in(place->file, "concurrent/futures/thread.py");
}

/* The future of the work item that the frame of this link runs; 0: none. */
static uint64_t future_of(const struct tc_model *model, const struct tc_pythread *thread,
			  uint32_t chain)
{
	const struct tc_chain *at = tc_model_chain(model, chain);
	const struct tc_task locals = tc_thread_locals(thread);
	struct tc_place place;
	struct tc_value value;

	if (at->python == 0 || at->python == UINT16_MAX)
		return 0;
	tc_place_init(&place, model, chain);
	if (!runs_work_item(model, &place) ||
	    !tc_local_find(model, &locals, at->python - 1u, tc_model_code(model, place.code),
			   "self", &value) ||
	    !tc_value_is_ref(&value))
		return 0;
	const struct tc_object *item = tc_model_object_at(model, value.word);
	return item && tc_object_attr(model, item, "future", &value) && tc_value_is_ref(&value) ?
		       value.word :
		       0;
}

static int by_future(const void *a, const void *b)
{
	const struct tc_worker *left = a, *right = b;

	return (left->future > right->future) - (left->future < right->future);
}

void tc_workers_init(struct tc_workers *workers, const struct tc_model *model)
{
	*workers = (struct tc_workers){ 0 };
	for (size_t i = 0; i < model->n_pythreads; i++) {
		const struct tc_pythread *thread = &model->pythreads[i];
		uint64_t future = 0;
		for (uint32_t id = thread->locals ? thread->chain : 0; id && !future;
		     id = model->chains[id].parent)
			future = future_of(model, thread, id);
		if (future)
			*tc_push(workers->items, workers->n_items, workers->items_room) =
				(struct tc_worker){ .future = future, .thread = thread };
	}
	if (workers->n_items)
		qsort(workers->items, workers->n_items, sizeof(*workers->items), by_future);
}

void tc_workers_deinit(struct tc_workers *workers)
{
	free(workers->items);
}

const struct tc_pythread *tc_worker_of(const struct tc_workers *workers, uint64_t addr)
{
	const struct tc_worker key = { .future = addr }, *found = NULL;

	if (workers->n_items)
		found = bsearch(&key, workers->items, workers->n_items, sizeof(key), by_future);
	return found ? found->thread : NULL;
}
