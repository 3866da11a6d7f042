/* SPDX-License-Identifier: Apache-2.0
 * Putting the report together, and words that all renderers use. */
#include "analyzer/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "analyzer/base/array.h"
#include "analyzer/facts/place.h"

/* A forged file of 100 kB can make thousands of tasks share a chain of thousands of links; a report
 * of gigabytes helps nobody. What real programs have stays below: a task takes at least 30
 * bytes. */
#define LINKS_IN_ALL 10000000u /* and as many more as four times the bytes of the file */
#define LINKS_THEN 100u

static size_t max_links(const struct tc_model *model)
{
	uint64_t sum = model->n_links;

	for (size_t i = 0; i < model->n_pythreads; i++)
		sum += tc_model_chain(model, model->pythreads[i].chain)->depth;
	return sum > LINKS_IN_ALL + 4 * model->dump->size ? LINKS_THEN : TC_CHAIN_MAX;
}

/* The folder in common of the program's own files. */
static struct tc_text common_root(const struct tc_model *model)
{
	struct tc_text root = { 0 };

	for (size_t i = 1; i < model->n_codes; i++) {
		struct tc_text file = tc_model_string(model, model->codes[i].file);
		if (file.size == 0 || file.at[0] != '/' ||
		    tc_place_owner(model, file) != TC_OWNER_USER)
			continue;
		if (root.size == 0)
			root = file;
		size_t same = 0;
		while (same < root.size && same < file.size && root.at[same] == file.at[same])
			same++;
		while (same > 0 && root.at[same - 1] != '/')
			same--;
		root.size = same;
	}
	return root.size > 1 ? root : (struct tc_text){ 0 };
}

/* Which findings explain tasks of each group. */
static void explain_groups(struct tc_report *report)
{
	report->explained_by = tc_array_new(report->groups.n, sizeof(*report->explained_by));
	for (size_t i = 0; report->findings.n && i < report->model->n_tasks; i++) {
		uint32_t number = report->findings.of_task[i], group = report->groups.of_task[i];
		if (!number || group == UINT32_MAX)
			continue;
		struct tc_ids *ids = &report->explained_by[group];
		bool known = false;
		for (size_t k = ids->n; k > 0 && !known; k--)
			known = ids->at[k - 1] == number;
		if (!known)
			tc_ids_add(ids, number);
	}
}

void tc_report_init(struct tc_report *report, const struct tc_model *model,
		    const struct tc_graph *graph, const struct tc_options *options,
		    bool with_objects)
{
	const struct tc_status *status = &model->status;

	*report = (struct tc_report){
		.options = options, .dump = model->dump, .model = model, .graph = graph
	};
	report->max_links = max_links(model);
	report->root = common_root(model);
	tc_threads_init(&report->threads, model);
	tc_crash_view_init(&report->crash, &report->threads);
	tc_loops_init(&report->loops, &report->threads, &report->crash);
	const struct tc_scene scene = {
		.model = model,
		.graph = graph,
		.threads = &report->threads,
		.loops = &report->loops,
		.crash = &report->crash,
		.root = report->root,
	};
	tc_detect(&scene, &report->findings);
	tc_groups_init(&report->groups, graph, with_objects);
	explain_groups(report);
	tc_failures_init(&report->failures, model);
	report->complete =
		model->dump->sealed && model->dump->n_problems_all == 0 && status->present &&
		status->cut == 0 && status->objects_cut == 0 &&
		!(status->flags & (TC_STATUS_CUT | TC_STATUS_REPLACED | TC_STATUS_DISAGREED));
}

void tc_report_deinit(struct tc_report *report)
{
	for (size_t i = 0; i < report->groups.n; i++)
		free(report->explained_by[i].at);
	free(report->explained_by);
	tc_groups_deinit(&report->groups);
	tc_findings_deinit(&report->findings);
	tc_failures_deinit(&report->failures);
	tc_loops_deinit(&report->loops);
	tc_threads_deinit(&report->threads);
	*report = (struct tc_report){ 0 };
}

