/* SPDX-License-Identifier: Apache-2.0
 * Which tasks a timeout ends. A task that is cancelled hands that on to the task, gather or group
 * that it awaits (Lib/asyncio/tasks.py, Task.cancel; taskgroups.py), but not to what a shield
 * keeps, nor to the members of asyncio.wait(). */
#include "analyzer/detect/timed.h"

#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/dump/values.h"
#include "analyzer/facts/place.h"

/* For each chain: is wait_for on its way? It ends the wait in its own way. A link has a higher
 * number than the one that it follows. */
static bool *chains_in_wait_for(const struct tc_model *model)
{
	bool *in = tc_array_new(model->n_chains, sizeof(*in));

	for (uint32_t id = 1; id < model->n_chains; id++) {
		struct tc_place place;
		tc_place_init(&place, model, id);
		in[id] = in[model->chains[id].parent] ||
			 tc_place_is(&place, "asyncio/tasks.py", "wait_for");
	}
	return in;
}

#define INFINITE 0x7ff0000000000000ul /* as a double */

/* Is it a manager that cancels its block after a time: asyncio.Timeout, async_timeout's (up to
 * version 3 its name is timeout), aiohttp's, or a cancel scope of anyio? Without a record of it
 * nothing speaks against that. */
static bool is_timeout(const struct tc_model *model, const struct tc_hold *hold)
{
	struct tc_text name = tc_model_string(model, tc_model_type(model, hold->type)->name);
	const struct tc_object *object = tc_model_object_at(model, hold->manager);
	struct tc_value value;

	if (tc_text_is(name, "Timeout") || tc_text_is(name, "timeout") ||
	    tc_text_is(name, "TimerContext"))
		return !(tc_object_attr(model, object, "_when", &value) &&
			 value.tag == TC_VAL_NONE);
	return tc_text_is(name, "CancelScope") &&
	       !(tc_object_attr(model, object, "_deadline", &value) && value.tag == TC_VAL_FLOAT &&
		 value.word == INFINITE);
}

/* Does a task that is cancelled cancel what it awaits? */
static bool hands_on(const struct tc_graph *graph, const struct tc_task *task)
{
	struct tc_wait scratch;

	switch (tc_wait_kind_of(graph->finder, task)) {
	case TC_WAIT_TASK:
	case TC_WAIT_GATHER:
	case TC_WAIT_TASKGROUP:
	case TC_WAIT_WAIT_FOR:
		return !tc_graph_wait(graph, task, &scratch)->shielded;
	default:
		return false;
	}
}

/* Tasks and objects on the way of a cancellation. */
struct spread {
	const struct tc_scene *scene;
	bool *reached; /* of each node */
	tc_node *stack;
	size_t n;
};

static void reach(struct spread *s, tc_node node)
{
	if (s->reached[node])
		return;
	s->reached[node] = true;
	s->stack[s->n++] = node;
}

static void spread_from(struct spread *s, tc_node node)
{
	const struct tc_graph *graph = s->scene->graph;
	const struct tc_task *task = tc_graph_task(graph, node);
	const enum tc_edge_kind kind = task ? TC_EDGE_WAITS : TC_EDGE_MEMBER;
	const struct tc_edge *edges;
	size_t n;

	if (task && !hands_on(graph, task))
		return;
	edges = tc_graph_out(graph, node, &n);
	for (size_t i = 0; i < n; i++)
		if (edges[i].kind == kind)
			reach(s, edges[i].to);
}

void tc_timed_find(const struct tc_scene *scene, bool *timed)
{
	const struct tc_model *model = scene->model;
	const size_t n_nodes = tc_graph_n_nodes(scene->graph);
	bool *in_wait_for = chains_in_wait_for(model);
	struct spread s = {
		.scene = scene,
		.reached = tc_array_new(n_nodes, sizeof(*s.reached)),
		.stack = tc_array_new(n_nodes, sizeof(*s.stack)),
	};

	for (size_t i = 0; i < model->n_holds; i++)
		if (is_timeout(model, &model->holds[i]))
			reach(&s, model->holds[i].owner);
	for (size_t i = 0; i < model->n_tasks; i++)
		if (tc_task_alive(&model->tasks[i]) && in_wait_for[model->tasks[i].chain])
			reach(&s, (tc_node)i);
	free(in_wait_for);
	while (s.n > 0)
		spread_from(&s, s.stack[--s.n]);
	for (size_t i = 0; i < model->n_tasks; i++)
		timed[i] = s.reached[i];
	free(s.reached);
	free(s.stack);
}
