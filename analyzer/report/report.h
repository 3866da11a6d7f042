/* SPDX-License-Identifier: Apache-2.0
 * All that is concluded from a dump. The renderers read it and conclude nothing. */
#ifndef TC_REPORT_H
#define TC_REPORT_H

#include "analyzer/graph/failed.h"
#include "analyzer/graph/group.h"
#include "analyzer/graph/waits.h"
#include "analyzer/detect/detect.h"
#include "analyzer/facts/loop_view.h"
#include "analyzer/dump/model.h"
#include "analyzer/base/out.h"

struct tc_options {
	const char *source_root; /* NULL: the paths as they are */
	bool all;		 /* every task */
	unsigned width;		 /* columns of the page */
	bool color;
};

/* What the renderers get. */
struct tc_report {
	const struct tc_options *options;
	const struct tc_dump *dump;
	const struct tc_model *model;
	const struct tc_graph *graph;
	struct tc_groups groups;
	struct tc_failures failures;
	struct tc_threads threads;
	struct tc_crash_view crash;
	struct tc_loops loops;
	struct tc_findings findings;
	struct tc_ids *explained_by; /* of each group: numbers of findings */
	/* the folder that all of the program's own files are in, with its last slash; or empty */
	struct tc_text root;
	/* of a chain that are shown: fewer than recorded only where all together would be absurd */
	size_t max_links;
	bool complete; /* the file is whole, and nothing was left out */
};

/* Everything is borrowed and must outlive the report. with_objects: see group.h. */
void tc_report_init(struct tc_report *report, const struct tc_model *model,
		    const struct tc_graph *graph, const struct tc_options *options,
		    bool with_objects);
void tc_report_deinit(struct tc_report *report);

/* Numbers of the ids. */
static inline size_t tc_report_task_number(const struct tc_report *report,
					   const struct tc_task *task)
{
	return (size_t)(task - report->model->tasks) + 1;
}
static inline size_t tc_report_object_number(const struct tc_report *report,
					     const struct tc_object *object)
{
	return (size_t)(object - report->model->objects) + 1;
}
static inline size_t tc_report_thread_number(const struct tc_report *report,
					     const struct tc_thread_view *thread)
{
	return (size_t)(thread - report->threads.at) + 1;
}

/* "running", "pending", "done", "cancelled"; NULL when it is not known. */
const char *tc_report_task_state(const struct tc_task *task);
/* "3.11.2", "3.15.0a4" into text of TC_VERSION_TEXT bytes. */
#define TC_VERSION_TEXT 24
const char *tc_report_version(uint32_t hex, char *text);
/* ISO 8601 in UTC with milliseconds into text of TC_TIME_TEXT bytes. */
#define TC_TIME_TEXT 32
const char *tc_report_time(uint64_t wall_ns, char *text);
/* The Python interpreter of the dump: the first one; NULL: none. */
const struct tc_interp *tc_report_interp(const struct tc_model *model);
/* What is missing and why, one line after the other; NULL at the end. text holds TC_MISSING_TEXT
 * bytes. */
#define TC_MISSING_TEXT 512
bool tc_report_missing(const struct tc_report *report, size_t number, char *text,
		       struct tc_text *ret);

/* The renderers. */
void tc_report_text(const struct tc_report *report, struct tc_out *out);
void tc_report_json(const struct tc_report *report, struct tc_out *out);
void tc_report_jsonl(const struct tc_report *report, struct tc_out *out);
void tc_report_canonical(const struct tc_report *report, struct tc_out *out);
/* Everything about one item: an id ("T12", "L3", "O4", "H1", "G2"), or where there is none such,
 * the tasks of that name. False when there is neither. */
bool tc_report_show(const struct tc_report *report, const char *item, struct tc_out *out);

#endif
