/* SPDX-License-Identifier: Apache-2.0
 * The part of the page about tasks: groups of identical chains, and every task for --all. */
#include <inttypes.h>

#include "analyzer/report/text/report_parts.h"

#define GROUPS_SHOWN 8	 /* with their chains */
#define GROUPS_LISTED 16 /* in one line each, behind those */

/* "Lock O3 (27), O7 (17)": the objects of a group, where they are few. */
static void put_objects(struct tc_page *page, const struct tc_group *group)
{
	const struct tc_model *model = page->report->model;
	const char *gap = "";

	bool shared = false; /* an object of one task alone says nothing about a group */

	for (int i = 0; i < TC_GROUP_OBJECTS; i++)
		shared = shared || group->objects[i].count > 1;
	if (group->others || !shared || group->wait == TC_WAIT_SLEEP)
		return;
	for (int i = 0; i < TC_GROUP_OBJECTS && group->objects[i].addr; i++) {
		const struct tc_object *object = tc_model_object_at(model, group->objects[i].addr);
		const struct tc_task *task = tc_model_task_at(model, group->objects[i].addr);
		tc_out_str(page->out, *gap ? gap : " ");
		if (task)
			tc_out_printf(page->out, "T%zu", tc_report_task_number(page->report, task));
		else if (object)
			tc_out_printf(page->out, "O%zu",
				      tc_report_object_number(page->report, object));
		else
			tc_out_printf(page->out, "0x%" PRIx64, group->objects[i].addr);
		tc_phrase_detail(page, group->wait, object);
		if (group->objects[i].count != group->count)
			tc_out_printf(page->out, " (%" PRIu64 ")", group->objects[i].count);
		gap = ", ";
	}
}

/* "(55 in G3, 29 in G4)": where the tasks stand that these wait for. */
static void put_behind(struct tc_page *page, const struct tc_group *group)
{
	uint64_t told = 0;

	for (int i = 0; i < TC_GROUP_OBJECTS && group->behind[i].count; i++) {
		tc_out_printf(page->out, "%s%" PRIu64 " in G%u", i ? ", " : " (",
			      group->behind[i].count, group->behind[i].group + 1);
		told += group->behind[i].count;
	}
	if (told)
		tc_out_str(page->out, told < group->n_awaited ? ", ...)" : ")");
}

/* Those that do not wait any more. */
static void put_ready(struct tc_page *page, const struct tc_group *group)
{
	if (group->n_ready == 0 || group->wait == TC_WAIT_NONE)
		return;
	if (group->count == 1)
		tc_out_str(page->out, " (woken, not yet run)");
	else
		tc_out_printf(page->out, " (%" PRIu64 " of them woken, not yet run)",
			      group->n_ready);
}

/* "an executor (2 in its threads, 5 taken by nobody yet)". */
static void put_jobs(struct tc_page *page, const struct tc_group *group)
{
	const struct {
		uint64_t n;
		const char *text;
	} parts[] = {
		{ group->n_threads, "in its threads" },
		{ group->n_processes, "handed to its processes" },
		{ group->n_queued, "taken by nobody yet" },
	};
	const char *gap = " (";

	tc_out_str(page->out, tc_phrase_wait(group->wait));
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (!parts[i].n)
			continue;
		tc_out_printf(page->out, "%s%" PRIu64 " %s", gap, parts[i].n, parts[i].text);
		gap = ", ";
	}
	if (*gap == ',')
		tc_out_str(page->out, ")");
}

/* What all tasks of the group wait for; wait: that of its example. */
static void put_kind(struct tc_page *page, const struct tc_group *group, const struct tc_wait *wait)
{
	if (group->wait == TC_WAIT_SLEEP)
		tc_phrase_sleep(page, &group->sleeps, "the next ");
	else if (group->wait == TC_WAIT_EXECUTOR)
		put_jobs(page, group);
	else if (group->wait == TC_WAIT_WAIT)
		tc_out_str(page->out, tc_phrase_one_wait_kind(wait));
	else
		tc_out_str(page->out, tc_phrase_wait(group->wait));
}

/* Each task of a group has its own stream or process: that of the example is named with it. */
static void put_example(struct tc_page *page, const struct tc_group *group)
{
	const struct tc_report *report = page->report;
	const struct tc_task *task = &report->model->tasks[group->example];
	struct tc_wait wait;

	tc_phrase_task(page, task, 30);
	if (group->wait != TC_WAIT_STREAM_READ && group->wait != TC_WAIT_STREAM_DRAIN &&
	    group->wait != TC_WAIT_SUBPROCESS)
		return;
	wait = *tc_graph_wait(report->graph, task, &wait);
	tc_phrase_detail(page, wait.kind, wait.object);
}

