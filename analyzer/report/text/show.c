/* SPDX-License-Identifier: Apache-2.0
 * The verb show: everything about one task, loop, thread, object or group. */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzer/facts/descriptor.h"
#include "analyzer/facts/place.h"
#include "analyzer/report/text/report_parts.h"
#include "analyzer/dump/values.h"

#define FIELD 13 /* columns of the names of fields */

static void field(struct tc_page *page, const char *name)
{
	tc_out_column(page->out, 2);
	tc_out_str(page->out, name);
	tc_out_column(page->out, FIELD);
}

static void field_text(struct tc_page *page, const char *name, const char *value)
{
	field(page, name);
	tc_out_str(page->out, value);
	tc_out_newline(page->out);
}

/* name = value, one line for each. */
static void put_variable(struct tc_page *page, unsigned indent, uint32_t name,
			 const struct tc_value *value)
{
	tc_out_column(page->out, indent);
	tc_out_text(page->out, tc_model_string(page->report->model, name), 40);
	tc_out_str(page->out, " = ");
	tc_phrase_value(page, value);
	tc_out_newline(page->out);
}

static void put_link(struct tc_page *page, const struct tc_place *place)
{
	struct tc_out *out = page->out;
	struct tc_text source;

	tc_out_column(out, 2);
	tc_out_ink(out, TC_INK_BOLD);
	if (place->module.size) {
		tc_out_text(out, place->module, 0);
		tc_out_str(out, ".");
	}
	tc_out_text(out, place->function, 0);
	tc_out_ink(out, TC_INK_NONE);
	if (place->link->kind != TC_FRAME_CORO)
		tc_out_printf(out, " (%s)", tc_place_kind(place->link->kind));
	if (place->file.size) {
		tc_out_str(out, "  ");
		tc_out_text(out, place->file, 0);
		if (place->line)
			tc_out_printf(out, ":%u", place->line);
		if (place->column)
			tc_out_printf(out, ":%u",
				      place->column); /* counted from 1, as editors do */
	}
	tc_out_newline(out);
	/* The library on this machine is seldom the target's. */
	if (tc_place_owner(page->report->model, place->file) <= TC_OWNER_PACKAGE &&
	    tc_source_line(&page->sources, place->file, place->line, &source)) {
		tc_out_column(out, 8);
		tc_out_text(out, source, page->width - 8);
		tc_out_newline(out);
	}
}

static void put_chain(struct tc_page *page, uint32_t chain, const struct tc_task *task)
{
	static struct tc_links_list list;
	static const struct tc_task none;
	const struct tc_model *model = page->report->model;
	size_t n = tc_place_list(model, chain, page->report->max_links, &list);
	struct tc_locals locals;
	struct tc_value value;
	uint32_t name;

	tc_locals_begin(&locals, task && n == tc_model_chain(model, chain)->depth ? task : &none);
	for (size_t i = 0; i < n; i++) {
		struct tc_place place;
		tc_place_init(&place, model, list.ids[i]);
		put_link(page, &place);
		if (!tc_frame_has_code(place.link->kind) ||
		    !tc_locals_frame(&locals, tc_model_code(model, place.code)))
			continue;
		while (tc_locals_slot(&locals, &name, &value))
			if (value.tag != TC_VAL_UNBOUND)
				put_variable(page, 8, name, &value);
	}
}

static void put_flags(struct tc_page *page, const struct tc_task *task)
{
	static const struct {
		unsigned flag;
		const char *text;
	} words[] = {
		{ TC_TASK_MUST_CANCEL, ", will be cancelled at its next step" },
		{ TC_TASK_NOT_STARTED, ", has not started" },
		{ TC_TASK_EAGER, ", eager" },
		{ TC_TASK_TORN, ", torn: it changed while it was read" },
		{ TC_TASK_CUT, ", cut at a bound" },
		{ TC_TASK_PYTHON, ", pure-Python task" },
		{ TC_TASK_THIRD_PARTY, ", no task type of asyncio" },
		{ TC_TASK_ORPHAN, ", its thread has ended" },
		{ TC_TASK_LOG_TB, ", its exception was never retrieved" },
	};
	if (tc_wait_is_ready(page->report->graph->finder, task))
		tc_out_str(page->out, ", ready: its next step is due");
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (task->flags & words[i].flag)
			tc_out_str(page->out, words[i].text);
}

