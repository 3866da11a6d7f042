/* SPDX-License-Identifier: Apache-2.0
 * Marking, from what can move: a task can move unless it waits in a way in which it needs all that
 * it waits for (closed). A closed one can move as soon as all that it needs can; a semaphore as
 * soon as one of its holders can. What is never marked is stuck. */
#include "analyzer/detect/stuck.h"

#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/detect/parked.h"
#include "analyzer/dump/values.h"
#include "analyzer/facts/place.h"

static bool attr_is(const struct tc_model *model, const struct tc_object *object, const char *name,
		    enum tc_val tag)
{
	struct tc_value value;

	return tc_object_attr(model, object, name, &value) && value.tag == tag;
}

static bool is_closed(const struct tc_scene *scene, const struct tc_task *task)
{
	if (!tc_task_alive(task) || (task->flags & (TC_TASK_TORN | TC_TASK_RUNNING)) ||
	    tc_wait_is_ready(scene->graph->finder, task))
		return false;
	switch (tc_wait_kind_of(scene->graph->finder, task)) {
	case TC_WAIT_WAIT:
		return !tc_waits_for_first(scene, task);
	case TC_WAIT_TASK:
	case TC_WAIT_GATHER:
	case TC_WAIT_TASKGROUP:
	case TC_WAIT_SHIELD:
	case TC_WAIT_LOCK:
	case TC_WAIT_SEMAPHORE:
	case TC_WAIT_EVENT:
	case TC_WAIT_CONDITION:
	case TC_WAIT_BARRIER:
	case TC_WAIT_QUEUE_GET:
	case TC_WAIT_QUEUE_PUT:
	case TC_WAIT_QUEUE_JOIN:
		return true;
	default:
		return false;
	}
}

/* May a task that does not show what it holds have a permit? One that runs shows nothing, nor does
 * one that was not read whole. */
static bool has_unread(const struct tc_model *model)
{
	for (size_t i = 0; i < model->n_tasks; i++)
		if (tc_task_alive(&model->tasks[i]) &&
		    model->tasks[i].flags & (TC_TASK_TORN | TC_TASK_CUT | TC_TASK_RUNNING))
			return true;
	return false;
}

/* How many hold the object by a with statement, and whether one of those that wait for it has been
 * woken, and takes it next. */
static uint64_t holders_of(const struct tc_scene *scene, tc_node node, bool *ret_woken)
{
	const struct tc_edge *edges, *edge;
	uint64_t holders = 0;
	size_t n;

	edges = tc_graph_out(scene->graph, node, &n);
	for (size_t i = 0; i < n; i++)
		holders += edges[i].kind == TC_EDGE_HELD;
	*ret_woken = false;
	for (size_t i = 0; (edge = tc_graph_in(scene->graph, node, i)) && !*ret_woken; i++)
		*ret_woken = edge->kind == TC_EDGE_WAITS &&
			     tc_wait_is_ready(scene->graph->finder,
					      tc_graph_task(scene->graph, edge->from));
	return holders;
}

enum tc_wait_kind tc_stuck_waited_as(const struct tc_scene *scene, tc_node node)
{
	const struct tc_edge *edge;

	for (size_t i = 0; (edge = tc_graph_in(scene->graph, node, i)); i++)
		if (edge->kind == TC_EDGE_WAITS)
			return tc_wait_kind_of(scene->graph->finder,
					       tc_graph_task(scene->graph, edge->from));
	return TC_WAIT_NONE;
}

/* Does one of those that wait for the semaphore call its acquire() itself? Then others may have
 * done so before, and hold permits that no with statement shows. */
static bool is_taken_by_hand(const struct tc_scene *scene, tc_node node)
{
	const struct tc_edge *edge;

	for (size_t i = 0; (edge = tc_graph_in(scene->graph, node, i)); i++) {
		uint32_t acquire = edge->kind == TC_EDGE_WAITS ? edge->evidence : 0;
		struct tc_place place;
		if (!acquire)
			continue;
		tc_place_init(&place, scene->model, scene->model->chains[acquire].parent);
		if (!tc_place_is(&place, "asyncio/locks.py", "__aenter__"))
			return true;
	}
	return false;
}

