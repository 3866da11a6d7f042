/* SPDX-License-Identifier: Apache-2.0
 * orphan.future: a task waits for a future that nothing but itself refers to, so that nobody can
 * complete it. */
#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/base/lookup.h"
#include "analyzer/detect/parked.h"
#include "analyzer/detect/words.h"
#include "analyzer/dump/values.h"
#include "analyzer/facts/place.h"

enum { NAMES_SAID = 4 };

struct orphans {
	const struct tc_scene *scene;
	struct tc_findings *findings;
	struct tc_lookup tasks; /* by chain */
	struct tc_left left;
};

static bool is_orphan(struct orphans *o, const struct tc_task *task)
{
	const struct tc_scene *scene = o->scene;

	return task->flags & TC_TASK_SOLE && tc_task_alive(task) &&
	       /* references that are counted while the loop turns are of several moments */
	       tc_loops_of_one_moment(scene->loops, task->loop) &&
	       !(task->flags & (TC_TASK_TORN | TC_TASK_RUNNING)) &&
	       !tc_wait_is_ready(scene->graph->finder, task) &&
	       tc_wait_kind_of(scene->graph->finder, task) == TC_WAIT_FUTURE &&
	       !scene->timed[task - scene->model->tasks] && tc_is_own_wait(scene->model, task) &&
	       !tc_may_be_parked(scene, task) && !tc_may_be_left(&o->left, task);
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
	};

	tc_left_init(&o.left, scene);
	for (size_t i = 0; i < model->n_tasks; i++)
		if (is_orphan(&o, &model->tasks[i]))
			tc_lookup_add(&o.tasks, model->tasks[i].chain, i);
	tc_lookup_sort(&o.tasks);
	for (size_t from = 0; from < o.tasks.n;)
		from = add_finding(&o, from);
	tc_lookup_deinit(&o.tasks);
	tc_left_deinit(&o.left);
}
