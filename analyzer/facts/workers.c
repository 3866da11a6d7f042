/* SPDX-License-Identifier: Apache-2.0
 * Work items on the stacks of threads (Lib/concurrent/futures/thread.py: _WorkItem.run, whose self
 * has the attribute future, in 3.8 to 3.15). */
#include "analyzer/facts/workers.h"

#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/facts/place.h"
#include "analyzer/facts/thread_view.h"
#include "analyzer/dump/values.h"

/* Functions of threads that work for futures, and the local that leads to the future. */
static const struct job_frame {
	const char *file;     /* end of the path */
	const char *function; /* qualified name; NULL: any */
	const char *local;
	const char *attr; /* of the local that is the future; NULL: the local is it */
} job_frames[] = {
	{ "concurrent/futures/thread.py", "_WorkItem.run", "self", "future" },
	/* Libraries with threads of their own: anyio.to_thread, aiosqlite. */
	{ "anyio/_backends/_asyncio.py", "WorkerThread.run", "future", NULL },
	{ "aiosqlite/core.py", NULL, "future", NULL },
};

/* The function by its qualified name; up to 3.10 codes have the short one only. */
static bool is_function(const struct tc_model *model, const struct tc_place *place,
			const char *qualname)
{
	const char *dot = strrchr(qualname, '.');
	bool qualified = tc_model_code(model, place->code)->qualname;

	return tc_text_is(place->function, qualified || !dot ? qualname : dot + 1);
}

static const struct job_frame *job_frame_of(const struct tc_model *model,
					    const struct tc_place *place)
{
	for (size_t i = 0; i < sizeof(job_frames) / sizeof(*job_frames); i++)
		if (tc_text_ends_in(place->file, job_frames[i].file) &&
		    (!job_frames[i].function ||
		     is_function(model, place, job_frames[i].function)))
			return &job_frames[i];
	return NULL;
}

/* The future that the frame of this link works for; 0: none. */
static uint64_t future_of(const struct tc_model *model, const struct tc_pythread *thread,
			  uint32_t chain, const struct tc_place *place)
{
	const struct job_frame *row = job_frame_of(model, place);
	struct tc_value value;

	if (!row || !tc_thread_local(model, thread, chain, row->local, &value) ||
	    !tc_value_is_ref(&value))
		return 0;
	if (!row->attr)
		return value.word;
	const struct tc_object *item = tc_model_object_at(model, value.word);
	return item && tc_object_attr(model, item, row->attr, &value) && tc_value_is_ref(&value) ?
		       value.word :
		       0;
}

/* Threads that belong to a pool, busy or not. */
static void note_pool(struct tc_workers *workers, const struct tc_model *model,
		      const struct tc_place *place)
{
	if (tc_text_ends_in(place->file, "concurrent/futures/process.py"))
		workers->processes = true;
	else if (tc_text_ends_in(place->file, "concurrent/futures/thread.py") &&
		 is_function(model, place, "_worker"))
		workers->threads = true;
}

static int by_future(const void *a, const void *b)
{
	const struct tc_worker *left = a, *right = b;

	return (left->future > right->future) - (left->future < right->future);
}

static void look_at_thread(struct tc_workers *workers, const struct tc_model *model,
			   const struct tc_pythread *thread)
{
	uint64_t future = 0;

	for (uint32_t id = thread->chain; id; id = model->chains[id].parent) {
		struct tc_place place;
		tc_place_init(&place, model, id);
		if (place.code == 0)
			continue;
		note_pool(workers, model, &place);
		if (thread->locals && !future)
			future = future_of(model, thread, id, &place);
	}
	if (!future)
		return;
	*tc_push(workers->items, workers->n_items, workers->items_room) =
		(struct tc_worker){ .future = future, .thread = thread };
}

void tc_workers_init(struct tc_workers *workers, const struct tc_model *model)
{
	*workers = (struct tc_workers){ 0 };
	for (size_t i = 0; i < model->n_pythreads; i++)
		look_at_thread(workers, model, &model->pythreads[i]);
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

static bool is_state(const struct tc_model *model, const struct tc_value *state, const char *word)
{
	return state->tag == TC_VAL_STRING &&
	       tc_text_is(tc_model_string(model, (uint32_t)state->word), word);
}

bool tc_job_find(const struct tc_model *model, const struct tc_workers *workers, uint64_t addr,
		 struct tc_job *ret)
{
	const struct tc_object *future = tc_model_object_at(model, addr);
	struct tc_value state = { 0 };
	bool known = future && tc_object_attr(model, future, "_state", &state);

	*ret = (struct tc_job){ .worker = tc_worker_of(workers, addr) };
	if (ret->worker) {
		ret->pool = TC_POOL_THREAD;
		return true;
	}
	ret->queued = known && is_state(model, &state, "PENDING");
	/* Threads that all are idle would have taken what is queued: it is not theirs. */
	bool threads = workers->threads && (!ret->queued || workers->n_items);
	/* What runs is in the hands of a thread, or of another process. */
	bool elsewhere = workers->processes && known && is_state(model, &state, "RUNNING");
	ret->pool = elsewhere || (workers->processes && !threads) ? TC_POOL_PROCESS :
		    threads && !workers->processes		  ? TC_POOL_THREAD :
								    TC_POOL_UNKNOWN;
	return threads || workers->processes || !known;
}
