/* SPDX-License-Identifier: Apache-2.0
 * deadlock.task-cycle: tasks that wait for each other in a ring. Such an edge stays until the
 * awaited task has ended or the waiting one is cancelled, so edges that were read at different
 * moments still make a ring that exists. */
#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/detect/detect.h"
#include "analyzer/detect/words.h"
#include "analyzer/facts/place.h"

/* Strongly connected components: Tarjan's algorithm (SIAM J. Comput. 1 (1972) 146), with a stack of
 * its own, because chains of waiting tasks may be very long. */
struct ring_search {
	const struct tc_scene *scene;
	struct tc_findings *findings;
	uint32_t *number, *low; /* of each node, from 1 on; 0: not visited */
	uint32_t *component;	/* of each node, from 1 on; 0: not known yet */
	uint32_t *step;		/* of each node: its place in the walk for a ring, + 1 */
	bool *needs_all;	/* of each task: it needs what it waits for, with no way around */
	struct tc_ids path;	/* from the root of the search to the node under way */
	struct tc_ids edges;	/* of each node of path: the edge to be followed next */
	struct tc_ids stack;	/* nodes whose component is not known yet */
	uint32_t n_numbers, n_components;
};

/* Is wait_for on the way of the task? It ends the wait in its own way. */
static bool is_timed(const struct tc_model *model, const struct tc_task *task)
{
	for (uint32_t id = task->chain; id; id = model->chains[id].parent) {
		struct tc_place place;
		tc_place_init(&place, model, id);
		if (tc_place_is(&place, "asyncio/tasks.py", "wait_for"))
			return true;
	}
	return false;
}

/* Does the task need each thing that it waits for, with no way around? */
static bool needs_all(const struct tc_scene *scene, const struct tc_task *task)
{
	if (!tc_task_alive(task) || (task->flags & (TC_TASK_TORN | TC_TASK_RUNNING)) ||
	    tc_wait_is_ready(scene->graph->finder, task))
		return false;
	switch (tc_wait_kind_of(scene->graph->finder, task)) {
	case TC_WAIT_TASK:
	case TC_WAIT_GATHER:
	case TC_WAIT_TASKGROUP:
	case TC_WAIT_SHIELD:
		return !is_timed(scene->model, task);
	default:
		return false;
	}
}

/* The node behind this edge of node, if a ring may go through it; TC_NODE_NONE: it may not. */
static tc_node behind(const struct ring_search *s, tc_node node, const struct tc_edge *edge)
{
	const struct tc_task *from = tc_graph_task(s->scene->graph, node);
	const struct tc_task *to = tc_graph_task(s->scene->graph, edge->to);

	if (from ? edge->kind != TC_EDGE_WAITS : edge->kind != TC_EDGE_MEMBER)
		return TC_NODE_NONE;
	return !to || s->needs_all[edge->to] ? edge->to : TC_NODE_NONE;
}

#define MEMBERS_SAID 4u

static void describe(const struct ring_search *s, struct tc_finding *finding)
{
	const struct tc_model *model = s->scene->model;
	struct tc_out *out = &finding->summary;
	size_t n = finding->tasks.n;

	if (n == 1) {
		tc_say_task(out, model, &model->tasks[finding->tasks.at[0]], TC_NAME_COLUMNS);
		tc_out_str(out, " waits for itself");
		return;
	}
	tc_out_printf(out, "%zu tasks wait for each other in a ring: ", n);
	for (size_t i = 0; i < n && i < MEMBERS_SAID; i++) {
		tc_out_str(out, i == 0 ? "" : i == 1 ? " waits for " : ", which waits for ");
		tc_say_task(out, model, &model->tasks[finding->tasks.at[i]], TC_NAME_COLUMNS);
	}
	tc_out_str(out, n > MEMBERS_SAID ? " ..., which waits for " : ", which waits for ");
	tc_say_task(out, model, &model->tasks[finding->tasks.at[0]], TC_NAME_COLUMNS);
}

/* May a timer cancel a member? Only those that end a sleep do nothing else. Of a loop whose
 * timers are not known, or more than are recorded, nothing can be said. */
static bool may_time_out(const struct tc_model *model, uint32_t loop)
{
	for (size_t i = 0; i < model->n_handles; i++) {
		const struct tc_handle *handle = &model->handles[i];
		const struct tc_text name =
			tc_model_string(model, tc_model_code(model, handle->code)->name);
		if (handle->loop == loop && handle->where == TC_HANDLE_TIMER &&
		    !(handle->flags & TC_HANDLE_CANCELLED) &&
		    !tc_text_is(name, "_set_result_unless_cancelled"))
			return true;
	}
	for (size_t i = 0; i < model->n_loops; i++)
		if (model->loops[i].ref == loop)
			return (model->loops[i].flags & TC_LOOP_OPAQUE) ||
			       model->loops[i].timers > TC_HANDLES_MAX + 1u;
	return true;
}

/* Does a member wait for others than the ring too? One that fails ends a gather or a group. */
static bool has_others(const struct ring_search *s, const struct tc_task *task)
{
	struct tc_wait scratch;
	struct tc_pending pending;
	enum tc_wait_kind kind = tc_wait_kind_of(s->scene->graph->finder, task);

	if (kind != TC_WAIT_GATHER && kind != TC_WAIT_TASKGROUP)
		return false;
	tc_wait_pending(s->scene->graph->finder, tc_graph_wait(s->scene->graph, task, &scratch),
			&pending);
	return pending.pending + pending.unknown > 1;
}

