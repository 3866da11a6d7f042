/* SPDX-License-Identifier: Apache-2.0
 * All that is concluded from a dump. The renderers read it and conclude nothing. */
#ifndef TC_REPORT_H
#define TC_REPORT_H

#include "analyzer/graph/failed.h"
#include "analyzer/graph/group.h"
#include "analyzer/graph/waits.h"
#include "analyzer/facts/loopstate.h"
#include "analyzer/dump/model.h"
#include "analyzer/base/out.h"

struct tc_options {
	const char *source_root; /* NULL: the paths as they are */
	bool all;		 /* every task */
	unsigned width;		 /* columns of the page */
	bool color;
};

/* A thread as the kernel and the interpreter see it; either may be NULL. Its id is H and its index
 * + 1. */
struct tc_thread_view {
	const struct tc_thread *os;
	const struct tc_pythread *py;
	const struct tc_task *task; /* that it runs */
	uint32_t loop;		    /* that it runs, by identifier; 0: none */
};

/* A loop; its id is L and its number in the table of the dump. */
struct tc_loop_view {
	uint32_t id;
	const struct tc_loop *loop; /* NULL: only its address and type are known */
	const struct tc_thread_view *thread;
	const struct tc_task *task; /* that runs */
	enum tc_loop_state state;
	enum tc_loop_hint hint;
	uint64_t blocked_ns; /* at least; 0: unknown */
	uint64_t watched_ns; /* of a busy one: for so long it was seen not to sleep */
	uint64_t n_tasks;    /* pending and running */
};

/* What the renderers get. */
struct tc_report {
	const struct tc_options *options;
	const struct tc_dump *dump;
	const struct tc_model *model;
	const struct tc_graph *graph;
	struct tc_groups groups;
	struct tc_failures failures;
	struct tc_thread_view *threads;
	size_t n_threads, threads_room;
	size_t *view_of_py; /* of each thread of the interpreter, the number of its view */
	struct tc_loop_view *loops;
	size_t n_loops, loops_room;
	size_t n_idle; /* loops that sleep */
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
	return (size_t)(thread - report->threads) + 1;
}

/* The view of a thread of the interpreter; NULL: it has none. */
const struct tc_thread_view *tc_report_thread_of(const struct tc_report *report,
						 const struct tc_pythread *py);
/* Whether the thread held the GIL, as far as that is worth saying: the GIL was read at another moment than
 * the thread, unless that slept in a callback, and nobody holds it in a selector. */
bool tc_report_holds_gil(const struct tc_report *report, const struct tc_thread_view *thread);
const struct tc_loop_view *tc_report_loop(const struct tc_report *report, uint32_t id);

/* The name of a task into name, which holds TC_TASK_NAME bytes when it is a numbered one. */
#define TC_TASK_NAME 32
struct tc_text tc_report_task_name(const struct tc_model *model, const struct tc_task *task,
				   char *name);
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
/* Everything about one item: an id ("T12", "L3", "O4", "H1", "G2"), or where there is none such, the
 * tasks of that name. False when there is neither. */
bool tc_report_show(const struct tc_report *report, const char *item, struct tc_out *out);

#endif