/* Are the holders of the semaphore all known? Of one with a bound that is sure if they are as many
 * as its permits; of a plain one it is likely, because nothing tells how many it has.
 * (Lib/asyncio/locks.py: Semaphore, BoundedSemaphore.) */
static bool is_exhausted(const struct tc_stuck *stuck, const struct tc_object *object,
			 uint64_t holders, bool unread)
{
	const struct tc_model *model = stuck->scene->model;
	struct tc_value value;

	if (!tc_object_attr(model, object, "_value", &value) || value.tag != TC_VAL_INT ||
	    value.word != 0)
		return false;
	if (tc_object_attr(model, object, "_bound_value", &value) && value.tag == TC_VAL_INT)
		return value.word == holders;
	return !unread &&
	       !is_taken_by_hand(stuck->scene, tc_node_object(stuck->scene->graph, object));
}

/* Is the object a taken lock or semaphore whose holders are all known? */
static bool is_taken(const struct tc_stuck *stuck, const struct tc_object *object, bool unread)
{
	tc_node node = tc_node_object(stuck->scene->graph, object);
	bool woken;
	uint64_t holders = holders_of(stuck->scene, node, &woken);

	if (!holders || woken)
		return false;
	switch (tc_stuck_waited_as(stuck->scene, node)) {
	case TC_WAIT_LOCK:
		return holders == 1 && attr_is(stuck->scene->model, object, "_locked", TC_VAL_TRUE);
	case TC_WAIT_SEMAPHORE:
		return is_exhausted(stuck, object, holders, unread);
	default:
		return false;
	}
}

/* Did everything stand still while it was read? References that are counted while a loop turns are
 * of several moments. */
static bool is_of_one_moment(const struct tc_scene *scene)
{
	for (size_t i = 0; i < scene->loops->n; i++)
		if (scene->loops->at[i].n_tasks &&
		    !tc_loops_of_one_moment(scene->loops, scene->loops->at[i].id))
			return false;
	return true;
}

/* Does the object not let anybody through who waits there? */
static bool is_shut(const struct tc_stuck *stuck, const struct tc_object *object)
{
	const struct tc_model *model = stuck->scene->model;
	struct tc_value value;

	switch (tc_stuck_waited_as(stuck->scene, tc_node_object(stuck->scene->graph, object))) {
	case TC_WAIT_LOCK:
		return attr_is(model, object, "_locked", TC_VAL_TRUE);
	case TC_WAIT_SEMAPHORE:
		return tc_object_attr(model, object, "_value", &value) && value.tag == TC_VAL_INT &&
		       value.word == 0;
	case TC_WAIT_EVENT:
		return attr_is(model, object, "_value", TC_VAL_FALSE);
	case TC_WAIT_CONDITION:
	case TC_WAIT_BARRIER:
	case TC_WAIT_QUEUE_GET:
	case TC_WAIT_QUEUE_PUT:
	case TC_WAIT_QUEUE_JOIN:
		return true;
	default:
		return false;
	}
}

static void find_known(struct tc_stuck *stuck)
{
	const struct tc_model *model = stuck->scene->model;
	const struct tc_graph *graph = stuck->scene->graph;
	bool woken;

	if (!graph->known || !is_of_one_moment(stuck->scene))
		return;
	for (size_t i = 0; i < model->n_objects; i++) {
		if (!graph->known[i] || stuck->closed[model->n_tasks + i] ||
		    !is_shut(stuck, &model->objects[i]))
			continue;
		holders_of(stuck->scene, (tc_node)(model->n_tasks + i), &woken);
		stuck->known[i] = !woken;
	}
}

static void find_closed(struct tc_stuck *stuck, const bool *open)
{
	const struct tc_model *model = stuck->scene->model;
	const struct tc_graph *graph = stuck->scene->graph;
	const bool unread = has_unread(model);
	tc_node last = TC_NODE_NONE;

	for (size_t i = 0; i < model->n_tasks; i++)
		stuck->closed[i] = !stuck->scene->timed[i] && !(open && open[i]) &&
				   is_closed(stuck->scene, &model->tasks[i]);
	for (size_t i = 0; i < graph->n_edges; i++) { /* by ascending from */
		const struct tc_edge *edge = &graph->edges[i];
		if (edge->kind != TC_EDGE_HELD || edge->from == last)
			continue;
		last = edge->from;
		stuck->closed[last] =
			is_taken(stuck, &model->objects[last - model->n_tasks], unread);
	}
}

