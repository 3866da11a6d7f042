/* SPDX-License-Identifier: Apache-2.0
 * Putting the report together: threads, loops, groups. */
#include "analyzer/report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "analyzer/base/array.h"
#include "analyzer/facts/place.h"
#include "analyzer/facts/syscalls.h"

/* Where something with this number is in an array. */
struct entry {
	uint64_t key;
	size_t at;
};

struct index {
	struct entry *entries; /* ascending by key, then by place */
	size_t n, room;
};

static int by_key(const void *one, const void *other)
{
	const struct entry *a = one, *b = other;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static void note_entry(struct index *index, uint64_t key, size_t at)
{
	if (key)
		*tc_push(index->entries, index->n, index->room) = (struct entry){ key, at };
}

static void sort_index(struct index *index)
{
	if (index->n)
		qsort(index->entries, index->n, sizeof(*index->entries), by_key);
}

/* The first entry with this key, which may be 0; NULL: there is none. Others follow it. */
static const struct entry *find_entry(const struct index *index, uint64_t key)
{
	size_t low = 0, high = index->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (index->entries[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < index->n && index->entries[low].key == key ? &index->entries[low] : NULL;
}

static void add_thread(struct tc_report *report, const struct tc_thread *os,
		       const struct tc_pythread *py)
{
	if (py)
		report->view_of_py[py - report->model->pythreads] = report->n_threads + 1;
	*tc_push(report->threads, report->n_threads, report->threads_room) =
		(struct tc_thread_view){
			.os = os,
			.py = py,
			.task = py && py->task ? tc_model_task_at(report->model, py->task) : NULL,
			.loop = py && py->loop < report->model->n_looprefs ? py->loop : 0,
		};
}

/* By sorting: a process has tens of thousands of threads at times, and a forged file any number. A
 * state of the interpreter belongs to one thread only, so the views are never more than both together. */
static void join_threads(struct tc_report *report)
{
	const struct tc_model *model = report->model;
	struct index pythreads = { 0 };

	report->view_of_py = tc_array_new(model->n_pythreads, sizeof(*report->view_of_py));
	for (size_t i = 0; i < model->n_pythreads; i++)
		note_entry(&pythreads, model->pythreads[i].tid, i);
	sort_index(&pythreads);
	for (size_t i = 0; i < model->n_threads; i++) {
		const struct tc_thread *os = &model->threads[i];
		const struct entry *entry = find_entry(&pythreads, os->tid_ns);
		if (!entry || report->view_of_py[entry->at]) {
			add_thread(report, os, NULL);
			continue;
		}
		/* One thread may have a state in several interpreters. */
		for (; entry < pythreads.entries + pythreads.n && entry->key == os->tid_ns; entry++)
			add_thread(report, os, &model->pythreads[entry->at]);
	}
	for (size_t i = 0; i < model->n_pythreads; i++)
		if (!report->view_of_py[i])
			add_thread(report, NULL, &model->pythreads[i]);
	free(pythreads.entries);
}

/* The threads of a report by the loop that they run, by their number, and by the interpreter whose
 * GIL they hold. */
struct runners {
	struct index by_loop, by_tid, by_gil;
};

static void runners_init(struct runners *runners, const struct tc_report *report)
{
	*runners = (struct runners){ 0 };
	for (size_t i = 0; i < report->n_threads; i++) {
		const struct tc_thread_view *thread = &report->threads[i];
		note_entry(&runners->by_loop, thread->loop, i);
		note_entry(&runners->by_tid, thread->os ? thread->os->tid_ns : 0, i);
		if (thread->py && (thread->py->flags & TC_PYTHREAD_HOLDS_GIL))
			note_entry(&runners->by_gil, thread->py->interp + 1ull, i);
	}
	sort_index(&runners->by_loop);
	sort_index(&runners->by_tid);
	sort_index(&runners->by_gil);
}

static void runners_deinit(struct runners *runners)
{
	free(runners->by_loop.entries);
	free(runners->by_tid.entries);
	free(runners->by_gil.entries);
}

/* The thread with its state in this interpreter: one that called a subinterpreter has two. NULL: none. */
static const struct tc_thread_view *thread_in(const struct tc_report *report, const struct index *by_tid,
					      uint32_t tid, uint32_t interp)
{
	const struct entry *entry = find_entry(by_tid, tid);

	for (; entry && entry < by_tid->entries + by_tid->n && entry->key == tid; entry++) {
		const struct tc_thread_view *thread = &report->threads[entry->at];
		if (!thread->py || thread->py->interp == interp)
			return thread;
	}
	return NULL;
}

static const struct tc_thread_view *thread_of_loop(const struct tc_report *report,
						   const struct runners *runners,
						   const struct tc_loop_view *view)
{
	const struct tc_loop *loop = view->loop;
	const struct entry *entry = find_entry(&runners->by_loop, view->id);

	if (entry || !loop || !(loop->flags & TC_LOOP_RUNNING))
		return entry ? &report->threads[entry->at] : NULL;
	return thread_in(report, &runners->by_tid, loop->tid, loop->interp);
}

static bool is_place(const struct tc_place *place, const char *file, const char *name)
{
	size_t size = strlen(name);

	return tc_text_ends_in(place->file, file) && place->function.size >= size &&
	       memcmp(place->function.at + (place->function.size - size), name, size) == 0;
}

/* Whether Handle._run of asyncio is among the frames of a thread. */
static bool runs_handle(const struct tc_model *model, uint32_t chain)
{
	for (uint32_t id = chain; id; id = model->chains[id].parent) {
		struct tc_place place;
		tc_place_init(&place, model, id);
		if (is_place(&place, "asyncio/events.py", "_run"))
			return true;
	}
	return false;
}

/* What the dumper saw of the thread before and after it read its memory. Without that record what a frozen
 * process told is of one moment all the same. */
static void look_facts(const struct tc_model *model, const struct tc_thread *thread,
		       struct tc_loop_facts *facts)
{
	facts->moment = model->status.flags & TC_STATUS_FROZEN ? TC_MOMENT_ONE : TC_MOMENT_UNKNOWN;
	for (size_t i = 0; i < model->n_looks; i++) {
		const struct tc_look *look = &model->looks[i];
		if (look->tid != thread->tid)
			continue;
		facts->moment = look->flags & TC_LOOK_RAN ? TC_MOMENT_RAN : TC_MOMENT_ONE;
		facts->watched_ns = look->watched_ns;
		facts->awake = look->flags & TC_LOOK_AWAKE;
		facts->run_ns = look->run_ns;
		facts->switches = look->switches;
	}
}

/* Since when the earliest timer is due. What was due before the process began was never a time: memory
 * that changed while it was read. */
static uint64_t overdue(const struct tc_head *head, const struct tc_loop *loop)
{
	uint64_t ns = loop->due_ns && loop->now_ns > loop->due_ns ? loop->now_ns - loop->due_ns : 0;

	return head->start_ns && ns > head->boottime_ns - head->start_ns ? 0 : ns;
}

/* Does the thread wait for the GIL, if it sleeps? Where the GIL could not be read, any futex may be
 * its own; where the system call is not known, it may be a futex if another thread holds the GIL. */
static void gil_facts(const struct tc_report *report, const struct runners *runners,
		      const struct tc_thread_view *thread, struct tc_loop_facts *facts)
{
	const struct tc_pythread *py = thread ? thread->py : NULL;
	const struct entry *holder = py ? find_entry(&runners->by_gil, py->interp + 1ull) : NULL;
	bool known = py && (py->flags & TC_PYTHREAD_GIL_KNOWN);

	facts->waits_gil = known ? py->flags & TC_PYTHREAD_WAITS_GIL : facts->syscall == TC_SYS_FUTEX;
	facts->may_wait_gil = !known || (holder && &report->threads[holder->at] != thread);
}

static struct tc_loop_facts facts_of(const struct tc_report *report, const struct runners *runners,
				     const struct tc_loop_view *view)
{
	const struct tc_model *model = report->model;
	const struct tc_loop *loop = view->loop;
	const struct tc_thread_view *thread = view->thread;
	struct tc_loop_facts facts = { .syscall = -1, .has_thread = thread != NULL };
	struct tc_place place;

	if (loop) {
		facts.closed = loop->flags & TC_LOOP_CLOSED;
		facts.running = loop->flags & TC_LOOP_RUNNING;
		facts.opaque = loop->flags & TC_LOOP_OPAQUE;
		facts.ready = loop->ready;
		facts.overdue_ns = overdue(&model->head, loop);
	}
	if (thread && thread->os) {
		facts.state = thread->os->state == '?' ? 0 : (char)thread->os->state;
		facts.syscall = (int64_t)thread->os->syscall - 1;
		memcpy(facts.args, thread->os->args, sizeof(facts.args));
		look_facts(model, thread->os, &facts);
	}
	/* Its thread runs another loop inside a step of this one, which does not turn until then. */
	gil_facts(report, runners, thread, &facts);
	bool nests = thread && thread->loop && thread->loop != view->id;
	facts.in_callback = nests || view->task != NULL;
	if (thread && thread->py && thread->py->chain) {
		facts.has_frames = true;
		tc_place_init(&place, model, thread->py->chain);
		facts.in_selector = !nests && (is_place(&place, "selectors.py", "select") ||
					       is_place(&place, "gevent/hub.py", "Hub.run"));
		facts.in_callback = facts.in_callback || runs_handle(model, thread->py->chain);
	}
	return facts;
}

static void judge_loop(struct tc_report *report, const struct runners *runners,
		       struct tc_loop_view *view)
{
	struct tc_loop_facts facts;

	view->thread = thread_of_loop(report, runners, view);
	if (view->thread && !view->task)
		view->task = view->thread->task;
	facts = facts_of(report, runners, view);
	view->state = tc_loop_judge(&facts, &view->hint);
	if (view->state == TC_LOOP_BLOCKED)
		view->blocked_ns = facts.overdue_ns;
	if (view->state == TC_LOOP_BUSY)
		view->watched_ns = facts.watched_ns;
}

const struct tc_thread_view *tc_report_thread_of(const struct tc_report *report,
						 const struct tc_pythread *py)
{
	size_t number = report->view_of_py[py - report->model->pythreads];

	return number ? &report->threads[number - 1] : NULL;
}

const struct tc_loop_view *tc_report_loop(const struct tc_report *report, uint32_t id)
{
	/* Their order is that of the table, with gaps only where a chunk of the file is lost. */
	for (size_t i = id < report->n_loops ? id : report->n_loops; i > 0; i--)
		if (report->loops[i - 1].id == id)
			return &report->loops[i - 1];
	return NULL;
}

bool tc_report_holds_gil(const struct tc_report *report, const struct tc_thread_view *thread)
{
	const struct tc_loop_view *loop = thread->loop ? tc_report_loop(report, thread->loop) : NULL;
	bool moved = loop && loop->state == TC_LOOP_RUNS &&
		     !(report->model->status.flags & TC_STATUS_FROZEN);

	return thread->py && (thread->py->flags & TC_PYTHREAD_HOLDS_GIL) && !moved &&
	       !(loop && loop->state == TC_LOOP_IDLE);
}

/* Of two tasks that run on one thread, one inside the other: its chain goes to the innermost frame as
 * the other's does, from further in. */
static const struct tc_task *innermost(const struct tc_model *model, const struct tc_task *one,
				       const struct tc_task *other)
{
	return one && model->chains[one->chain].depth <= model->chains[other->chain].depth ? one : other;
}

static void add_loops(struct tc_report *report)
{
	const struct tc_model *model = report->model;
	struct tc_loop_view **by_id = tc_array_new(model->n_looprefs, sizeof(*by_id));
	struct runners runners;

	for (uint32_t id = 1; id < model->n_looprefs; id++) {
		const struct tc_loopref *ref = &model->looprefs[id];
		if (ref->addr)
			*tc_push(report->loops, report->n_loops, report->loops_room) =
				(struct tc_loop_view){
					.id = id,
					.loop = ref->state ? &model->loops[ref->state - 1] : NULL,
				};
	}
	for (size_t i = 0; i < report->n_loops; i++)
		by_id[report->loops[i].id] = &report->loops[i];
	for (size_t i = 0; i < model->n_tasks; i++) {
		const struct tc_task *task = &model->tasks[i];
		struct tc_loop_view *view =
			task->loop < model->n_looprefs ? by_id[task->loop] : NULL;
		if (!view || !tc_task_alive(task))
			continue;
		view->n_tasks++;
		if (task->flags & TC_TASK_RUNNING)
			view->task = innermost(report->model, view->task, task);
	}
	free(by_id);
	runners_init(&runners, report);
	for (size_t i = 0; i < report->n_loops; i++) {
		judge_loop(report, &runners, &report->loops[i]);
		report->n_idle += report->loops[i].state == TC_LOOP_IDLE;
	}
	runners_deinit(&runners);
}

/* A forged file of 100 kB can make thousands of tasks share a chain of thousands of links; a report of
 * gigabytes helps nobody. What real programs have stays below: a task takes at least 30 bytes. */
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
	join_threads(report);
	add_loops(report);
	tc_groups_init(&report->groups, graph, with_objects);
	tc_failures_init(&report->failures, model);
	report->complete =
		model->dump->sealed && model->dump->n_problems_all == 0 && status->present &&
		status->cut == 0 && status->objects_cut == 0 &&
		!(status->flags & (TC_STATUS_CUT | TC_STATUS_REPLACED | TC_STATUS_DISAGREED));
}

void tc_report_deinit(struct tc_report *report)
{
	tc_groups_deinit(&report->groups);
	free(report->view_of_py);
	tc_failures_deinit(&report->failures);
	free(report->threads);
	free(report->loops);
	*report = (struct tc_report){ 0 };
}

struct tc_text tc_report_task_name(const struct tc_model *model, const struct tc_task *task,
				   char *name)
{
	if (!(task->flags & TC_TASK_LAZY_NAME))
		return tc_model_string(model, task->name);
	snprintf(name, TC_TASK_NAME, "Task-%u", task->name);
	return (struct tc_text){ (const uint8_t *)name, strlen(name) };
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
