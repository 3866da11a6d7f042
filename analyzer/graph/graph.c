/* SPDX-License-Identifier: Apache-2.0
 * The graph is made in one pass over the tasks; the edges in the other direction are counted and
 * placed. */
#include "analyzer/graph/graph.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/base/array.h"
#include "analyzer/dump/values.h"
#include "analyzer/facts/place.h"

/* Edges up to which it is said who knows what: of n objects each of n tasks may know all. */
#define KNOWN_MAX 2000000u

static size_t n_nodes(const struct tc_model *model)
{
	return model->n_tasks + model->n_objects + model->n_pythreads;
}

size_t tc_graph_n_nodes(const struct tc_graph *graph)
{
	return n_nodes(graph->model);
}

tc_node tc_node_thread(const struct tc_graph *graph, const struct tc_pythread *thread)
{
	const struct tc_model *model = graph->model;

	return (tc_node)(model->n_tasks + model->n_objects + (size_t)(thread - model->pythreads));
}

const struct tc_task *tc_graph_task(const struct tc_graph *graph, tc_node node)
{
	return node < graph->model->n_tasks ? &graph->model->tasks[node] : NULL;
}

static void add(struct tc_graph *graph, enum tc_edge_kind kind, tc_node from, tc_node to,
		uint32_t evidence)
{
	*tc_push(graph->edges, graph->n_edges, graph->edges_room) =
		(struct tc_edge){ .kind = kind, .from = from, .to = to, .evidence = evidence };
}

struct member {
	struct tc_graph *graph;
	tc_node from;
};

static void add_member(void *context, const struct tc_task *task)
{
	const struct member *member = context;

	add(member->graph, TC_EDGE_MEMBER, member->from, tc_node_task(member->graph, task), 0);
}

/* What an object stands for is said once, whoever waits for it. */
static void add_behind(struct tc_graph *graph, const struct tc_wait *wait, bool *known)
{
	const struct tc_object *object = wait->object ? wait->object : wait->members;

	if (!object || known[object - graph->model->objects])
		return;
	known[object - graph->model->objects] = true;
	struct member member = { graph, tc_node_object(graph, object) };
	tc_wait_members(graph->finder, wait, TC_ITEMS_MAX, add_member, &member);
	if (wait->job.worker)
		add(graph, TC_EDGE_WORKS, tc_node_thread(graph, wait->job.worker), member.from, 0);
}

static void add_waits(struct tc_graph *graph, size_t i, const struct tc_wait *wait)
{
	uint32_t evidence = tc_wait_evidence(graph->finder, &graph->model->tasks[i]);

	if (wait->object)
		add(graph, TC_EDGE_WAITS, (tc_node)i, tc_node_object(graph, wait->object),
		    evidence);
	else if (wait->members)
		add(graph, TC_EDGE_WAITS, (tc_node)i, tc_node_object(graph, wait->members),
		    evidence);
	if (wait->task)
		add(graph, TC_EDGE_WAITS, (tc_node)i, tc_node_task(graph, wait->task), evidence);
}

/* May a wait of this kind be for a task? Where it is known who refers to what, for all by which
 * tasks of the program tell each other something; else for a lock, if holders are known. */
static bool may_lead_to_task(const struct tc_model *model, enum tc_wait_kind kind)
{
	switch (kind) {
	case TC_WAIT_LOCK:
	case TC_WAIT_SEMAPHORE:
		return model->n_holds > 0 || model->n_refs > 0;
	case TC_WAIT_CONDITION:
	case TC_WAIT_EVENT:
	case TC_WAIT_BARRIER:
	case TC_WAIT_QUEUE_GET:
	case TC_WAIT_QUEUE_PUT:
	case TC_WAIT_QUEUE_JOIN:
		return model->n_refs > 0;
	case TC_WAIT_NONE:
	case TC_WAIT_SLEEP:
	case TC_WAIT_STREAM_READ:
	case TC_WAIT_STREAM_DRAIN:
	case TC_WAIT_SOCK:
	case TC_WAIT_SUBPROCESS:
		return false;
	default:
		return true;
	}
}

/* Is it asyncio's Condition, which keeps the lock that it takes as `_lock`? Another class of that
 * name may do what it likes. */
static bool is_condition(const struct tc_model *model, uint32_t id)
{
	const struct tc_type *type = tc_model_type(model, id);

	return tc_text_is(tc_model_string(model, type->name), "Condition") &&
	       tc_text_is(tc_model_string(model, type->module), "asyncio.locks");
}

/* The object that a task holds with this manager: the manager itself, but of a condition its
 * lock. NULL: it is not recorded. */
