/* SPDX-License-Identifier: Apache-2.0
 * The canonical report: one line of JSON for each task, in the order of the lines' bytes. It holds
 * nothing that differs between two dumps of a program that stands still: no ids, addresses, times,
 * threads or head. */
#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/facts/place.h"
#include "analyzer/report/json/report_json.h"

struct line {
	size_t at, size;
};

static void put_task_name(void *context, const struct tc_task *task)
{
	struct tc_json_report *r = context;
	char numbered[TC_TASK_NAME];

	tc_json_text(&r->json, NULL, tc_model_task_name(r->report->model, task, numbered));
}

static void put_wait(struct tc_json_report *r, const struct tc_task *task)
{
	struct tc_json *json = &r->json;
	struct tc_wait wait;
	char numbered[TC_TASK_NAME];

	wait = *tc_graph_wait(r->report->graph, task, &wait);
	if (wait.kind == TC_WAIT_NONE)
		return;
	tc_json_object(json, "waits_for");
	tc_json_str(json, "kind", tc_wait_word(wait.kind));
	if (wait.type)
		tc_json_type(r, "type", wait.type);
	if (wait.task)
		tc_json_text(json, "task",
			     tc_model_task_name(r->report->model, wait.task, numbered));
	/* Members of sets have no order: only ordered collections are named one by one. */
	if (wait.members && wait.kind == TC_WAIT_GATHER) {
		tc_json_array(json, "tasks");
		tc_wait_members(r->report->graph->finder, &wait, TC_ITEMS_MAX, put_task_name, r);
		tc_json_end(json, ']');
	} else if (wait.members) {
		tc_json_u(json, "members",
			  tc_wait_members(r->report->graph->finder, &wait, 0, put_task_name, r));
	}
	tc_json_end(json, '}');
}

static void put_task(struct tc_json_report *r, const struct tc_task *task)
{
	static struct tc_links_list list;
	const struct tc_model *model = r->report->model;
	size_t n = tc_place_list(model, task->chain, r->report->max_links, &list);
	struct tc_json *json = &r->json;
	char numbered[TC_TASK_NAME];

	json->comma[0] = false;
	tc_json_object(json, NULL);
	tc_json_text(json, "name", tc_model_task_name(model, task, numbered));
	tc_json_type(r, "class", task->type);
	if (tc_report_task_state(task))
		tc_json_str(json, "state", tc_report_task_state(task));
	tc_json_type(r, "loop", tc_model_loopref(model, task->loop)->type);
	tc_json_u(json, "cancels_requested", task->cancels);
	tc_json_bool(json, "must_cancel", task->flags & TC_TASK_MUST_CANCEL);
	put_wait(r, task);
	tc_json_array(json, "chain");
	for (size_t i = 0; i < n; i++) {
		tc_json_frame_begin(r, list.ids[i]);
		tc_json_end(json, '}');
	}
	tc_json_end(json, ']');
	if (task->exception)
		tc_json_type(r, "exception", task->exception);
	tc_json_end(json, '}');
	tc_json_line(json);
}

static const char
	*sorted_text; /* what the lines' offsets count from: qsort passes nothing else on */

static int by_bytes(const void *left, const void *right)
{
	const struct line *a = left, *b = right;
	int r = memcmp(sorted_text + a->at, sorted_text + b->at,
		       a->size < b->size ? a->size : b->size);

	return r ? r : a->size < b->size ? -1 : a->size > b->size;
}

/* Of the causes those that are no conclusion: that the dump is of a crash. */
static void put_crash(struct tc_json_report *r)
{
	if (!r->report->crash.record)
		return;
	tc_json_object(&r->json, NULL);
	tc_json_str(&r->json, "finding", tc_cause_word(TC_CAUSE_CRASH));
	tc_json_signal(r);
	tc_json_end(&r->json, '}');
	tc_json_line(&r->json);
}

void tc_report_canonical(const struct tc_report *report, struct tc_out *out)
{
	const struct tc_model *model = report->model;
	struct tc_out text;
	struct tc_json_report r;
	struct line *lines = tc_array_new(model->n_tasks, sizeof(*lines));

	tc_out_init_memory(&text);
	tc_json_report_init(&r, report, &text);
	put_crash(&r); /* comes first by its bytes */
	tc_out_raw(out, text.buffer, text.used);
	text.used = 0;
	for (size_t i = 0; i < model->n_tasks; i++) {
		lines[i].at = text.used;
		put_task(&r, &model->tasks[i]);
		lines[i].size = text.used - lines[i].at;
	}
	sorted_text = text.buffer;
	if (model->n_tasks)
		qsort(lines, model->n_tasks, sizeof(*lines), by_bytes);
	for (size_t i = 0; i < model->n_tasks; i++)
		tc_out_raw(out, text.buffer + lines[i].at, lines[i].size);
	tc_json_report_deinit(&r);
	tc_out_deinit(&text);
	free(lines);
}
