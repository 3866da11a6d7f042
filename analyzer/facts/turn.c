/* SPDX-License-Identifier: Apache-2.0
 * BaseEventLoop._run_once of Lib/asyncio/base_events.py, the same from 3.8 to 3.15: behind its
 * select it sets end_time = self.time() + self._clock_resolution, then ntodo, and calls the ready
 * callbacks in "for i in range(ntodo)". */
#include "analyzer/facts/turn.h"

#include "analyzer/facts/place.h"
#include "analyzer/facts/thread_view.h"

static bool local_int(const struct tc_model *model, const struct tc_pythread *thread, uint32_t link,
		      const char *name, uint64_t *ret)
{
	struct tc_value value;

	if (!tc_thread_local(model, thread, link, name, &value) || value.tag != TC_VAL_INT)
		return false;
	*ret = value.word;
	return true;
}

static bool read_turn(const struct tc_model *model, const struct tc_pythread *thread, uint32_t link,
		      uint64_t now_ns, struct tc_turn *ret)
{
	const struct tc_head *head = &model->head;
	uint64_t life_ns = head->boottime_ns - head->start_ns, i;
	struct tc_value began;

	if (!head->start_ns || !now_ns || !local_int(model, thread, link, "i", &i) ||
	    !local_int(model, thread, link, "ntodo", &ret->ready) || i >= ret->ready ||
	    !tc_thread_local(model, thread, link, "end_time", &began) ||
	    began.tag != TC_VAL_FLOAT)
		return false;
	double age_ns = (double)now_ns - began.number * 1e9;
	if (!(age_ns >= 0 && age_ns <= (double)life_ns))
		return false;
	ret->age_ns = (uint64_t)age_ns;
	ret->callback = i + 1;
	return true;
}

bool tc_turn_of(const struct tc_model *model, const struct tc_pythread *thread, uint64_t now_ns,
		struct tc_turn *ret)
{
	for (uint32_t id = thread->chain; id; id = model->chains[id].parent) {
		struct tc_place place;
		tc_place_init(&place, model, id);
		/* another package may turn the loop inside a callback of it (nest_asyncio) */
		if (tc_place_is_in(&place, "_run_once"))
			return tc_place_is(&place, "asyncio/base_events.py", "_run_once") &&
			       read_turn(model, thread, id, now_ns, ret);
	}
	return false;
}