static const struct tc_object *held_object(const struct tc_model *model, const struct tc_hold *hold)
{
	const struct tc_object *object = tc_model_object_at(model, hold->manager);

	return object && is_condition(model, hold->type) ?
		       tc_object_member(model, object, "_lock") :
		       object;
}

/* Has the task given the lock back for the time of Condition.wait(), or does it, in there, take it
 * again? It is then inside a with block of the lock or of the condition, and does not hold it. */
static bool is_given_back(const struct tc_graph *graph, const struct tc_task *task,
			  const struct tc_object *lock)
{
	const struct tc_model *model = graph->model;
	struct tc_wait scratch;
	const struct tc_wait *wait = tc_graph_wait(graph, task, &scratch);

	if (wait->kind == TC_WAIT_CONDITION)
		return !wait->object || tc_object_member(model, wait->object, "_lock") == lock;
	if (wait->kind != TC_WAIT_LOCK || wait->object != lock)
		return false;
	for (uint32_t id = task->chain; id; id = model->chains[id].parent) {
		struct tc_place place;
		tc_place_init(&place, model, id);
		if (tc_place_is(&place, "asyncio/locks.py", "wait"))
			return true;
	}
	return false;
}

static void note_kind(uint8_t *kind, enum tc_wait_kind more)
{
	*kind = (uint8_t)(*kind == TC_WAIT_NONE || *kind == more ? more : TC_WAIT_UNKNOWN);
}

/* How each object is waited for; TC_WAIT_NONE: it is not; TC_WAIT_UNKNOWN: in several ways, as a
 * queue by get() and join(). */
static uint8_t *waited_for(const struct tc_graph *graph)
{
	const struct tc_model *model = graph->model;
	uint8_t *waited = tc_array_new(model->n_objects, sizeof(*waited));

	for (size_t i = 0; i < graph->n_edges; i++)
		if (graph->edges[i].kind == TC_EDGE_WAITS && graph->edges[i].to >= model->n_tasks &&
		    graph->edges[i].to < model->n_tasks + model->n_objects)
			note_kind(&waited[graph->edges[i].to - model->n_tasks],
				  tc_wait_kind_of(graph->finder,
						  &model->tasks[graph->edges[i].from]));
	return waited;
}

/* Who holds what others wait for. */
static void add_held(struct tc_graph *graph, const uint8_t *waited)
{
	const struct tc_model *model = graph->model;

	for (size_t i = 0; i < model->n_holds; i++) {
		const struct tc_hold *hold = &model->holds[i];
		const struct tc_task *task = &model->tasks[hold->owner];
		if (!tc_task_alive(task) || task->flags & TC_TASK_TORN)
			continue;
		const struct tc_object *object = held_object(model, hold);
		if (object && waited[object - model->objects] &&
		    !is_given_back(graph, task, object))
			add(graph, TC_EDGE_HELD, tc_node_object(graph, object), hold->owner,
			    hold->place);
	}
}

static void add_knower(void *context, const struct tc_task *task, enum tc_known_by by)
{
	const struct member *member = context;

	if (task && by != TC_BY_TRACEBACK)
		add(member->graph, TC_EDGE_KNOWN, member->from, tc_node_task(member->graph, task),
		    0);
}

/* Lib/asyncio/locks.py, queues.py. `async with` releases what it has taken itself, and then it has
 * waited for it, too. */
const char *const *tc_graph_ended_by(enum tc_wait_kind kind)
{
	static const char *const release[] = { "release", "__aexit__", "__exit__", NULL },
				 *const set[] = { "set", NULL },
				 *const notify[] = { "notify", "notify_all", NULL },
				 *const put[] = { "put", "put_nowait", "shutdown", NULL },
				 *const get[] = { "get", "get_nowait", "shutdown", NULL },
				 *const done[] = { "task_done", "shutdown", NULL },
				 *const barrier[] = { "wait", "reset", "abort", NULL };

	switch (kind) {
	case TC_WAIT_LOCK:
	case TC_WAIT_SEMAPHORE:
		return release;
	case TC_WAIT_EVENT:
		return set;
	case TC_WAIT_CONDITION:
		return notify;
	case TC_WAIT_BARRIER:
		return barrier;
	case TC_WAIT_QUEUE_GET:
		return put;
	case TC_WAIT_QUEUE_PUT:
		return get;
	case TC_WAIT_QUEUE_JOIN:
		return done;
	default:
		return NULL;
	}
}

