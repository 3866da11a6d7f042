/* SPDX-License-Identifier: Apache-2.0
 * The tasks, objects and descriptors of the JSON report. */
#include <inttypes.h>

#include "analyzer/facts/descriptor.h"
#include "analyzer/graph/detail.h"
#include "analyzer/report/phrase.h"
#include "analyzer/facts/place.h"
#include "analyzer/report/json/report_json.h"
#include "analyzer/dump/values.h"

static void put_size(struct tc_json_report *r, const struct tc_value *value)
{
	if (value->tag == TC_VAL_SIZED || value->tag == TC_VAL_ATOM)
		tc_json_u(&r->json, "size", value->size);
}

/* "T5", "O7", or what is known of an object without a record. */
static void put_reference(struct tc_json_report *r, const char *key, const struct tc_value *value)
{
	if (tc_value_is_ref(value) && tc_json_ref(r, key, value->word))
		return;
	tc_json_object(&r->json, key);
	tc_json_type(r, "type", value->type);
	put_size(r, value);
	tc_json_end(&r->json, '}');
}

static void put_value(struct tc_json_report *r, const char *key, const struct tc_value *value)
{
	struct tc_json *json = &r->json;

	switch (value->tag) {
	case TC_VAL_TRUE:
	case TC_VAL_FALSE:
		tc_json_bool(json, key, value->tag == TC_VAL_TRUE);
		break;
	case TC_VAL_INT:
		tc_json_i(json, key, (int64_t)value->word);
		break;
	case TC_VAL_FLOAT:
		tc_json_f(json, key, value->number);
		break;
	case TC_VAL_STRING:
		tc_json_text(json, key, tc_model_string(r->report->model, (uint32_t)value->word));
		break;
	case TC_VAL_WORD:
		tc_json_u(json, key, value->word);
		break;
	case TC_VAL_REF:
	case TC_VAL_SIZED:
	case TC_VAL_ATOM:
		put_reference(r, key, value);
		break;
	default:
		tc_json_null(json, key);
	}
}

/* A local: its type, and its value where one is recorded. */
static void put_local(struct tc_json_report *r, struct tc_text name, const struct tc_value *value)
{
	static const char *const types[] = {
		[TC_VAL_NONE] = "NoneType", [TC_VAL_TRUE] = "bool",   [TC_VAL_FALSE] = "bool",
		[TC_VAL_INT] = "int",	    [TC_VAL_FLOAT] = "float", [TC_VAL_STRING] = "str",
		[TC_VAL_WORD] = "word",
	};
	struct tc_json *json = &r->json;

	tc_json_key(json, name);
	tc_json_object(json, TC_JSON_KEYED);
	if (!tc_value_is_ref(value) && value->tag != TC_VAL_ATOM) {
		tc_json_str(json, "type", types[value->tag]);
		put_value(r, "value", value);
	} else {
		tc_json_type(r, "type", value->type);
		if (!tc_value_is_ref(value) || !tc_json_ref(r, "value", value->word))
			tc_json_null(json, "value");
		put_size(r, value);
	}
	tc_json_end(json, '}');
}

static void put_locals(struct tc_json_report *r, struct tc_locals *locals)
{
	struct tc_value value;
	uint32_t name;

	if (locals->n_slots == 0)
		return;
	tc_json_object(&r->json, "locals");
	while (tc_locals_slot(locals, &name, &value))
		if (value.tag != TC_VAL_UNBOUND)
			put_local(r, tc_model_string(r->report->model, name), &value);
	tc_json_end(&r->json, '}');
}

static void put_chain(struct tc_json_report *r, const struct tc_task *task)
{
	static struct tc_links_list list;
	const struct tc_model *model = r->report->model;
	size_t all = tc_model_chain(model, task->chain)->depth;
	size_t n = tc_place_list(model, task->chain, r->report->max_links, &list);
	struct tc_locals locals;

	tc_locals_begin(&locals, n == all ? task : &(const struct tc_task){ 0 });
	tc_json_array(&r->json, "chain");
	for (size_t i = 0; i < n; i++) {
		const struct tc_chain *link = tc_model_chain(model, list.ids[i]);
		tc_json_frame_begin(r, list.ids[i]);
		if (tc_frame_has_code(link->kind) &&
		    tc_locals_frame(&locals,
				    tc_model_code(model, tc_model_site(model, link->ref)->code)))
			put_locals(r, &locals);
		tc_json_end(&r->json, '}');
	}
	tc_json_end(&r->json, ']');
}