static void put_member(void *context, const struct tc_task *task)
{
	struct tc_page *page = context;

	tc_out_column(page->out, FIELD);
	tc_phrase_task(page, task, 60);
	tc_out_newline(page->out);
}

static void show_context(struct tc_page *page, const struct tc_task *task)
{
	const struct tc_context *context = tc_model_context(page->report->model, task->context);
	struct tc_attrs vars;
	struct tc_value value;
	uint32_t name;

	if (!context->vars)
		return;
	tc_attrs_begin_context(&vars, context);
	field_text(page, "context", "");
	while (tc_attrs_next(&vars, &name, &value))
		put_variable(page, 8, name, &value);
}

static void show_failure(struct tc_page *page, const struct tc_failure *failure)
{
	if (failure && failure->coroutine) {
		field(page, "coroutine");
		tc_out_text(page->out, tc_model_string(page->report->model, failure->coroutine), 0);
		tc_out_newline(page->out);
	}
	if (failure && failure->traceback) {
		field_text(page, "traceback", "outermost first");
		put_chain(page, failure->traceback, NULL);
	}
}

/* What the task holds, each with its with statement. */
static void show_holds(struct tc_page *page, const struct tc_task *task)
{
	const struct tc_model *model = page->report->model;
	size_t n;
	const struct tc_hold *holds = tc_model_holds(model, task, &n);

	for (size_t i = 0; i < n; i++) {
		const struct tc_object *object = tc_model_object_at(model, holds[i].manager);
		struct tc_place place;
		if (i == 0)
			field(page, "holds");
		else
			tc_out_column(page->out, FIELD);
		tc_phrase_type(page, holds[i].type);
		if (object)
			tc_out_printf(page->out, " O%zu",
				      tc_report_object_number(page->report, object));
		if (holds[i].place) {
			tc_out_str(page->out, " since ");
			tc_place_init(&place, model, holds[i].place);
			tc_phrase_where(page, &place, 60);
		}
		tc_out_newline(page->out);
	}
}

static bool show_task(struct tc_page *page, size_t number)
{
	const struct tc_report *report = page->report;
	const struct tc_model *model = report->model;
	struct tc_out *out = page->out;
	struct tc_wait wait;

	if (number == 0 || number > model->n_tasks)
		return false;
	const struct tc_task *task = &model->tasks[number - 1];
	const char *state = tc_report_task_state(task);
	tc_phrase_task(page, task, 0);
	tc_out_newline(out);
	field(page, "state");
	tc_out_str(out, state ? state : "unknown");
	put_flags(page, task);
	tc_out_newline(out);
	field(page, "class");
	tc_phrase_type(page, task->type);
	tc_out_printf(out, " at 0x%" PRIx64, task->addr);
	tc_out_newline(out);
	field(page, "loop");
	tc_out_printf(out, "L%u", task->loop);
	if (report->groups.of_task[number - 1] != UINT32_MAX)
		tc_out_printf(out, ", group G%u", report->groups.of_task[number - 1] + 1);
	if (task->cancels)
		tc_out_printf(out, ", %u cancellation requests", task->cancels);
	tc_out_newline(out);
	if (task->exception) {
		field(page, "exception");
		tc_phrase_type(page, task->exception);
		tc_out_str(out, task->flags & TC_TASK_LOG_TB ? ", never retrieved" :
							       ", retrieved");
		tc_out_newline(out);
		show_failure(page, tc_model_failure(report->model, task));
	}
	wait = *tc_graph_wait(report->graph, task, &wait);
	if (wait.kind != TC_WAIT_NONE) {
		field(page, "waits for");
		tc_phrase_one_wait(page, &wait);
		tc_out_newline(out);
		tc_wait_members(report->graph->finder, &wait, 1000, put_member, page);
	}
	show_holds(page, task);
	show_context(page, task);
	field_text(page, "chain", "outermost first");
	put_chain(page, task->chain, task);
	return true;
}