/* Who knows what others wait for. Where others may know it too, nothing is said. */
static void add_known(struct tc_graph *graph, const uint8_t *waited)
{
	const struct tc_model *model = graph->model;

	graph->known = tc_array_new(model->n_objects, sizeof(*graph->known));
	if (!model->n_refs)
		return;
	graph->knowers = tc_array_new(1, sizeof(*graph->knowers));
	tc_knowers_init(graph->knowers, model);
	for (size_t i = 0; i < model->n_objects; i++) {
		struct member member = { graph, (tc_node)(model->n_tasks + i) };
		const size_t n = graph->n_edges;
		if (!waited[i] || n > KNOWN_MAX)
			continue;
		graph->known[i] = tc_knowers_find(graph->knowers, model->objects[i].addr,
						  tc_graph_ended_by((enum tc_wait_kind)waited[i]),
						  add_knower, &member);
		if (!graph->known[i])
			graph->n_edges = n;
	}
}

static int by_from(const void *left, const void *right)
{
	const struct tc_edge *a = left, *b = right;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	return a->to < b->to ? -1 : a->to > b->to;
}

/* Where the edges of each node begin: counted, then summed up. */
static uint32_t *first_of(const struct tc_graph *graph, bool in)
{
	size_t n = n_nodes(graph->model);
	uint32_t *first = tc_array_new(n + 1, sizeof(*first));

	for (size_t i = 0; i < graph->n_edges; i++)
		first[(in ? graph->edges[i].to : graph->edges[i].from) + 1]++;
	for (size_t i = 0; i < n; i++)
		first[i + 1] += first[i];
	return first;
}

static void index_edges(struct tc_graph *graph)
{
	if (graph->n_edges)
		qsort(graph->edges, graph->n_edges, sizeof(*graph->edges), by_from);
	graph->out_first = first_of(graph, false);
	graph->in_first = first_of(graph, true);
	graph->in = tc_array_new(graph->n_edges, sizeof(*graph->in));
	/* From the back, so that each node's edges keep their order. Each end becomes a beginning
	 * by that, so all stand one too far. */
	for (size_t i = graph->n_edges; i > 0; i--)
		graph->in[--graph->in_first[graph->edges[i - 1].to + 1]] = (uint32_t)i - 1;
	size_t n = n_nodes(graph->model);
	memmove(graph->in_first, graph->in_first + 1, n * sizeof(*graph->in_first));
	graph->in_first[n] = (uint32_t)graph->n_edges;
}

void tc_graph_init(struct tc_graph *graph, const struct tc_waits *finder, bool to_tasks)
{
	const struct tc_model *model = finder->model;
	struct tc_wait scratch;

	*graph = (struct tc_graph){ .model = model, .finder = finder };
	if (n_nodes(model) >= TC_NODE_NONE)
		return;
	bool *known = tc_array_new(model->n_objects, sizeof(*known));
	if (!to_tasks)
		graph->waits = tc_array_new(model->n_tasks, sizeof(*graph->waits));
	for (size_t i = 0; i < model->n_tasks; i++) {
		struct tc_wait *wait = to_tasks ? &scratch : &graph->waits[i];
		if (to_tasks && !may_lead_to_task(model, tc_wait_kind_of(finder, &model->tasks[i])))
			continue;
		tc_wait_find(finder, &model->tasks[i], wait);
		add_waits(graph, i, wait);
		add_behind(graph, wait, known);
	}
	free(known);
	uint8_t *waited = waited_for(graph);
	add_held(graph, waited);
	add_known(graph, waited);
	free(waited);
	index_edges(graph);
}

void tc_graph_deinit(struct tc_graph *graph)
{
	free(graph->waits);
	free(graph->edges);
	free(graph->out_first);
	free(graph->in_first);
	free(graph->in);
	free(graph->known);
	if (graph->knowers)
		tc_knowers_deinit(graph->knowers);
	free(graph->knowers);
	*graph = (struct tc_graph){ 0 };
}

const struct tc_wait *tc_graph_wait(const struct tc_graph *graph, const struct tc_task *task,
				    struct tc_wait *scratch)
{
	if (graph->waits)
		return &graph->waits[task - graph->model->tasks];
	tc_wait_find(graph->finder, task, scratch);
	return scratch;
}

const struct tc_edge *tc_graph_out(const struct tc_graph *graph, tc_node node, size_t *ret_n)
{
	*ret_n = graph->out_first ? graph->out_first[node + 1] - graph->out_first[node] : 0;
	return *ret_n ? &graph->edges[graph->out_first[node]] : NULL;
}

const struct tc_edge *tc_graph_in(const struct tc_graph *graph, tc_node node, size_t number)
{
	if (!graph->in_first || number >= graph->in_first[node + 1] - graph->in_first[node])
		return NULL;
	return &graph->edges[graph->in[graph->in_first[node] + number]];
}
