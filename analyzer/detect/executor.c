/* SPDX-License-Identifier: Apache-2.0
 * executor-exhausted: a pool of processes has work, and no process is left to do it.
 * Lib/concurrent/ futures/process.py: the thread of the pool has the processes and the work in its
 * attributes (from 3.9 on). With max_tasks_per_child none may be started again
 * (python/cpython#115634). */
#include "analyzer/detect/detect.h"
#include "analyzer/detect/words.h"
#include "analyzer/dump/values.h"
#include "analyzer/facts/place.h"

/* The pool of this thread, if it manages one; NULL: it does not. *ret_link: its frame. */
static const struct tc_object *pool_of(const struct tc_model *model,
				       const struct tc_pythread *thread, uint32_t *ret_link)
{
	struct tc_place place;
	struct tc_value self;

	for (uint32_t link = thread->chain; link; link = model->chains[link].parent) {
		tc_place_init(&place, model, link);
		if (!tc_place_is(&place, "concurrent/futures/process.py", "run") ||
		    !tc_thread_local(model, thread, link, "self", &self) || self.tag != TC_VAL_REF)
			continue;
		*ret_link = link;
		return tc_model_object_at(model, self.word);
	}
	return NULL;
}

static bool size_of(const struct tc_model *model, const struct tc_object *object, const char *name,
		    uint64_t *ret)
{
	struct tc_value value;

	if (!tc_object_attr(model, object, name, &value) || value.tag != TC_VAL_SIZED)
		return false;
	*ret = value.size;
	return true;
}

/* The tasks that wait for a job that a process should do. There is one pool alone, or it is not
 * known whose they are. */
static size_t add_tasks(const struct tc_scene *scene, struct tc_finding *finding)
{
	const struct tc_model *model = scene->model;
	struct tc_wait scratch;
	size_t n = 0;

	for (size_t i = 0; i < model->n_tasks; i++) {
		const struct tc_wait *wait;
		if (!tc_task_alive(&model->tasks[i]) ||
		    tc_wait_kind_of(scene->graph->finder, &model->tasks[i]) != TC_WAIT_EXECUTOR)
			continue;
		wait = tc_graph_wait(scene->graph, &model->tasks[i], &scratch);
		if (wait->job.pool != TC_POOL_PROCESS)
			continue;
		tc_ids_add(&finding->tasks, i);
		tc_finding_culprit(finding, tc_place_best(model, model->tasks[i].chain));
		n++;
	}
	return n;
}

static void look_at(const struct tc_scene *scene, const struct tc_pythread *thread,
		    struct tc_findings *findings)
{
	const struct tc_model *model = scene->model;
	const struct tc_thread_view *view = tc_threads_of(scene->threads, thread);
	uint64_t processes, work;
	uint32_t link;
	const struct tc_object *pool = pool_of(model, thread, &link);

	if (!pool || !size_of(model, pool, "processes", &processes) ||
	    !size_of(model, pool, "pending_work_items", &work) || processes || !work ||
	    !tc_findings_room(findings))
		return;
	struct tc_finding *finding =
		tc_finding_add(findings, TC_CAUSE_EXECUTOR_EXHAUSTED, TC_LIKELY);
	const size_t n = add_tasks(scene, finding);
	tc_out_printf(&finding->summary,
		      "a ProcessPoolExecutor has %llu job%s and no process left to do %s",
		      (unsigned long long)work, work == 1 ? "" : "s", work == 1 ? "it" : "them");
	if (n)
		tc_out_printf(&finding->summary, "; %zu task%s wait%s for such a job", n,
			      n == 1 ? "" : "s", n == 1 ? "s" : "");
	struct tc_out *line = tc_finding_evidence(finding);
	if (view) {
		tc_ids_add(&finding->threads, (size_t)(view - scene->threads->at));
		tc_out_printf(line, "H%zu, which manages the pool, has it in O%zu: ",
			      (size_t)(view - scene->threads->at) + 1,
			      (size_t)(pool - model->objects) + 1);
	}
	tc_out_printf(line, "processes 0, pending_work_items %llu", (unsigned long long)work);
	tc_finding_waits(finding, link);
	finding->ends = TC_ENDS_NO;
	finding->why = "a pool starts processes only when more work comes, and with "
		       "max_tasks_per_child perhaps not then";
}

void tc_detect_executor(const struct tc_scene *scene, struct tc_findings *findings)
{
	for (size_t i = 0; i < scene->model->n_pythreads; i++)
		look_at(scene, &scene->model->pythreads[i], findings);
}
