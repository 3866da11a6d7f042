/* SPDX-License-Identifier: Apache-2.0
 * lost-wakeup.thread: callbacks are ready, and the loop sleeps in its selector all the same. Who
 * made them ready did it from another thread, or from a signal handler, and did not wake the loop
 * (Lib/asyncio/base_events.py, call_soon and call_soon_threadsafe). */
#include "analyzer/detect/detect.h"
#include "analyzer/detect/words.h"
#include "analyzer/facts/place.h"

enum { CALLBACKS_SAID = 4 };

/* The tasks that the ready callbacks would wake, and what the others are. */
static void put_ready(const struct tc_scene *scene, const struct tc_loop_view *loop,
		      struct tc_finding *finding)
{
	const struct tc_model *model = scene->model;
	struct tc_out *line = tc_finding_evidence(finding);
	unsigned said = 0;

	for (size_t i = 0; i < model->n_handles; i++) {
		const struct tc_handle *handle = &model->handles[i];
		if (handle->loop != loop->id || handle->where != TC_HANDLE_READY ||
		    handle->flags & TC_HANDLE_CANCELLED)
			continue;
		const struct tc_task *task =
			handle->task ? tc_model_task_at(model, handle->task) : NULL;
		if (task) {
			tc_ids_add(&finding->tasks, (size_t)(task - model->tasks));
			tc_finding_culprit(finding, tc_place_best(model, task->chain));
		}
		if (said++ >= CALLBACKS_SAID)
			continue;
		tc_out_str(line, said > 1 ? ", " : "ready: ");
		if (task)
			tc_say_task(line, model, task, TC_NAME_COLUMNS);
		else
			tc_out_text(
				line,
				tc_model_string(model, tc_model_code(model, handle->code)->name),
				TC_NAME_COLUMNS);
	}
	tc_out_str(line, !said		       ? "what is ready is not known" :
			 said > CALLBACKS_SAID ? " ..." :
						 "");
}

void tc_detect_lost_wakeup(const struct tc_scene *scene, struct tc_findings *findings)
{
	for (size_t i = 0; i < scene->loops->n; i++) {
		const struct tc_loop_view *loop = &scene->loops->at[i];
		if (loop->hint != TC_LOOP_HINT_LOST_WAKEUP || loop->held_ns < TC_LOOP_OVERDUE_NS ||
		    !loop->thread || !loop->loop || !tc_findings_room(findings))
			continue;
		struct tc_finding *finding =
			tc_finding_add(findings, TC_CAUSE_LOST_WAKEUP_THREAD, TC_PROVED);
		tc_out_printf(&finding->summary,
			      "L%u sleeps though callbacks are ready (%llu): they were added from "
			      "another thread or a signal handler, which did not wake the loop",
			      loop->id, (unsigned long long)loop->loop->ready - 1);
		tc_ids_add(&finding->threads, (size_t)(loop->thread - scene->threads->at));
		put_ready(scene, loop, finding);
		struct tc_out *line = tc_finding_evidence(finding);
		tc_out_str(line, "its thread was watched for ");
		tc_out_ns(line, loop->held_ns);
		tc_out_str(line, " and stayed in its selector");
		finding->ends = TC_ENDS_UNKNOWN;
		finding->why = "with the next event or timer of the loop, if one comes";
	}
}