static void put_wait(struct tc_page *page, const struct tc_group *group)
{
	const struct tc_report *report = page->report;
	struct tc_wait wait;

	if (group->wait == TC_WAIT_NONE) {
		tc_out_str(page->out, group->not_started ? "not started yet" :
				      group->n_ready	 ? "ready to run" :
							   "nothing is known of their wait");
		return;
	}
	tc_out_str(page->out, group->count == 1 ? "waits for " : "wait for ");
	wait = *tc_graph_wait(report->graph, &report->model->tasks[group->example], &wait);
	if (group->count == 1) {
		tc_phrase_one_wait(page, &wait);
	} else {
		put_kind(page, group, &wait);
		put_objects(page, group);
		put_behind(page, group);
	}
	put_ready(page, group);
}

void tc_part_group_line(struct tc_page *page, const struct tc_group *group, size_t number)
{
	struct tc_out *out = page->out;

	tc_out_ink(out, TC_INK_BOLD);
	tc_out_printf(out, "G%zu", number);
	tc_out_ink(out, TC_INK_NONE);
	tc_out_column(out, 5);
	if (group->count > 1) {
		tc_out_printf(out, "%" PRIu64 " tasks ", group->count);
		put_wait(page, group);
		tc_out_str(out, ", e.g. ");
		put_example(page, group);
	} else {
		tc_phrase_task(page, &page->report->model->tasks[group->example], 40);
		tc_out_str(out, " ");
		put_wait(page, group);
	}
}

/* One line: the wait and the place to look at. */
static void put_short(struct tc_page *page, const struct tc_group *group, size_t number)
{
	const struct tc_model *model = page->report->model;
	struct tc_place place;

	tc_part_group_line(page, group, number);
	tc_place_init(&place, model, tc_place_best(model, group->chain));
	tc_out_str(page->out, "  at ");
	tc_phrase_where(page, &place, 40);
	tc_out_newline(page->out);
}

static void put_title(struct tc_page *page)
{
	const struct tc_groups *groups = &page->report->groups;

	tc_out_newline(page->out);
	tc_part_label(page, "GROUPS");
	tc_out_printf(page->out, "%" PRIu64 " pending = %" PRIu64 " in ",
		      groups->n_grouped + groups->n_running, groups->n_grouped);
	tc_out_count(page->out, groups->n, "group");
	tc_out_str(page->out, " of identical chains");
	if (groups->n_running)
		tc_out_printf(page->out, " + %" PRIu64 " running", groups->n_running);
	tc_out_newline(page->out);
}

void tc_part_groups(struct tc_page *page)
{
	const struct tc_groups *groups = &page->report->groups;
	bool all = page->report->options->all;
	uint64_t left = 0;

	if (groups->n_grouped + groups->n_running == 0)
		return;
	put_title(page);
	for (size_t i = 0; i < groups->n; i++) {
		const struct tc_group *group = &groups->groups[i];
		if (i < GROUPS_SHOWN || (all && group->count > 1)) {
			tc_part_group_line(page, group, i + 1);
			tc_out_newline(page->out);
			tc_phrase_chain(page, group->chain, all ? 0 : TC_CHAIN_BRIEF, 5);
		} else if (i < GROUPS_SHOWN + GROUPS_LISTED) {
			put_short(page, group, i + 1);
		} else {
			left += group->count;
		}
	}
	if (groups->n > GROUPS_SHOWN + GROUPS_LISTED && left) {
		tc_out_str(page->out, "...  ");
		tc_out_count(page->out, left, "task");
		tc_out_printf(page->out, " in %zu more groups: --all shows them",
			      groups->n - GROUPS_SHOWN - GROUPS_LISTED);
		tc_out_newline(page->out);
	}
}

void tc_part_tasks(struct tc_page *page)
{
	const struct tc_report *report = page->report;
	const struct tc_model *model = report->model;
	struct tc_wait wait;

	tc_out_newline(page->out);
	tc_part_label(page, "TASKS");
	tc_out_printf(page->out, "%zu", model->n_tasks);
	tc_out_newline(page->out);
	for (size_t i = 0; i < model->n_tasks; i++) {
		const struct tc_task *task = &model->tasks[i];
		const char *state = tc_report_task_state(task);
		tc_phrase_task(page, task, 0);
		tc_out_printf(page->out, "  %s%s%s", state ? state : "state unknown",
			      task->flags & TC_TASK_TORN ? ", torn" : "",
			      task->flags & TC_TASK_CUT ? ", cut" : "");
		if (report->groups.of_task[i] != UINT32_MAX)
			tc_out_printf(page->out, ", G%u", report->groups.of_task[i] + 1);
		wait = *tc_graph_wait(report->graph, task, &wait);
		if (wait.kind != TC_WAIT_NONE) {
			tc_out_str(page->out, ", waits for ");
			tc_phrase_one_wait(page, &wait);
		}
		tc_out_newline(page->out);
		tc_phrase_chain(page, task->chain, 0, 5);
	}
}