static void put_member(void *context, const struct tc_task *task)
{
	struct tc_json_report *r = context;

	tc_json_id(&r->json, NULL, 'T', tc_report_task_number(r->report, task));
}

static void put_worker(struct tc_json_report *r, const struct tc_pythread *worker)
{
	const struct tc_thread_view *thread = tc_threads_of(&r->report->threads, worker);

	if (thread)
		tc_json_id(&r->json, "thread", 'H', tc_report_thread_number(r->report, thread));
}

static void put_detail(struct tc_json_report *r, const struct tc_wait *wait)
{
	struct tc_json *json = &r->json;
	struct tc_detail detail;

	tc_detail_find(r->report->model, wait->kind, wait->object, &detail);
	const struct {
		const char *name;
		int64_t value;
	} numbers[] = {
		{ "value", detail.value },	     { "size", detail.size },
		{ "max_size", detail.max_size },     { "unfinished", detail.unfinished },
		{ "parties", detail.parties },	     { "arrived", detail.arrived },
		{ "child_pid", detail.child }, { "fd", detail.fd },
	};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (numbers[i].value != TC_DETAIL_UNKNOWN)
			tc_json_i(json, numbers[i].name, numbers[i].value);
	if (detail.descriptor && detail.descriptor->peer.size)
		tc_json_text(json, "peer", detail.descriptor->peer);
	if (wait->kind == TC_WAIT_SLEEP && wait->delay_s >= 0)
		tc_json_f(json, "delay_s", wait->delay_s);
}

static void put_wait(struct tc_json_report *r, const struct tc_task *task)
{
	static const char *const pools[] = { NULL, "threads", "processes" };
	struct tc_json *json = &r->json;
	struct tc_wait wait;

	wait = *tc_graph_wait(r->report->graph, task, &wait);
	if (wait.kind == TC_WAIT_NONE) {
		tc_json_null(json, "waits_for");
		return;
	}
	tc_json_object(json, "waits_for");
	tc_json_str(json, "kind", tc_wait_word(wait.kind));
	if (wait.object)
		tc_json_id(json, "object", 'O', tc_report_object_number(r->report, wait.object));
	if (wait.type)
		tc_json_type(r, "type", wait.type);
	if (wait.task)
		tc_json_id(json, "task", 'T', tc_report_task_number(r->report, wait.task));
	if (wait.members) {
		tc_json_array(json, "tasks");
		tc_wait_members(r->report->graph->finder, &wait, TC_ITEMS_MAX, put_member, r);
		tc_json_end(json, ']');
		struct tc_pending pending;
		tc_wait_pending(r->report->graph->finder, &wait, &pending);
		tc_json_u(json, "members", pending.all);
		tc_json_u(json, "pending", pending.pending);
	}
	if (wait.job.worker)
		put_worker(r, wait.job.worker);
	if (wait.kind == TC_WAIT_EXECUTOR) {
		tc_json_bool(json, "queued", wait.job.queued);
		if (wait.job.pool)
			tc_json_str(json, "pool", pools[wait.job.pool]);
	}
	if (wait.shielded)
		tc_json_bool(json, "shielded", true);
	put_detail(r, &wait);
	struct tc_page page = { .report = r->report, .out = &r->scratch, .width = 100 };
	r->scratch.used = 0;
	r->scratch.column = 0;
	tc_phrase_one_wait(&page, &wait);
	tc_json_text(json, "text",
		     (struct tc_text){ (const uint8_t *)r->scratch.buffer, r->scratch.used });
	tc_json_end(json, '}');
}

static void put_context(struct tc_json_report *r, const struct tc_task *task)
{
	const struct tc_context *context = tc_model_context(r->report->model, task->context);
	struct tc_attrs vars;
	struct tc_value value;
	uint32_t name;

	if (!context->vars)
		return;
	tc_json_object(&r->json, "context");
	tc_attrs_begin_context(&vars, context);
	while (tc_attrs_next(&vars, &name, &value)) {
		tc_json_key(&r->json, tc_model_string(r->report->model, name));
		put_value(r, TC_JSON_KEYED, &value);
	}
	tc_json_end(&r->json, '}');
}

