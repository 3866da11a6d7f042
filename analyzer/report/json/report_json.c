/* SPDX-License-Identifier: Apache-2.0
 * The report for programs: schema taskcore-report/1, as one object or as lines. Streamed, record by
 * record. */
#include "analyzer/report/json/report_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/facts/place.h"
#include "analyzer/facts/syscalls.h"

static void list_begin(struct tc_json_report *r, const char *name)
{
	if (r->jsonl)
		return;
	tc_json_array(&r->json, name);
	tc_json_line(&r->json);
}

static void list_end(struct tc_json_report *r)
{
	if (!r->jsonl)
		tc_json_end(&r->json, ']');
}

static void put_argv(struct tc_json_report *r, struct tc_text argv)
{
	tc_json_array(&r->json, "argv");
	while (argv.size) {
		const uint8_t *zero = memchr(argv.at, 0, argv.size);
		size_t size = zero ? (size_t)(zero - argv.at) : argv.size;
		tc_json_text(&r->json, NULL, (struct tc_text){ argv.at, size });
		size += zero != NULL;
		argv = (struct tc_text){ argv.at + size, argv.size - size };
	}
	tc_json_end(&r->json, ']');
}

static void put_head(struct tc_json_report *r, const struct tc_head *head)
{
	struct tc_json *json = &r->json;
	char when[TC_TIME_TEXT];

	if (!head->present)
		return;
	if (head->reason.size)
		tc_json_text(json, "reason", head->reason);
	if (head->signal)
		tc_json_u(json, "signal", head->signal);
	if (head->sender_pid) {
		tc_json_object(json, "sender");
		tc_json_u(json, "pid", head->sender_pid);
		tc_json_u(json, "uid", head->sender_uid);
		tc_json_end(json, '}');
	}
	tc_json_u(json, "pid", head->pid);
	tc_json_text(json, "exe", head->exe);
	put_argv(r, head->argv);
	tc_json_text(json, "host", head->host);
	if (head->state) {
		const uint8_t letter = (uint8_t)head->state;
		tc_json_text(json, "state", (struct tc_text){ &letter, 1 });
	}
	tc_json_bool(json, "hook", head->flags & TC_HEAD_HOOK);
	if (head->wall_ns)
		tc_json_str(json, "taken_at", tc_report_time(head->wall_ns, when));
	if (head->start_ns && head->boottime_ns > head->start_ns)
		tc_json_f(json, "uptime_s",
			  (double)((head->boottime_ns - head->start_ns) / 1000000) / 1000);
}

static void put_interp(struct tc_json_report *r)
{
	const struct tc_interp *interp = tc_report_interp(r->report->model);
	char version[TC_VERSION_TEXT];

	if (!interp)
		return;
	if (interp->version)
		tc_json_str(&r->json, "python", tc_report_version(interp->version, version));
	if (interp->implementation)
		tc_json_text(&r->json, "implementation",
			     tc_model_string(r->report->model, interp->implementation));
	if (interp->layout)
		tc_json_text(&r->json, "layout", tc_model_string(r->report->model, interp->layout));
}

static void put_counts(struct tc_json_report *r)
{
	const struct tc_model *model = r->report->model;
	const struct tc_status *status = &model->status;
	struct tc_json *json = &r->json;

	tc_json_object(json, "counts");
	if (status->present) {
		tc_json_u(json, "tasks", status->found);
		tc_json_u(json, "read", status->read);
		tc_json_u(json, "torn", status->torn);
		tc_json_u(json, "cut", status->cut);
		tc_json_u(json, "done", status->done);
	} else {
		tc_json_null(json, "tasks");
		tc_json_u(json, "read", model->n_clean);
		tc_json_u(json, "torn", model->n_torn);
		tc_json_null(json, "cut");
		tc_json_u(json, "done", r->report->groups.n_done);
	}
	tc_json_end(json, '}');
}

