/* SPDX-License-Identifier: Apache-2.0
 * Work that a thread has handed to a loop, and waits for. */
#include "analyzer/detect/handed.h"

#include "analyzer/detect/words.h"
#include "analyzer/dump/values.h"
#include "analyzer/facts/place.h"
#include "analyzer/facts/thread_view.h"
#include "analyzer/graph/future.h"

struct tc_awaited_result tc_awaited_result_of(const struct tc_model *model,
					      const struct tc_pythread *thread)
{
	for (uint32_t id = thread ? thread->chain : 0; id; id = model->chains[id].parent) {
		struct tc_place place;
		struct tc_value self, timeout;
		tc_place_init(&place, model, id);
		if (tc_place_owner(model, place.file) == TC_OWNER_USER)
			break;
		if ((tc_place_is(&place, "concurrent/futures/_base.py", "result") ||
		     tc_place_is(&place, "concurrent/futures/_base.py", "exception")) &&
		    tc_thread_local(model, thread, id, "self", &self) && tc_value_is_ref(&self)) {
			return (struct tc_awaited_result){
				.future = self.word,
				.link = tc_place_best(model, model->chains[id].parent),
				.timed = !tc_thread_local(model, thread, id, "timeout", &timeout) ||
					 timeout.tag != TC_VAL_NONE,
			};
		}
	}
	return (struct tc_awaited_result){ 0 };
}

/* Is a callback in the loop's ready queue that has the future as its variable of this name? */
static bool is_queued(const struct tc_model *model, uint32_t loop, uint64_t future,
		      const char *variable)
{
	for (size_t i = 0; i < model->n_handles; i++) {
		const struct tc_handle *handle = &model->handles[i];
		struct tc_value value;
		if (handle->loop == loop && handle->where == TC_HANDLE_READY &&
		    !(handle->flags & TC_HANDLE_CANCELLED) && tc_value_is_ref(&handle->callback) &&
		    tc_object_attr(model, tc_model_object_at(model, handle->callback.word),
				   variable, &value) &&
		    tc_value_is_ref(&value) && value.word == future)
			return true;
	}
	return false;
}

struct tc_handed tc_handed_to(const struct tc_model *model, uint32_t loop, uint64_t future)
{
	const struct tc_task *task =
		future ? tc_model_task_at(model, tc_future_source(model, future)) : NULL;

	if (task && task->loop == loop && tc_task_alive(task))
		return (struct tc_handed){ .found = true, .task = task };
	/* Lib/asyncio/tasks.py, run_coroutine_threadsafe: callback; futures.py, _chain_future:
	 * _call_set_state */
	bool begins = future && is_queued(model, loop, future, "future");
	bool ended = future && !begins && is_queued(model, loop, future, "destination");
	return (struct tc_handed){ .found = begins || ended, .ended = ended };
}

void tc_say_handed(struct tc_out *out, const struct tc_model *model, const struct tc_handed *work,
		   uint32_t loop)
{
	if (work->task) {
		tc_say_task(out, model, work->task, TC_NAME_COLUMNS);
		tc_out_printf(out, " on L%u", loop);
	} else {
		tc_out_str(out, work->ended ?
					"a coroutine that has ended" :
					"a coroutine that was handed to it and has not begun");
	}
}