/* Tasks that wait for this object. */
static void put_waiters(struct tc_page *page, const struct tc_object *object)
{
	const struct tc_graph *graph = page->report->graph;
	const tc_node node = tc_node_object(graph, object);
	const struct tc_edge *edge;
	unsigned n = 0;

	for (size_t i = 0; (edge = tc_graph_in(graph, node, i)); i++) {
		if (edge->kind != TC_EDGE_WAITS)
			continue;
		if (n++ == 0)
			field(page, "waiters");
		tc_out_column(page->out, FIELD);
		if (n > 50 && !page->report->options->all) {
			tc_out_str(page->out, "... more: --all shows them");
			tc_out_newline(page->out);
			return;
		}
		tc_phrase_task(page, tc_graph_task(graph, edge->from), 60);
		tc_out_newline(page->out);
	}
}

static void put_descriptor(struct tc_page *page, const struct tc_fd *fd)
{
	if (!fd)
		return;
	tc_out_column(page->out, 2);
	tc_out_printf(page->out, "descriptor %u: ", fd->fd);
	tc_fd_phrase(page->out, fd);
	tc_out_newline(page->out);
}

static bool show_object(struct tc_page *page, size_t number)
{
	const struct tc_model *model = page->report->model;
	struct tc_attrs attrs;
	struct tc_value value;
	uint32_t name;

	if (number == 0 || number > model->n_objects)
		return false;
	const struct tc_object *object = &model->objects[number - 1];
	tc_out_printf(page->out, "O%zu ", number);
	tc_phrase_type(page, object->type);
	tc_out_printf(page->out, " at 0x%" PRIx64 "%s", object->addr,
		      object->flags & TC_OBJ_CUT ? ", cut at a bound" : "");
	tc_out_newline(page->out);
	tc_attrs_begin(&attrs, object);
	while (tc_attrs_next(&attrs, &name, &value))
		put_variable(page, 4, name, &value);
	tc_items_begin(&attrs);
	if (attrs.n_items) {
		field(page, "items");
		tc_out_printf(page->out, "%" PRIu64, attrs.n_items);
		tc_out_newline(page->out);
	}
	while (tc_items_next(&attrs, &value)) {
		tc_out_column(page->out, FIELD);
		tc_phrase_value(page, &value);
		tc_out_newline(page->out);
	}
	put_descriptor(page, tc_object_fd(model, object));
	put_waiters(page, object);
	return true;
}

static const char *const where_words[] = { "ready", "timer", "reader", "writer" };

static void put_handle(struct tc_page *page, const struct tc_handle *handle, uint64_t now_ns)
{
	struct tc_out *out = page->out;

	tc_out_column(out, 4);
	tc_out_printf(out, "%s%s", where_words[handle->where & 3],
		      handle->flags & TC_HANDLE_CANCELLED ? " (cancelled)" : "");
	if (handle->fd)
		tc_out_printf(out, " fd %" PRIu64, handle->fd - 1);
	if (handle->due_ns && now_ns) {
		tc_out_str(out, handle->due_ns < now_ns ? " due since " : " due in ");
		tc_out_ns(out, handle->due_ns < now_ns ? now_ns - handle->due_ns :
							    handle->due_ns - now_ns);
	}
	tc_out_str(out, "  ");
	tc_phrase_callback(page, handle);
	tc_out_newline(out);
}

#define HANDLES_SHOWN 100

static bool show_loop(struct tc_page *page, size_t number)
{
	const struct tc_report *report = page->report;
	const struct tc_loop_view *loop =
		number <= UINT32_MAX ? tc_loops_find(&report->loops, (uint32_t)number) : NULL;
	uint64_t now_ns = loop && loop->loop ? loop->loop->now_ns : 0, n = 0;

	if (!loop)
		return false;
	tc_part_loop(page, loop);
	for (size_t i = 0; i < report->model->n_handles; i++) {
		const struct tc_handle *handle = &report->model->handles[i];
		if (handle->loop != loop->id)
			continue;
		if (n++ == 0)
			field_text(page, "callbacks", "");
		if (n > HANDLES_SHOWN && !report->options->all) {
			field_text(page, "...", "more: --all shows them");
			break;
		}
		put_handle(page, handle, now_ns);
	}
	return true;
}

