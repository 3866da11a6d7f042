/* SPDX-License-Identifier: Apache-2.0
 * In rounds: what is stuck is found; of these tasks, those that one which is not stuck may end are
 * open; then again, until nothing changes. */
#include "analyzer/detect/open.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/base/array.h"
#include "analyzer/detect/parked.h"
#include "analyzer/facts/place.h"

#define ROUNDS_MAX 32

struct open_search {
	const struct tc_scene *scene;
	const struct tc_stuck *stuck;
	bool *open;
	const struct tc_task *task; /* that is looked at */
	bool free;		    /* somebody who can get on knows it */
	bool passed; /* one who can get on did not count, because of this task alone */
};

/* Are both members of one gather or group? */
static bool are_members(const struct tc_graph *graph, tc_node one, tc_node other)
{
	const struct tc_edge *a, *b;

	for (size_t i = 0; (a = tc_graph_in(graph, one, i)); i++)
		for (size_t k = 0; a->kind == TC_EDGE_MEMBER && (b = tc_graph_in(graph, other, k));
		     k++)
			if (b->kind == TC_EDGE_MEMBER && b->from == a->from)
				return true;
	return false;
}

/* The callbacks of a member tell its group, which ends the others only if the member fails: that is
 * asked for apart (may_end_early). */
static void look_at_knower(void *context, const struct tc_task *task, enum tc_known_by by)
{
	struct open_search *s = context;
	const struct tc_graph *graph = s->scene->graph;

	if (by == TC_BY_TRACEBACK || (task && s->stuck->at[tc_node_task(graph, task)]))
		return;
	if (by == TC_BY_CALLBACK && task &&
	    are_members(graph, tc_node_task(graph, task), tc_node_task(graph, s->task)))
		s->passed = true;
	else
		s->free = true;
}

static void look_at_canceller(void *context, const struct tc_task *task)
{
	struct open_search *s = context;

	if (!s->stuck->at[tc_node_task(s->scene->graph, task)])
		s->free = true;
}

/* Has a task that can get on asyncio.all_tasks() before it? That others have, as a handler that
 * ends the program, does not count. */
static bool cancels_all(struct open_search *s)
{
	s->free = false;
	tc_names_cancel_all(&s->scene->graph->knowers->names, look_at_canceller, s);
	return s->free;
}

/* May somebody who can get on cancel the task? The one that the loop was started for is known to
 * the loop's own frames, which do not do that. */
static bool may_be_cancelled(struct open_search *s, const struct tc_task *task)
{
	if (tc_is_main(s->scene, task))
		return false;
	s->free = s->passed = false;
	s->task = task;
	bool all = tc_knowers_find(s->scene->graph->knowers, task->addr, NULL, look_at_knower, s);
	/* What led to nobody leads to nobody from the next task, too: members of a group have all
	 * others behind them. */
	if (all && !s->free && !s->passed)
		tc_knowers_clear(s->scene->graph->knowers);
	return !all || s->free;
}

/* May what the frame still does fail? A statement that raises, or anything that it does with a
 * variable or a name: but asyncio.sleep(), which a heartbeat does. */
static bool may_fail(const struct tc_graph *graph, const struct tc_chain *link,
		     const struct tc_place *place)
{
	const struct tc_model *model = graph->model;
	const struct tc_bytecode *code = tc_model_bytecode(model, place->code);
	const struct tc_live *live = tc_knowers_live(graph->knowers, link->ref);

	if (!code || live->all || live->raises || !model->heap_seen)
		return true;
	for (size_t i = 0; i < TC_LIVE_SLOTS / 64; i++)
		if (live->slots[i])
			return true;
	for (uint32_t i = 0; i < code->n_own; i++) {
		const struct tc_text name = tc_model_string(model, model->names[code->first + i]);
		if (tc_live_names(live, i) && !tc_text_is(name, "asyncio") &&
		    !tc_text_is(name, "sleep"))
			return true;
	}
	return false;
}

/* May the task fail by what it still does? */
static bool may_raise(const struct tc_graph *graph, const struct tc_task *task)
{
	const struct tc_model *model = graph->model;

	for (uint32_t id = task->chain; id; id = model->chains[id].parent) {
		struct tc_place place;
		tc_place_init(&place, model, id);
		if (tc_place_is(&place, "asyncio/tasks.py", "sleep"))
			continue;
		if (!tc_frame_has_code(model->chains[id].kind) ||
		    tc_place_owner(model, place.file) == TC_OWNER_LIBRARY ||
		    may_fail(graph, &model->chains[id], &place))
			return true;
	}
	return false;
}

/* Does the node stand for members of which one can get on and may fail, which ends the others, and
 * the wait for all? */
static bool may_end_early(const struct open_search *s, tc_node node)
{
	size_t n;
	const struct tc_edge *edges = tc_graph_out(s->scene->graph, node, &n);

	for (size_t i = 0; i < n; i++) {
		const struct tc_task *task = tc_graph_task(s->scene->graph, edges[i].to);
		if (edges[i].kind == TC_EDGE_MEMBER && task && !s->stuck->at[edges[i].to] &&
		    tc_task_alive(task) && may_raise(s->scene->graph, task))
			return true;
	}
	return false;
}

/* Open all members of the group that are stuck, and all who wait for it. True: there was one. */
static bool open_group(struct open_search *s, tc_node node)
{
	const struct tc_graph *graph = s->scene->graph;
	const struct tc_edge *edge;
	bool more = false;
	size_t n;

	edge = tc_graph_out(graph, node, &n);
	for (size_t i = 0; i < n; i++)
		if (edge[i].kind == TC_EDGE_MEMBER && s->stuck->at[edge[i].to] &&
		    tc_graph_task(graph, edge[i].to))
			more |= s->open[edge[i].to] = true;
	for (size_t i = 0; (edge = tc_graph_in(graph, node, i)); i++)
		if (edge->kind == TC_EDGE_WAITS && s->stuck->at[edge->from])
			more |= s->open[edge->from] = true;
	return more;
}

/* One round. True: more tasks are open than before. */
static bool look(struct open_search *s)
{
	const struct tc_model *model = s->scene->model;
	bool more = false;

	tc_knowers_forget(s->scene->graph->knowers);
	const bool all = cancels_all(s);
	for (size_t i = 0; i < model->n_tasks; i++)
		if (s->stuck->at[i] && (all || may_be_cancelled(s, &model->tasks[i])))
			more |= s->open[i] = true;
	for (size_t i = 0; i < model->n_objects; i++)
		if (may_end_early(s, (tc_node)(model->n_tasks + i)))
			more |= open_group(s, (tc_node)(model->n_tasks + i));
	return more;
}

bool tc_find_open(const struct tc_scene *scene, bool *open, struct tc_stuck *ret)
{
	struct open_search s = { .scene = scene, .stuck = ret, .open = open };
	bool more = true;

	for (unsigned round = 0; more && round < ROUNDS_MAX; round++) {
		if (round)
			tc_stuck_deinit(ret);
		tc_stuck_init(ret, scene, open);
		more = look(&s);
	}
	tc_knowers_forget(scene->graph->knowers);
	if (more)
		tc_stuck_deinit(ret);
	return !more;
}