const char *tc_report_task_state(const struct tc_task *task)
{
	static const char *const words[] = { "pending", "cancelled", "done", NULL };

	if (task->flags & TC_TASK_STATE_UNKNOWN)
		return NULL;
	return task->flags & TC_TASK_RUNNING ? "running" : words[tc_task_state(task)];
}

const char *tc_report_version(uint32_t hex, char *text)
{
	unsigned level = hex >> 4 & 15, serial = hex & 15;
	int n = snprintf(text, TC_VERSION_TEXT, "%u.%u", hex >> 24, hex >> 16 & 255);

	if (hex & 0xffff) /* else the release is not known */
		n += snprintf(text + n, TC_VERSION_TEXT - (size_t)n, ".%u", hex >> 8 & 255);

	if (level != 15 && level != 0) /* PY_RELEASE_LEVEL_FINAL is 15 */
		snprintf(text + n, TC_VERSION_TEXT - (size_t)n, "%s%u",
			 level == 10 ? "a" :
			 level == 11 ? "b" :
				       "rc",
			 serial);
	return text;
}

const char *tc_report_time(uint64_t wall_ns, char *text)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(text, TC_TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		strcpy(text, "?");
	else
		snprintf(text + strlen(text), TC_TIME_TEXT - strlen(text), ".%03uZ",
			 (unsigned)(wall_ns / 1000000 % 1000));
	return text;
}

const struct tc_interp *tc_report_interp(const struct tc_model *model)
{
	for (size_t i = 1; i < model->n_interps; i++)
		if (model->interps[i].version)
			return &model->interps[i];
	return model->n_interps > 1 ? &model->interps[1] : NULL;
}

/* Lines of our own from the status' flags. */
static const struct {
	unsigned flag;
	const char *text;
} flag_lines[] = {
	{ TC_STATUS_UNFROZEN,
	  "it was to stand still, but did not in time: tasks may have moved while they were read" },
	{ TC_STATUS_REPLACED, "the process ended or was replaced while it was read" },
	{ TC_STATUS_NO_PYTHON, "there is no Python interpreter in this process" },
	{ TC_STATUS_UNKNOWN_PYTHON,
	  "this version of Python is not known: only threads and modules were read" },
	{ TC_STATUS_DISAGREED,
	  "the interpreter's own counts of tasks did not match what was found" },
};

bool tc_report_missing(const struct tc_report *report, size_t number, char *text,
		       struct tc_text *ret)
{
	const struct tc_status *status = &report->model->status;
	const struct tc_dump *dump = report->dump;

	for (size_t i = 0; i < sizeof(flag_lines) / sizeof(*flag_lines); i++)
		if ((status->flags & flag_lines[i].flag) && number-- == 0) {
			*ret = (struct tc_text){ (const uint8_t *)flag_lines[i].text,
						 strlen(flag_lines[i].text) };
			return true;
		}
	if (number < status->n_notices) {
		*ret = status->notices[number];
		return true;
	}
	number -= status->n_notices;
	if (number < dump->n_problems) {
		snprintf(text, TC_MISSING_TEXT, "at byte %llu: %s",
			 (unsigned long long)dump->problems[number].at,
			 dump->problems[number].text);
	} else if (number == dump->n_problems && dump->n_problems_all > dump->n_problems) {
		snprintf(text, TC_MISSING_TEXT, "and %llu more damaged places",
			 (unsigned long long)(dump->n_problems_all - dump->n_problems));
	} else if (number == dump->n_problems + (dump->n_problems_all > dump->n_problems) &&
		   report->max_links < TC_CHAIN_MAX) {
		snprintf(text, TC_MISSING_TEXT,
			 "of each chain only the innermost %zu links are shown", report->max_links);
	} else {
		return false;
	}
	*ret = (struct tc_text){ (const uint8_t *)text, strlen(text) };
	return true;
}