static void put_dump(struct tc_json_report *r)
{
	const struct tc_report *report = r->report;
	const struct tc_status *status = &report->model->status;
	struct tc_json *json = &r->json;
	struct tc_text path = { (const uint8_t *)report->dump->path, strlen(report->dump->path) },
		       line;
	char text[TC_MISSING_TEXT];

	tc_json_text(json, "file", path);
	put_head(r, &report->model->head);
	tc_json_crash(r);
	put_interp(r);
	if (status->present) {
		tc_json_u(json, "pause_ns", status->pause_ns);
		tc_json_u(json, "duration_ns", status->duration_ns);
		tc_json_bool(json, "frozen", status->flags & TC_STATUS_FROZEN);
	}
	tc_json_u(json, "bytes", report->dump->size);
	tc_json_bool(json, "complete", report->complete);
	put_counts(r);
	tc_json_array(json, "truncated");
	for (size_t i = 0; tc_report_missing(report, i, text, &line); i++)
		tc_json_text(json, NULL, line);
	tc_json_end(json, ']');
}

static void put_known(struct tc_json *json, const char *key, uint64_t plus_one)
{
	if (plus_one)
		tc_json_u(json, key, plus_one - 1);
}

static void put_loop(struct tc_json_report *r, const struct tc_loop_view *view)
{
	static const char *const hints[] = { NULL, "lost-wakeup", "waits-for-gil", "computes" };
	struct tc_json *json = &r->json;

	tc_json_record_begin(r, "loop");
	tc_json_id(json, "id", 'L', view->id);
	tc_json_type(r, "class", tc_model_loopref(r->report->model, view->id)->type);
	if (view->thread)
		tc_json_id(json, "thread", 'H', tc_report_thread_number(r->report, view->thread));
	if (tc_loop_word(view->state))
		tc_json_str(json, "state", tc_loop_word(view->state));
	else
		tc_json_null(json, "state");
	if (view->blocked_ns)
		tc_json_f(json, "blocked_s", (double)(view->blocked_ns / 1000000) / 1000);
	else
		tc_json_null(json, "blocked_s");
	if (view->task)
		tc_json_id(json, "running_task", 'T', tc_report_task_number(r->report, view->task));
	if (view->loop) {
		put_known(json, "ready", view->loop->ready);
		put_known(json, "timers", view->loop->timers);
		put_known(json, "cancelled_timers", view->loop->cancelled);
		put_known(json, "overdue", view->loop->overdue);
		put_known(json, "fds", view->loop->fds);
	}
	tc_json_u(json, "tasks", view->n_tasks);
	if (hints[view->hint])
		tc_json_str(json, "hint", hints[view->hint]);
	tc_json_record_end(r);
}

static void put_syscall(struct tc_json *json, const struct tc_thread *os)
{
	if (!os->syscall) {
		tc_json_null(json, "syscall");
		return;
	}
	tc_json_object(json, "syscall");
	tc_json_u(json, "nr", os->syscall - 1);
	if (tc_syscall_name(os->syscall - 1))
		tc_json_str(json, "name", tc_syscall_name(os->syscall - 1));
	tc_json_array(json, "args");
	for (int i = 0; i < 6; i++)
		tc_json_i(json, NULL, (int64_t)os->args[i]); /* -1 is a common one */
	tc_json_end(json, ']');
	tc_json_end(json, '}');
}

static void put_thread(struct tc_json_report *r, const struct tc_thread_view *view)
{
	struct tc_json *json = &r->json;
	const struct tc_model *model = r->report->model;
	const uint8_t letter = view->os ? view->os->state : 0;

	tc_json_record_begin(r, "thread");
	tc_json_id(json, "id", 'H', tc_report_thread_number(r->report, view));
	if (view->os || view->py->tid)
		tc_json_u(json, "tid", view->os ? view->os->tid : view->py->tid);
	if (view->os) {
		tc_json_text(json, "name", view->os->name);
		if (letter > ' ' && letter < 127)
			tc_json_text(json, "state", (struct tc_text){ &letter, 1 });
		put_syscall(json, view->os);
	}
	if (view->py && (view->py->flags & TC_PYTHREAD_GIL_KNOWN))
		tc_json_bool(json, "holds_gil", tc_loops_hold_gil(&r->report->loops, view));
	if (view->loop)
		tc_json_id(json, "loop", 'L', view->loop);
	if (view->task)
		tc_json_id(json, "task", 'T', tc_report_task_number(r->report, view->task));
	tc_json_array(json, "python");
	uint32_t id = view->py ? view->py->chain : 0;
	for (size_t n = 0; id && n < r->report->max_links; id = model->chains[id].parent, n++) {
		tc_json_frame_begin(r, id);
		tc_json_end(json, '}');
	}
	tc_json_end(json, ']');
	tc_json_str(json, "native_status", "none");
	tc_json_record_end(r);
}

