/* SPDX-License-Identifier: Apache-2.0
 * loop-stopped: a loop is open and no thread runs it, and a thread waits for what only this loop
 * can do. Often a task of it has raised SystemExit or KeyboardInterrupt, which end the loop
 * (Lib/asyncio/events.py, Handle._run). Another thread may be about to run it, for the first time
 * or again: so it is told only where such an end was seen, or where all threads wait for it. */
#include "analyzer/detect/detect.h"
#include "analyzer/detect/handed.h"
#include "analyzer/detect/words.h"
#include "analyzer/facts/place.h"

/* The task that has ended the loop by its exception; NULL: none is recorded. */
static const struct tc_failure *ended_by(const struct tc_model *model, uint32_t loop)
{
	for (size_t i = 0; i < model->n_failures; i++) {
		const struct tc_task *task = &model->tasks[model->failures[i].task];
		const struct tc_text name =
			tc_model_string(model, tc_model_type(model, task->exception)->name);
		if (task->loop == loop &&
		    (tc_text_is(name, "SystemExit") || tc_text_is(name, "KeyboardInterrupt")))
			return &model->failures[i];
	}
	return NULL;
}

static void put_end(const struct tc_scene *scene, const struct tc_failure *failure,
		    struct tc_finding *finding)
{
	const struct tc_model *model = scene->model;
	const struct tc_task *task = &model->tasks[failure->task];
	uint32_t link = tc_place_best(model, failure->traceback);
	struct tc_out *line = tc_finding_evidence(finding);

	tc_ids_add(&finding->tasks, failure->task);
	tc_finding_culprit(finding, link);
	tc_say_task(line, model, task, TC_NAME_COLUMNS);
	tc_out_str(line, " raised ");
	tc_out_text(line, tc_model_string(model, tc_model_type(model, task->exception)->name), 40);
	tc_out_str(line, ", which ends a loop, at ");
	tc_say_link(line, scene, link);
}

/* What waits on the loop besides. */
static void put_stranded(const struct tc_loop_view *loop, struct tc_finding *finding)
{
	struct tc_out *line = tc_finding_evidence(finding);

	tc_out_printf(line, "on L%u: %llu pending task%s", loop->id,
		      (unsigned long long)loop->n_tasks, loop->n_tasks == 1 ? "" : "s");
	if (loop->loop && loop->loop->ready)
		tc_out_printf(line, ", %llu callback%s ready",
			      (unsigned long long)loop->loop->ready - 1,
			      loop->loop->ready == 2 ? "" : "s");
}

static struct tc_finding *add(const struct tc_scene *scene, const struct tc_loop_view *loop,
			      struct tc_findings *findings, bool all)
{
	const struct tc_failure *failure = ended_by(scene->model, loop->id);

	if ((!failure && !all) || !tc_findings_room(findings))
		return NULL;
	struct tc_finding *finding = tc_finding_add(findings, TC_CAUSE_LOOP_STOPPED, TC_LIKELY);
	finding->loop = loop->id;
	tc_out_printf(&finding->summary, "L%u is stopped, and no thread runs it", loop->id);
	if (failure)
		put_end(scene, failure, finding);
	put_stranded(loop, finding);
	finding->ends = TC_ENDS_NO;
	finding->why = "nothing of it is done unless a thread, or a signal handler, runs the loop";
	return finding;
}

static void put_waiter(const struct tc_scene *scene, const struct tc_loop_view *loop,
		       struct tc_finding *finding, const struct tc_pythread *thread,
		       const struct tc_awaited_result *awaited, const struct tc_handed *work)
{
	const struct tc_thread_view *view = tc_threads_of(scene->threads, thread);
	struct tc_out *line = tc_finding_evidence(finding);

	tc_finding_waits(finding, awaited->link);
	if (view)
		tc_ids_add(&finding->threads, (size_t)(view - scene->threads->at));
	if (!line || !view)
		return;
	tc_out_printf(line, "H%zu waits at ", (size_t)(view - scene->threads->at) + 1);
	tc_say_link(line, scene, awaited->link);
	tc_out_str(line, " for ");
	tc_say_handed(line, scene->model, work, loop->id);
}

/* The work of the loop that the thread waits for, without a timeout. */
static struct tc_handed work_of(const struct tc_model *model, const struct tc_loop_view *loop,
				const struct tc_pythread *thread, struct tc_awaited_result *ret)
{
	*ret = tc_awaited_result_of(model, thread);
	return ret->timed ? (struct tc_handed){ 0 } : tc_handed_to(model, loop->id, ret->future);
}

/* How many threads wait for the loop; *ret_all: all that are known, and one at least. */
static size_t count_waiters(const struct tc_model *model, const struct tc_loop_view *loop,
			    bool *ret_all)
{
	struct tc_awaited_result awaited;
	size_t n = 0;

	for (size_t i = 0; i < model->n_pythreads; i++)
		n += work_of(model, loop, &model->pythreads[i], &awaited).found;
	*ret_all = n > 0 && n == model->n_pythreads;
	return n;
}

static void look_at(const struct tc_scene *scene, const struct tc_loop_view *loop,
		    struct tc_findings *findings)
{
	bool all;
	size_t n = count_waiters(scene->model, loop, &all);
	struct tc_finding *finding = n ? add(scene, loop, findings, all) : NULL;

	if (!finding)
		return;
	tc_out_printf(&finding->summary, ": %zu thread%s wait%s for what was handed to it", n,
		      n == 1 ? "" : "s", n == 1 ? "s" : "");
	for (size_t i = 0; i < scene->model->n_pythreads; i++) {
		const struct tc_pythread *thread = &scene->model->pythreads[i];
		struct tc_awaited_result awaited;
		const struct tc_handed work = work_of(scene->model, loop, thread, &awaited);
		if (work.found)
			put_waiter(scene, loop, finding, thread, &awaited, &work);
	}
}

void tc_detect_loop_stopped(const struct tc_scene *scene, struct tc_findings *findings)
{
	for (size_t i = 0; i < scene->loops->n; i++)
		if (scene->loops->at[i].state == TC_LOOP_STOPPED)
			look_at(scene, &scene->loops->at[i], findings);
}