tc_node tc_stuck_needed(const struct tc_stuck *stuck, tc_node node, const struct tc_edge *edge)
{
	bool task = tc_graph_task(stuck->scene->graph, node);
	enum tc_edge_kind kind = task		     ? TC_EDGE_WAITS :
				 stuck->closed[node] ? TC_EDGE_HELD :
						       TC_EDGE_MEMBER;

	return edge->kind == kind && (!task || stuck->closed[node]) ? edge->to : TC_NODE_NONE;
}

static bool is_known(const struct tc_stuck *stuck, tc_node node)
{
	const struct tc_model *model = stuck->scene->model;

	return node >= model->n_tasks && node < model->n_tasks + model->n_objects &&
	       stuck->known[node - model->n_tasks];
}

/* Is one enough of what the node needs? */
static bool needs_one(const struct tc_stuck *stuck, tc_node node)
{
	return stuck->closed[node] && !tc_graph_task(stuck->scene->graph, node);
}

/* Is the edge one by which the node needs another, directly or because that one may complete
 * it? */
static bool needs(const struct tc_stuck *stuck, tc_node node, const struct tc_edge *edge)
{
	return is_known(stuck, node) ? edge->kind == TC_EDGE_KNOWN :
				       tc_stuck_needed(stuck, node, edge) != TC_NODE_NONE;
}

/* How many things the node needs. */
static uint32_t count_needs(const struct tc_stuck *stuck, tc_node node)
{
	size_t n;
	const struct tc_edge *edges = tc_graph_out(stuck->scene->graph, node, &n);
	uint32_t count = 0;

	if (is_known(stuck, node)) /* one of those that know it, or nobody */
		return 1;
	for (size_t i = 0; i < n; i++)
		count += needs(stuck, node, &edges[i]);
	return count > 1 && needs_one(stuck, node) ? 1 : count;
}

/* The marking: left has what each node still needs; those that need nothing begin. */
static void mark(struct tc_stuck *stuck, uint32_t *left)
{
	const struct tc_graph *graph = stuck->scene->graph;
	const size_t n_nodes = tc_graph_n_nodes(graph);
	tc_node *stack = tc_array_new(n_nodes, sizeof(*stack));
	const struct tc_edge *edge;
	size_t n = 0;

	for (size_t i = 0; i < n_nodes; i++) {
		left[i] = count_needs(stuck, (tc_node)i);
		stuck->at[i] = left[i] > 0;
		if (!left[i])
			stack[n++] = (tc_node)i;
	}
	while (n > 0) {
		tc_node node = stack[--n];
		for (size_t i = 0; (edge = tc_graph_in(graph, node, i)); i++) {
			if (!needs(stuck, edge->from, edge) || !left[edge->from] ||
			    --left[edge->from])
				continue;
			stuck->at[edge->from] = false;
			stack[n++] = edge->from;
		}
	}
	free(stack);
}

void tc_stuck_init(struct tc_stuck *stuck, const struct tc_scene *scene, const bool *open)
{
	size_t n = tc_graph_n_nodes(scene->graph);
	uint32_t *left = tc_array_new(n, sizeof(*left));

	*stuck = (struct tc_stuck){
		.scene = scene,
		.at = tc_array_new(n, sizeof(*stuck->at)),
		.closed = tc_array_new(n, sizeof(*stuck->closed)),
		.known = tc_array_new(scene->model->n_objects, sizeof(*stuck->known)),
	};
	find_closed(stuck, open);
	find_known(stuck);
	mark(stuck, left);
	free(left);
}

void tc_stuck_deinit(struct tc_stuck *stuck)
{
	free(stuck->at);
	free(stuck->closed);
	free(stuck->known);
	*stuck = (struct tc_stuck){ 0 };
}
