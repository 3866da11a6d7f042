/* SPDX-License-Identifier: Apache-2.0
 * orphan.future: a task waits for a future that nothing but itself refers to, so that nobody can
 * complete it. */
#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/base/lookup.h"
#include "analyzer/detect/timed.h"
#include "analyzer/detect/words.h"
#include "analyzer/dump/values.h"
#include "analyzer/facts/place.h"

enum { WAITERS_MAX = 1000, NAMES_SAID = 4 };

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

struct orphans {
	const struct tc_scene *scene;
	struct tc_findings *findings;
	struct tc_lookup tasks; /* by chain */
	bool *timed;		/* of each task */
	uint32_t *seen;		/* of each node: the last task whose waiters were asked for, + 1 */
};

/* Does somebody wait for it who goes on without it: with asyncio.wait, for the first of several? */
static bool may_be_left(const struct orphans *o, tc_node first)
{
	const struct tc_graph *graph = o->scene->graph;
	struct tc_ids stack = { 0 };
	const struct tc_edge *edge;
	bool left = false;

	tc_ids_add(&stack, first);
	for (unsigned step = 0; stack.n > 0 && !left; step++) {
		tc_node node = stack.at[--stack.n];
		const struct tc_task *task = tc_graph_task(graph, node);
		if (o->seen[node] == first + 1)
			continue;
		o->seen[node] = first + 1;
		left = step > WAITERS_MAX ||
		       (task && tc_wait_kind_of(graph->finder, task) == TC_WAIT_WAIT);
		for (size_t i = 0; i < WAITERS_MAX && (edge = tc_graph_in(graph, node, i)); i++)
			tc_ids_add(&stack, edge->from);
	}
	free(stack.at);
	return left;
}

static bool is_waited_for(const struct tc_scene *scene, const struct tc_task *task)
{
	return tc_graph_in(scene->graph, tc_node_task(scene->graph, task), 0) != NULL;
}

/* Does the program's own code wait? A library may park a task on purpose. */
static bool is_own_wait(const struct tc_model *model, const struct tc_task *task)
{
	struct tc_place place;

	tc_place_init(&place, model, task->chain);
	return tc_place_owner(model, place.file) == TC_OWNER_USER;
}

/* Is it a coroutine that does nothing but wait, with something open that it keeps alive (a server)?
 * Then it may wait for ever on purpose, as the main task may. */
static bool may_be_parked(const struct tc_scene *scene, const struct tc_task *task)
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
	return n_holds > 0 && !scene->model->chains[task->chain].parent;
}

static bool is_orphan(const struct orphans *o, const struct tc_task *task)
{
	const struct tc_scene *scene = o->scene;

	return task->flags & TC_TASK_SOLE && tc_task_alive(task) &&
	       /* references that are counted while the loop turns are of several moments */
	       tc_loops_of_one_moment(scene->loops, task->loop) &&
	       !(task->flags & (TC_TASK_TORN | TC_TASK_RUNNING)) &&
	       !tc_wait_is_ready(scene->graph->finder, task) &&
	       tc_wait_kind_of(scene->graph->finder, task) == TC_WAIT_FUTURE &&
	       !o->timed[task - scene->model->tasks] && is_own_wait(scene->model, task) &&
	       !may_be_parked(scene, task) && !may_be_left(o, tc_node_task(scene->graph, task));
}

static void describe(const struct orphans *o, struct tc_finding *finding)
{
	const struct tc_model *model = o->scene->model;
	struct tc_out *out = &finding->summary;
	const size_t n = finding->tasks.n;

	if (n > 1)
		tc_out_printf(out,
			      "%zu tasks wait, each for a future that nothing else refers to, "
			      "so that nobody can complete it: ",
			      n);
	for (size_t i = 0; i < n && i < NAMES_SAID; i++) {
		tc_out_str(out, i ? ", " : "");
		tc_say_task(out, model, &model->tasks[finding->tasks.at[i]], TC_NAME_COLUMNS);
	}
	if (n > NAMES_SAID)
		tc_out_str(out, " ...");
	if (n == 1)
		tc_out_str(out, " waits for a future that nothing else refers to, so that nobody "
				"can complete it");
}

/* Those of o->tasks from `from` on that wait at one line. Returns where the next ones begin. */
static size_t add_finding(struct orphans *o, size_t from)
{
	const struct tc_model *model = o->scene->model;
	const struct tc_lookup_entry *entries = o->tasks.entries;
	const struct tc_task *first = &model->tasks[entries[from].at];
	struct tc_finding *finding =
		tc_findings_room(o->findings) ?
			tc_finding_add(o->findings, TC_CAUSE_ORPHAN_FUTURE, TC_LIKELY) :
			NULL;
	size_t i = from;

	for (; i < o->tasks.n; i++) {
		const struct tc_task *task = &model->tasks[entries[i].at];
		if (task->chain != first->chain)
			break;
		if (!finding)
			continue;
		tc_ids_add(&finding->tasks, entries[i].at);
	}
	if (!finding)
		return i;
	describe(o, finding);
	tc_finding_culprit(finding, tc_place_best(model, first->chain));
	struct tc_out *line = tc_finding_evidence(finding);
	tc_out_str(line, "each reference to the future is the task's own; it waits at ");
	tc_say_link(line, o->scene, tc_place_best(model, first->chain));
	finding->ends = TC_ENDS_UNKNOWN;
	finding->why = "nobody else has the future; only cancelling the task ends it";
	return i;
}

void tc_detect_orphan_future(const struct tc_scene *scene, struct tc_findings *findings)
{
	const struct tc_model *model = scene->model;
	struct orphans o = {
		.scene = scene,
		.findings = findings,
		.timed = tc_array_new(model->n_tasks, sizeof(*o.timed)),
		.seen = tc_array_new(tc_graph_n_nodes(scene->graph), sizeof(*o.seen)),
	};

	tc_timed_find(scene, o.timed);
	for (size_t i = 0; i < model->n_tasks; i++)
		if (is_orphan(&o, &model->tasks[i]))
			tc_lookup_add(&o.tasks, model->tasks[i].chain, i);
	tc_lookup_sort(&o.tasks);
	for (size_t from = 0; from < o.tasks.n;)
		from = add_finding(&o, from);
	tc_lookup_deinit(&o.tasks);
	free(o.timed);
	free(o.seen);
}