static bool show_thread(struct tc_page *page, size_t number)
{
	const struct tc_report *report = page->report;

	if (number == 0 || number > report->threads.n)
		return false;
	const struct tc_thread_view *thread = &report->threads.at[number - 1];
	tc_part_thread(page, thread, 1);
	if (thread->os) {
		field(page, "cpu");
		tc_out_ns(page->out, thread->os->utime_ns);
		tc_out_str(page->out, " in user code, ");
		tc_out_ns(page->out, thread->os->stime_ns);
		tc_out_str(page->out, " in the kernel");
		tc_out_newline(page->out);
		if (thread->os->syscall) {
			field(page, "arguments");
			for (int i = 0; i < 6; i++)
				tc_out_printf(page->out, "0x%" PRIx64 " ", thread->os->args[i]);
			tc_out_newline(page->out);
		}
	}
	if (thread->task) {
		field(page, "runs");
		tc_phrase_task(page, thread->task, 60);
		tc_out_newline(page->out);
	}
	if (thread->py && thread->py->chain) {
		field_text(page, "frames", "outermost first");
		put_chain(page, thread->py->chain, NULL);
	}
	return true;
}

#define GROUP_TASKS_SHOWN 50

static bool show_group(struct tc_page *page, size_t number)
{
	const struct tc_report *report = page->report;
	uint64_t n = 0;

	if (number == 0 || number > report->groups.n)
		return false;
	const struct tc_group *group = &report->groups.groups[number - 1];
	tc_part_group_line(page, group, number);
	tc_out_newline(page->out);
	put_chain(page, group->chain, NULL);
	field_text(page, "tasks", "");
	for (size_t i = 0; i < report->model->n_tasks; i++) {
		if (report->groups.of_task[i] != number - 1)
			continue;
		if (n++ == GROUP_TASKS_SHOWN && !report->options->all) {
			field_text(page, "...", "more: --all shows them");
			break;
		}
		put_member(page, &report->model->tasks[i]);
	}
	return true;
}

#define NAMESAKES_SHOWN 20

/* The tasks of this name, a page for each. */
static bool show_named(struct tc_page *page, const char *name)
{
	const struct tc_model *model = page->report->model;
	size_t size = strlen(name), n = 0;
	char numbered[TC_TASK_NAME];

	for (size_t i = 0; i < model->n_tasks && size; i++) {
		struct tc_text own = tc_model_task_name(model, &model->tasks[i], numbered);
		if (own.size != size || memcmp(own.at, name, size) != 0)
			continue;
		if (n++ >= NAMESAKES_SHOWN && !page->report->options->all)
			continue;
		if (n > 1)
			tc_out_newline(page->out);
		show_task(page, i + 1);
	}
	if (n > NAMESAKES_SHOWN && !page->report->options->all)
		field_text(page, "...", "more of this name: --all shows them");
	return n > 0;
}

/* "T12" */
static bool show_id(struct tc_page *page, const char *id)
{
	static const struct {
		char letter;
		bool (*show)(struct tc_page *page, size_t number);
	} kinds[] = {
		{ 'T', show_task },   { 'L', show_loop },  { 'O', show_object },
		{ 'H', show_thread }, { 'G', show_group },
	};
	char *end;

	if (id[0] == 0 || id[1] < '0' || id[1] > '9')
		return false;
	size_t number = strtoul(id + 1, &end, 10);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].letter == (id[0] & ~0x20) && *end == 0)
			return kinds[i].show(page, number);
	return false;
}

bool tc_report_show(const struct tc_report *report, const char *item, struct tc_out *out)
{
	struct tc_page page;

	tc_page_init(&page, report, out);
	bool found = show_id(&page, item) || show_named(&page, item);
	tc_page_deinit(&page);
	return found;
}
