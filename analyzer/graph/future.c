/* SPDX-License-Identifier: Apache-2.0
 * From a future to what will complete it, by its callbacks (Lib/asyncio/tasks.py: shield, gather;
 * futures.py: _chain_future, which wrap_future and run_coroutine_threadsafe use). */
#include "analyzer/graph/future.h"

#include "analyzer/dump/values.h"

#define FOLLOW_MAX 8 /* shields within shields */

/* The functions of asyncio among the callbacks of a future that tell what it is for; NULL: none. */
struct callbacks {
	const struct tc_object *future;
	const struct tc_object *list;	  /* of a pure-Python future: what holds them */
	const struct tc_object *shield;	  /* of asyncio.shield */
	const struct tc_object *executor; /* by which futures.py wraps one of concurrent.futures */
};

/* Callbacks of a future are the items of its record; those of a pure-Python one are a list of
 * tuples, one level more. */
#define CALLBACK_LEVELS 3
#define CALLBACK_ITEMS 16

static const struct tc_object *object_of(const struct tc_model *model, const struct tc_value *value)
{
	/* A task is no object: mostly the only callback is the waiting task itself. */
	if (!tc_value_is_ref(value) || tc_model_type(model, value->type)->flags & TC_TYPE_TASK)
		return NULL;
	return tc_model_object_at(model, value->word);
}

/* Is object itself one of them? */
static void look_at_name(const struct tc_model *model, const struct tc_object *object,
			 const struct tc_value *value, struct callbacks *found)
{
	if (value->tag != TC_VAL_STRING || value->word > UINT32_MAX)
		return;
	const struct tc_text name = tc_model_string(model, (uint32_t)value->word);
	if (!found->shield && tc_text_is(name, "shield.<locals>._outer_done_callback"))
		found->shield = object;
	if (!found->executor && tc_text_is(name, "_chain_future.<locals>._call_check_cancel"))
		found->executor = object;
}

/* The object, its items, their items: so many levels. */
static void find_functions(const struct tc_model *model, const struct tc_object *object,
			   unsigned levels, struct callbacks *found)
{
	struct tc_attrs attrs;
	struct tc_value value;
	uint32_t name;

	if (!object || levels == 0)
		return;
	tc_attrs_begin(&attrs, object);
	while (tc_attrs_next(&attrs, &name, &value)) {
		const struct tc_text attr = tc_model_string(model, name);
		if (tc_text_is(attr, "__qualname__"))
			look_at_name(model, object, &value, found);
		else if (object == found->future && tc_text_is(attr, "_callbacks"))
			found->list = object_of(model, &value);
	}
	tc_items_begin(&attrs);
	for (unsigned i = 0; i < CALLBACK_ITEMS && tc_items_next(&attrs, &value); i++)
		find_functions(model, object_of(model, &value), levels - 1, found);
}

static struct callbacks callbacks_of(const struct tc_model *model, const struct tc_object *future)
{
	struct callbacks found = { .future = future };

	find_functions(model, future, CALLBACK_LEVELS, &found);
	find_functions(model, found.list, CALLBACK_LEVELS + 1, &found);
	return found;
}

/* The address in a variable of a function's closure; 0: none. */
static uint64_t variable(const struct tc_model *model, const struct tc_object *function,
			 const char *name)
{
	struct tc_value value;

	return tc_object_attr(model, function, name, &value) && tc_value_is_ref(&value) ?
		       value.word :
		       0;
}

uint64_t tc_future_source(const struct tc_model *model, uint64_t concurrent)
{
	const struct tc_object *future = tc_model_object_at(model, concurrent);
	struct callbacks found = { .future = future };
	struct tc_value callbacks;

	if (!future || !tc_object_attr(model, future, "_done_callbacks", &callbacks))
		return 0;
	find_functions(model, object_of(model, &callbacks), CALLBACK_LEVELS, &found);
	return variable(model, found.executor, "source");
}

/* The future that wraps one of concurrent.futures. */
static void judge_wrapped(const struct tc_model *model, const struct tc_workers *workers,
			  uint64_t source, struct tc_future *ret)
{
	ret->task = tc_model_task_at(model, tc_future_source(model, source));
	ret->kind = ret->task ? TC_FUTURE_TASK :
		    tc_job_find(model, workers, source, &ret->job) ? TC_FUTURE_JOB :
								     TC_FUTURE_CONCURRENT;
	if (ret->kind != TC_FUTURE_JOB)
		ret->job = (struct tc_job){ 0 };
}

static void judge_state(const struct tc_model *model, struct tc_future *ret)
{
	struct tc_value state;

	if (ret->task) {
		ret->known = !(ret->task->flags & TC_TASK_STATE_UNKNOWN);
		ret->done = !tc_task_alive(ret->task);
	} else if (tc_object_attr(model, ret->object, "_state", &state) &&
		   state.tag == TC_VAL_STRING) {
		ret->known = true;
		ret->done = !tc_text_is(tc_model_string(model, (uint32_t)state.word), "PENDING");
	}
}

/* One future without shields; 0, or the address of the one that it shields. */
static uint64_t look_at(const struct tc_model *model, const struct tc_workers *workers,
			uint64_t addr, struct tc_future *ret)
{
	ret->object = tc_model_object_at(model, addr);
	const struct tc_type *type = tc_model_type(model, ret->object ? ret->object->type : 0);
	if (tc_text_is(tc_model_string(model, type->name), "_GatheringFuture")) {
		ret->kind = TC_FUTURE_GATHER;
		ret->members = tc_object_member(model, ret->object, "_children");
		return 0;
	}
	const struct callbacks found = callbacks_of(model, ret->object);
	uint64_t inner = variable(model, found.shield, "inner");
	ret->shielded = ret->shielded || found.shield;
	ret->job.worker = tc_worker_of(workers, addr);
	if (inner)
		return inner;
	if (found.executor) {
		judge_wrapped(model, workers, variable(model, found.executor, "source"), ret);
	} else if (ret->job.worker) {
		ret->kind = TC_FUTURE_JOB;
		ret->job.pool = TC_POOL_THREAD;
	}
	return 0;
}

void tc_future_follow(const struct tc_model *model, const struct tc_workers *workers, uint64_t addr,
		      struct tc_future *ret)
{
	*ret = (struct tc_future){ 0 };
	for (int i = 0; addr && i < FOLLOW_MAX; i++) {
		ret->task = tc_model_task_at(model, addr);
		if (ret->task) {
			ret->kind = TC_FUTURE_TASK;
			ret->object = NULL;
			break;
		}
		addr = look_at(model, workers, addr, ret);
	}
	judge_state(model, ret);
}