/* The coroutine of a task: the function of the outermost link. */
static uint32_t outermost(const struct tc_model *model, uint32_t chain)
{
	while (model->chains[chain].parent)
		chain = model->chains[chain].parent;
	return chain;
}

/* The places that the exception went through, outermost first. */
static void put_traceback(struct tc_json_report *r, const struct tc_failure *failure)
{
	static struct tc_links_list list;

	if (!failure || !failure->traceback)
		return;
	size_t n = tc_place_list(r->report->model, failure->traceback, r->report->max_links, &list);
	tc_json_array(&r->json, "traceback");
	for (size_t i = 0; i < n; i++) {
		tc_json_frame_begin(r, list.ids[i]);
		tc_json_end(&r->json, '}');
	}
	tc_json_end(&r->json, ']');
}

/* What the task holds, as far as it has records. */
static void put_holds(struct tc_json_report *r, const struct tc_task *task)
{
	const struct tc_model *model = r->report->model;
	size_t n;
	const struct tc_hold *holds = tc_model_holds(model, task, &n);
	const struct tc_object *object;

	if (!n)
		return;
	tc_json_array(&r->json, "holds");
	for (size_t i = 0; i < n; i++)
		if ((object = tc_model_object_at(model, holds[i].manager)))
			tc_json_id(&r->json, NULL, 'O', tc_report_object_number(r->report, object));
	tc_json_end(&r->json, ']');
}

static void put_task(struct tc_json_report *r, const struct tc_task *task)
{
	const struct tc_model *model = r->report->model;
	const struct tc_failure *failure = task->exception ? tc_model_failure(model, task) : NULL;
	struct tc_json *json = &r->json;
	char numbered[TC_TASK_NAME];
	struct tc_place place;

	tc_json_record_begin(r, "task");
	tc_json_id(json, "id", 'T', tc_report_task_number(r->report, task));
	if (task->name)
		tc_json_text(json, "name", tc_model_task_name(model, task, numbered));
	else
		tc_json_null(json, "name");
	tc_json_type(r, "class", task->type);
	if (tc_report_task_state(task))
		tc_json_str(json, "state", tc_report_task_state(task));
	else
		tc_json_null(json, "state");
	if (task->loop && tc_loops_find(&r->report->loops, task->loop))
		tc_json_id(json, "loop", 'L', task->loop);
	if (task->chain) {
		tc_place_init(&place, model, outermost(model, task->chain));
		tc_json_text(json, "coro", place.function);
	} else if (failure && failure->coroutine) {
		tc_json_text(json, "coro", tc_model_string(model, failure->coroutine));
	}
	tc_json_u(json, "cancels_requested", task->cancels);
	tc_json_bool(json, "must_cancel", task->flags & TC_TASK_MUST_CANCEL);
	if (task->flags & TC_TASK_NOT_STARTED)
		tc_json_bool(json, "not_started", true);
	if (tc_wait_is_ready(r->report->graph->finder, task))
		tc_json_bool(json, "ready", true);
	if (task->flags & TC_TASK_TORN)
		tc_json_bool(json, "torn", true);
	if (task->flags & TC_TASK_CUT)
		tc_json_bool(json, "cut", true);
	if (task->thread)
		tc_json_u(json, "tid", task->thread);
	put_chain(r, task);
	put_wait(r, task);
	put_holds(r, task);
	put_context(r, task);
	if (task->exception) {
		tc_json_object(json, "exception");
		tc_json_type(r, "type", task->exception);
		tc_json_bool(json, "retrieved", !(task->flags & TC_TASK_LOG_TB));
		put_traceback(r, failure);
		tc_json_end(json, '}');
	}
	tc_json_record_end(r);
}

void tc_json_tasks(struct tc_json_report *r)
{
	for (size_t i = 0; i < r->report->model->n_tasks; i++)
		put_task(r, &r->report->model->tasks[i]);
}

static void put_object_fd(struct tc_json *json, const struct tc_fd *fd)
{
	if (!fd)
		return;
	tc_json_u(json, "fd", fd->fd);
	if (fd->peer.size)
		tc_json_text(json, "peer", fd->peer);
}

