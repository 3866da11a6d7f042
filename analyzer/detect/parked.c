/* SPDX-License-Identifier: Apache-2.0
 * What speaks for a task that waits for ever. */
#include "analyzer/detect/parked.h"

#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/dump/values.h"
#include "analyzer/facts/place.h"

#define STEPS_MAX 50000000u /* of all searches: a file may lie */

/* The task that the loop was started for: it may wait for ever on purpose. */
enum main_task { MAIN_NOT, MAIN_IT_IS, MAIN_UNKNOWN };

/* By the frames outside the loop: Lib/asyncio/base_events.py, run_until_complete: future;
 * Lib/asyncio/runners.py, Runner.run: task (3.11+, also of uvloop). */
static enum main_task main_of(const struct tc_scene *scene, const struct tc_task *task)
{
	const struct tc_model *model = scene->model;
	const struct tc_loop_view *loop = tc_loops_find(scene->loops, task->loop);
	const struct tc_pythread *thread = loop && loop->thread ? loop->thread->py : NULL;
	enum main_task found = MAIN_UNKNOWN;

	for (uint32_t id = thread ? thread->chain : 0; id; id = model->chains[id].parent) {
		struct tc_place place;
		struct tc_value value;
		tc_place_init(&place, model, id);
		bool complete = tc_place_is(&place, "asyncio/base_events.py", "run_until_complete");
		if ((!complete && !tc_place_is(&place, "asyncio/runners.py", "run")) ||
		    !tc_thread_local(model, thread, id, complete ? "future" : "task", &value) ||
		    !tc_value_is_ref(&value))
			continue;
		if (value.word == task->addr)
			return MAIN_IT_IS;
		found = MAIN_NOT;
	}
	return found;
}

static bool is_waited_for(const struct tc_scene *scene, const struct tc_task *task)
{
	return tc_graph_in(scene->graph, tc_node_task(scene->graph, task), 0) != NULL;
}

bool tc_is_own_wait(const struct tc_model *model, const struct tc_task *task)
{
	struct tc_place place;

	for (uint32_t id = task->chain; id; id = model->chains[id].parent) {
		tc_place_init(&place, model, id);
		if (tc_place_owner(model, place.file) != TC_OWNER_LIBRARY)
			return tc_place_owner(model, place.file) == TC_OWNER_USER;
	}
	return false;
}

bool tc_is_main(const struct tc_scene *scene, const struct tc_task *task)
{
	return main_of(scene, task) == MAIN_IT_IS;
}

/* Is the function of the program that waits awaited by another one? */
static bool has_caller(const struct tc_model *model, const struct tc_task *task)
{
	uint32_t id = task->chain;
	struct tc_place place;

	for (; id; id = model->chains[id].parent) {
		tc_place_init(&place, model, id);
		if (tc_place_owner(model, place.file) != TC_OWNER_LIBRARY)
			break;
	}
	return id && model->chains[id].parent;
}

bool tc_may_be_parked(const struct tc_scene *scene, const struct tc_task *task)
{
	size_t n_holds;

	switch (main_of(scene, task)) {
	case MAIN_IT_IS:
		return true;
	case MAIN_UNKNOWN:
		if (!is_waited_for(scene, task))
			return true;
		break;
	case MAIN_NOT:
		break;
	}
	tc_model_holds(scene->model, task, &n_holds);
	return n_holds > 0 && !has_caller(scene->model, task);
}

/* Of return_when only the length is recorded: ALL_COMPLETED has 13 letters, the others 15. */
bool tc_waits_for_first(const struct tc_scene *scene, const struct tc_task *task)
{
	const struct tc_model *model = scene->model;
	const uint32_t link = tc_wait_evidence(scene->graph->finder, task);
	const struct tc_chain *at = tc_model_chain(model, link);
	struct tc_value when, timeout;
	struct tc_place place;

	if (tc_wait_kind_of(scene->graph->finder, task) != TC_WAIT_WAIT)
		return false;
	tc_place_init(&place, model, link);
	const struct tc_pycode *code = tc_model_code(model, place.code);
	return !place.code || !at->python || at->python == UINT16_MAX ||
	       !tc_local_find(model, task, at->python - 1u, code, "return_when", &when) ||
	       when.tag != TC_VAL_ATOM || when.size != sizeof("ALL_COMPLETED") - 1 ||
	       !tc_local_find(model, task, at->python - 1u, code, "timeout", &timeout) ||
	       timeout.tag != TC_VAL_NONE;
}

void tc_left_init(struct tc_left *left, const struct tc_scene *scene)
{
	const size_t n = tc_graph_n_nodes(scene->graph);

	*left = (struct tc_left){
		.scene = scene,
		.seen = tc_array_new(n, sizeof(*left->seen)),
		.stack = tc_array_new(n, sizeof(*left->stack)),
		.steps = STEPS_MAX,
	};
}

void tc_left_deinit(struct tc_left *left)
{
	free(left->seen);
	free(left->stack);
	*left = (struct tc_left){ 0 };
}

bool tc_may_be_left(struct tc_left *left, const struct tc_task *first)
{
	const struct tc_graph *graph = left->scene->graph;
	const uint32_t search = tc_node_task(graph, first) + 1;
	const struct tc_edge *edge;
	size_t n = 0;

	left->seen[search - 1] = search;
	left->stack[n++] = search - 1;
	while (n > 0) {
		tc_node node = left->stack[--n];
		const struct tc_task *task = tc_graph_task(graph, node);
		if (task && tc_waits_for_first(left->scene, task))
			return true;
		for (size_t i = 0; (edge = tc_graph_in(graph, node, i)); i++) {
			if (left->steps == 0)
				return true;
			left->steps--;
			if (edge->kind == TC_EDGE_KNOWN || left->seen[edge->from] == search)
				continue;
			left->seen[edge->from] = search;
			left->stack[n++] = edge->from;
		}
	}
	return false;
}