static void put_group(struct tc_json_report *r, size_t number)
{
	static struct tc_links_list list;
	const struct tc_report *report = r->report;
	const struct tc_group *group = &report->groups.groups[number];
	struct tc_json *json = &r->json;
	size_t n = tc_place_list(report->model, group->chain, report->max_links, &list);

	tc_json_record_begin(r, "group");
	tc_json_id(json, "id", 'G', number + 1);
	tc_json_u(json, "count", group->count);
	tc_json_array(json, "chain");
	for (size_t i = 0; i < n; i++) {
		struct tc_place place;
		tc_place_init(&place, report->model, list.ids[i]);
		r->scratch.used = 0;
		tc_out_raw(&r->scratch, (const char *)place.function.at, place.function.size);
		if (place.file.size) {
			tc_out_raw(&r->scratch, " ", 1);
			tc_out_raw(&r->scratch, (const char *)place.file.at, place.file.size);
			tc_out_printf(&r->scratch, ":%u", place.line);
		}
		tc_json_text(
			json, NULL,
			(struct tc_text){ (const uint8_t *)r->scratch.buffer, r->scratch.used });
	}
	tc_json_end(json, ']');
	if (group->wait == TC_WAIT_NONE)
		tc_json_null(json, "waits_for");
	else
		tc_json_str(json, "waits_for", tc_wait_word(group->wait));
	tc_json_bool(json, "not_started", group->not_started);
	tc_json_id(json, "example", 'T', group->example + 1);
	tc_json_array(json, "explained_by");
	for (size_t i = 0; i < report->explained_by[number].n; i++)
		tc_json_id(json, NULL, 'F', report->explained_by[number].at[i]);
	tc_json_end(json, ']');
	tc_json_record_end(r);
}

static void put_lists(struct tc_json_report *r)
{
	const struct tc_report *report = r->report;

	list_begin(r, "loops");
	for (size_t i = 0; i < report->loops.n; i++)
		put_loop(r, &report->loops.at[i]);
	list_end(r);
	list_begin(r, "tasks");
	tc_json_tasks(r);
	list_end(r);
	list_begin(r, "objects");
	tc_json_objects(r);
	list_end(r);
	list_begin(r, "descriptors");
	tc_json_descriptors(r);
	list_end(r);
	list_begin(r, "threads");
	for (size_t i = 0; i < report->threads.n; i++)
		put_thread(r, &report->threads.at[i]);
	list_end(r);
	list_begin(r, "groups");
	for (size_t i = 0; i < report->groups.n; i++)
		put_group(r, i);
	list_end(r);
	list_begin(r, "findings");
	tc_json_findings(r);
	list_end(r);
}

void tc_report_json(const struct tc_report *report, struct tc_out *out)
{
	struct tc_json_report r;

	tc_json_report_init(&r, report, out);
	tc_json_object(&r.json, NULL);
	tc_json_str(&r.json, "schema", "taskcore-report/1");
	tc_json_object(&r.json, "dump");
	put_dump(&r);
	tc_json_end(&r.json, '}');
	put_lists(&r);
	tc_json_end(&r.json, '}');
	tc_json_line(&r.json);
	tc_json_report_deinit(&r);
}

void tc_report_jsonl(const struct tc_report *report, struct tc_out *out)
{
	struct tc_json_report r;

	tc_json_report_init(&r, report, out);
	r.jsonl = true;
	tc_json_record_begin(&r, "dump");
	tc_json_str(&r.json, "schema", "taskcore-report/1");
	put_dump(&r);
	tc_json_record_end(&r);
	put_lists(&r);
	tc_json_report_deinit(&r);
}