static void put_holders(struct tc_json_report *r, const struct tc_object *object)
{
	size_t n;
	const struct tc_edge *edges =
		tc_graph_out(r->report->graph, tc_node_object(r->report->graph, object), &n);
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		if (edges[i].kind != TC_EDGE_HELD)
			continue;
		if (!any)
			tc_json_array(&r->json, "holders");
		any = true;
		tc_json_id(&r->json, NULL, 'T', edges[i].to + 1u);
	}
	if (any)
		tc_json_end(&r->json, ']');
}

static void put_waiters(struct tc_json_report *r, const struct tc_object *object)
{
	const struct tc_graph *graph = r->report->graph;
	const tc_node node = tc_node_object(graph, object);
	const struct tc_edge *edge;
	bool any = false;

	for (size_t i = 0; (edge = tc_graph_in(graph, node, i)); i++) {
		if (edge->kind != TC_EDGE_WAITS)
			continue;
		if (!any)
			tc_json_array(&r->json, "waiters");
		any = true;
		tc_json_id(&r->json, NULL, 'T', edge->from + 1u);
	}
	if (any)
		tc_json_end(&r->json, ']');
}

static void put_object(struct tc_json_report *r, size_t i)
{
	const struct tc_model *model = r->report->model;
	const struct tc_object *object = &model->objects[i];
	struct tc_json *json = &r->json;
	struct tc_attrs attrs;
	struct tc_value value;
	uint32_t name;

	tc_json_record_begin(r, "object");
	tc_json_id(json, "id", 'O', i + 1);
	tc_json_type(r, "type", object->type);
	tc_json_hex(json, "address", object->addr);
	tc_attrs_begin(&attrs, object);
	tc_json_object(json, "attrs");
	while (tc_attrs_next(&attrs, &name, &value)) {
		tc_json_key(json, tc_model_string(model, name));
		put_value(r, TC_JSON_KEYED, &value);
	}
	tc_json_end(json, '}');
	tc_items_begin(&attrs);
	if (attrs.n_items) {
		tc_json_u(json, "n_items", attrs.n_items);
		tc_json_array(json, "items");
		while (tc_items_next(&attrs, &value))
			put_value(r, NULL, &value);
		tc_json_end(json, ']');
	}
	put_waiters(r, object);
	put_holders(r, object);
	put_object_fd(json, tc_object_fd(model, object));
	if (object->flags & TC_OBJ_CUT)
		tc_json_bool(json, "cut", true);
	tc_json_record_end(r);
}

void tc_json_objects(struct tc_json_report *r)
{
	for (size_t i = 0; i < r->report->model->n_objects; i++)
		put_object(r, i);
}

static void put_missing(struct tc_json *json, uint32_t missing)
{
	static const struct {
		uint32_t bit;
		const char *word;
	} words[] = { { TC_FD_NO_TYPE, "kind" },
		      { TC_FD_NO_KIND, "family" },
		      { TC_FD_NO_LOCAL, "local" },
		      { TC_FD_NO_PEER, "peer" } };

	if (!missing)
		return;
	tc_json_array(json, "not_known");
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (missing & words[i].bit)
			tc_json_str(json, NULL, words[i].word);
	tc_json_end(json, ']');
}

static void put_descriptor(struct tc_json_report *r, const struct tc_fd *fd)
{
	struct tc_json *json = &r->json;

	tc_json_record_begin(r, "descriptor");
	tc_json_u(json, "fd", fd->fd);
	tc_json_str(json, "kind", tc_fd_kind(fd));
	if (tc_fd_is_socket(fd)) {
		tc_json_u(json, "family", fd->family);
		tc_json_u(json, "socket_type", fd->socket_type);
	}
	if (fd->local.size)
		tc_json_text(json, "local", fd->local);
	if (fd->peer.size)
		tc_json_text(json, "peer", fd->peer);
	if (tc_fd_state(fd))
		tc_json_str(json, "state", tc_fd_state(fd));
	if (fd->unread)
		tc_json_u(json, "unread", fd->unread - 1);
	if (fd->unsent)
		tc_json_u(json, "unsent", fd->unsent - 1);
	if (fd->what.size)
		tc_json_text(json, "name", fd->what);
	put_missing(json, fd->missing);
	tc_json_record_end(r);
}

void tc_json_descriptors(struct tc_json_report *r)
{
	for (size_t i = 0; i < r->report->model->n_fds; i++)
		put_descriptor(r, &r->report->model->fds[i]);
}
