/* SPDX-License-Identifier: Apache-2.0
 * Waits that a timer ends. */
#include "analyzer/detect/timed.h"

#include "analyzer/dump/values.h"
#include "analyzer/facts/place.h"

/* Is wait_for on the way of the task? It ends the wait in its own way. */
static bool has_wait_for(const struct tc_model *model, const struct tc_task *task)
{
	for (uint32_t id = task->chain; id; id = model->chains[id].parent) {
		struct tc_place place;
		tc_place_init(&place, model, id);
		if (tc_place_is(&place, "asyncio/tasks.py", "wait_for"))
			return true;
	}
	return false;
}

#define INFINITE 0x7ff0000000000000ul /* as a double */

/* Is it a manager that cancels its block after a time: asyncio.Timeout, async_timeout's, aiohttp's,
 * or a cancel scope of anyio? Without a record of it nothing speaks against that. */
static bool is_timeout(const struct tc_model *model, const struct tc_hold *hold)
{
	struct tc_text name = tc_model_string(model, tc_model_type(model, hold->type)->name);
	const struct tc_object *object = tc_model_object_at(model, hold->manager);
	struct tc_value value;

	if (tc_text_is(name, "Timeout") || tc_text_is(name, "TimerContext"))
		return !tc_object_attr(model, object, "_when", &value) || value.tag != TC_VAL_NONE;
	return tc_text_is(name, "CancelScope") &&
	       !(tc_object_attr(model, object, "_deadline", &value) && value.tag == TC_VAL_FLOAT &&
		 value.word == INFINITE);
}

bool tc_timed_itself(const struct tc_model *model, const struct tc_task *task)
{
	size_t n;
	const struct tc_hold *holds = tc_model_holds(model, task, &n);

	for (size_t i = 0; i < n; i++)
		if (is_timeout(model, &holds[i]))
			return true;
	return has_wait_for(model, task);
}