/* The next node of the same component; each has one. */
static tc_node next_of(const struct ring_search *s, tc_node node)
{
	size_t n;
	const struct tc_edge *edges = tc_graph_out(s->scene->graph, node, &n);

	for (size_t i = 0; i < n; i++) {
		tc_node to = behind(s, node, &edges[i]);
		if (to != TC_NODE_NONE && s->component[to] == s->component[node])
			return to;
	}
	return TC_NODE_NONE;
}

/* Walk through the component until a node comes again: from there on the walk is a ring. */
static void find_ring(struct ring_search *s, tc_node node, struct tc_ids *ring)
{
	struct tc_ids walk = { 0 };

	while (node != TC_NODE_NONE && !s->step[node]) {
		tc_ids_add(&walk, node);
		s->step[node] = (uint32_t)walk.n;
		node = next_of(s, node);
	}
	for (size_t i = node == TC_NODE_NONE ? walk.n : s->step[node] - 1u; i < walk.n; i++)
		if (tc_graph_task(s->scene->graph, walk.at[i]))
			tc_ids_add(ring, walk.at[i]);
	free(walk.at);
}

static void put_member(const struct tc_scene *scene, const struct tc_task *task,
		       struct tc_finding *finding)
{
	uint32_t link = tc_place_best(scene->model, task->chain);
	struct tc_out *line = tc_finding_evidence(finding);

	tc_finding_culprit(finding, link);
	if (!line)
		return;
	tc_say_task(line, scene->model, task, TC_NAME_COLUMNS);
	tc_out_str(line, " waits at ");
	tc_say_link(line, scene, link);
}

static void add_finding(struct ring_search *s, tc_node node)
{
	const struct tc_model *model = s->scene->model;
	bool timed = false, others = false;

	if (!tc_findings_room(s->findings))
		return;
	struct tc_finding *finding = tc_finding_add(s->findings, TC_CAUSE_TASK_CYCLE, TC_PROVED);
	find_ring(s, node, &finding->tasks);
	for (size_t i = 0; i < finding->tasks.n; i++) {
		const struct tc_task *task = &model->tasks[finding->tasks.at[i]];
		put_member(s->scene, task, finding);
		timed = timed || (i < TC_PLACES_MAX && may_time_out(model, task->loop));
		others = others || has_others(s, task);
	}
	describe(s, finding);
	finding->ends = timed || others ? TC_ENDS_UNKNOWN : TC_ENDS_NO;
	finding->why = others ? "another task of a gather or group may fail, which ends it" :
		       timed  ? "a timer of the loop may cancel one of them" :
				"each waits until another one has ended";
	if (others || timed)
		finding->confidence = TC_LIKELY;
}

/* The nodes of the stack from this one on are a component. */
static void close_component(struct ring_search *s, tc_node root)
{
	size_t first = s->stack.n;
	tc_node node;

	s->n_components++;
	do {
		node = s->stack.at[--first];
		s->component[node] = s->n_components;
	} while (node != root);
	bool ring = s->stack.n - first > 1 || next_of(s, root) == root;
	s->stack.n = first;
	if (ring)
		add_finding(s, root);
}

static void enter(struct ring_search *s, tc_node node)
{
	s->number[node] = s->low[node] = ++s->n_numbers;
	tc_ids_add(&s->path, node);
	tc_ids_add(&s->edges, 0);
	tc_ids_add(&s->stack, node);
}

static void leave(struct ring_search *s, tc_node node)
{
	s->path.n--;
	s->edges.n--;
	if (s->low[node] == s->number[node])
		close_component(s, node);
	if (s->path.n) {
		tc_node parent = s->path.at[s->path.n - 1];
		if (s->low[node] < s->low[parent])
			s->low[parent] = s->low[node];
	}
}

/* All that can be reached from this node. */
static void search(struct ring_search *s, tc_node root)
{
	enter(s, root);
	while (s->path.n) {
		tc_node node = s->path.at[s->path.n - 1];
		uint32_t *next = &s->edges.at[s->edges.n - 1];
		size_t n;
		const struct tc_edge *edges = tc_graph_out(s->scene->graph, node, &n);
		if (*next == n) {
			leave(s, node);
			continue;
		}
		tc_node to = behind(s, node, &edges[(*next)++]);
		if (to == TC_NODE_NONE)
			continue;
		if (!s->number[to])
			enter(s, to);
		else if (!s->component[to] && s->number[to] < s->low[node])
			s->low[node] = s->number[to];
	}
}

void tc_detect_task_cycle(const struct tc_scene *scene, struct tc_findings *findings)
{
	size_t n = tc_graph_n_nodes(scene->graph);
	struct ring_search s = {
		.scene = scene,
		.findings = findings,
		.number = tc_array_new(n, sizeof(*s.number)),
		.low = tc_array_new(n, sizeof(*s.low)),
		.component = tc_array_new(n, sizeof(*s.component)),
		.step = tc_array_new(n, sizeof(*s.step)),
		.needs_all = tc_array_new(scene->model->n_tasks, sizeof(*s.needs_all)),
	};

	for (size_t i = 0; i < scene->model->n_tasks; i++)
		s.needs_all[i] = needs_all(scene, &scene->model->tasks[i]);
	for (size_t i = 0; i < scene->model->n_tasks; i++)
		if (s.needs_all[i] && !s.number[i])
			search(&s, (tc_node)i);
	free(s.number);
	free(s.low);
	free(s.component);
	free(s.step);
	free(s.needs_all);
	free(s.path.at);
	free(s.edges.at);
	free(s.stack.at);
}
