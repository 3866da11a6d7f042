/* SPDX-License-Identifier: Apache-2.0
 * orphan.event, .queue-empty, .queue-full, .queue-join and .barrier, deadlock.lock-abandoned and
 * .semaphore-leak: tasks wait for an object that nobody else knows but tasks which cannot get on
 * before. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/base/array.h"
#include "analyzer/base/lookup.h"
#include "analyzer/detect/open.h"
#include "analyzer/detect/parked.h"
#include "analyzer/detect/stuck.h"
#include "analyzer/detect/words.h"
#include "analyzer/facts/live.h"
#include "analyzer/facts/place.h"

enum { NAMES_SAID = 4 };
#define STEPS_MAX 50000000u /* of all searches: a file may lie */

/* What can be waited for in this way, and who could end it. */
static const struct way {
	enum tc_wait_kind kind;
	enum tc_cause cause;
	const char *nobody; /* why nobody ends the wait */
} ways[] = {
	{ TC_WAIT_EVENT, TC_CAUSE_ORPHAN_EVENT, "that nobody can set" },
	{ TC_WAIT_CONDITION, TC_CAUSE_ORPHAN_EVENT, "that nobody can notify" },
	{ TC_WAIT_BARRIER, TC_CAUSE_ORPHAN_BARRIER, "that nobody else can reach" },
	{ TC_WAIT_QUEUE_GET, TC_CAUSE_ORPHAN_QUEUE_EMPTY, "that nobody can put anything into" },
	{ TC_WAIT_QUEUE_PUT, TC_CAUSE_ORPHAN_QUEUE_FULL, "that is full and that nobody reads" },
	{ TC_WAIT_QUEUE_JOIN, TC_CAUSE_ORPHAN_QUEUE_JOIN,
	  "until all its items are done, and nobody can do that" },
	{ TC_WAIT_LOCK, TC_CAUSE_LOCK_ABANDONED,
	  "that is taken, and nobody who could release it is left" },
	{ TC_WAIT_SEMAPHORE, TC_CAUSE_SEMAPHORE_LEAK,
	  "that has no free permit, and nobody who could give one back is left" },
};

/* A queue that a pool keeps its free items in: whoever waits for one is in a function of it. */
static const struct way pool_way = {
	TC_WAIT_QUEUE_GET, TC_CAUSE_POOL_EXHAUSTED,
	"that is empty, and all who could put something back wait for it"
};

struct orphans {
	const struct tc_scene *scene;
	const struct tc_stuck *stuck;
	struct tc_findings *findings;
	struct tc_left left;
	uint32_t *reached; /* of each node: the last object that it needs, + 1 */
	tc_node *stack;
	uint32_t steps;		  /* that are left */
	struct tc_lookup objects; /* by the chain of the first task that waits */
};

/* Is it "acquire" or a function of a class with the word "Pool" in its name? */
static bool is_of_pool(const struct tc_text function)
{
	static const char acquire[] = "acquire", pool[] = "Pool";
	const size_t n = sizeof(acquire) - 1, m = sizeof(pool) - 1;

	if (function.size >= n && memcmp(function.at + (function.size - n), acquire, n) == 0)
		return true;
	for (size_t i = 0; i + m < function.size; i++)
		if (memcmp(function.at + i, pool, m) == 0 && !islower(function.at[i + m]))
			return memchr(function.at + i, '.', function.size - i) != NULL;
	return false;
}

/* The link of the program's function that waits; of a pool's, the one outside of it. */
static uint32_t line_of(const struct tc_scene *scene, const struct tc_task *task, bool *ret_pool)
{
	const struct tc_model *model = scene->model;
	uint32_t link = tc_place_best(model, task->chain), outside = model->chains[link].parent;
	struct tc_place place;

	tc_place_init(&place, model, link);
	*ret_pool = outside && is_of_pool(place.function) &&
		    tc_wait_kind_of(scene->graph->finder, task) == TC_WAIT_QUEUE_GET;
	return *ret_pool ? tc_place_best(model, outside) : link;
}

static const struct way *way_of(const struct tc_scene *scene, const struct tc_task *task)
{
	enum tc_wait_kind kind = tc_wait_kind_of(scene->graph->finder, task);
	bool pool;

	line_of(scene, task, &pool);
	if (pool)
		return &pool_way;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (ways[i].kind == kind)
			return &ways[i];
	return NULL;
}

/* Mark all that needs the object, directly or through others. False: there is too much. */
static bool reach(struct orphans *o, tc_node object)
{
	const struct tc_graph *graph = o->scene->graph;
	const struct tc_edge *edge;
	size_t n = 0;

	o->reached[object] = object + 1;
	o->stack[n++] = object;
	while (n > 0) {
		tc_node node = o->stack[--n];
		for (size_t i = 0; (edge = tc_graph_in(graph, node, i)); i++) {
			if (o->steps == 0)
				return false;
			o->steps--;
			if (edge->kind == TC_EDGE_KNOWN || o->reached[edge->from] == object + 1 ||
			    !o->stuck->at[edge->from])
				continue;
			o->reached[edge->from] = object + 1;
			o->stack[n++] = edge->from;
		}
	}
	return true;
}

/* The first task that waits for the object and is stuck; NULL: none is. */
static const struct tc_task *waiter_of(const struct orphans *o, tc_node object)
{
	const struct tc_edge *edge;

	for (size_t i = 0; (edge = tc_graph_in(o->scene->graph, object, i)); i++)
		if (edge->kind == TC_EDGE_WAITS && o->stuck->at[edge->from])
			return tc_graph_task(o->scene->graph, edge->from);
	return NULL;
}

/* Does each task that knows the object wait for it, itself or through others? Else it is not where
 * it all begins. */
static bool is_root(struct orphans *o, tc_node object)
{
	const struct tc_edge *edges;
	size_t n;

	if (!reach(o, object))
		return false;
	edges = tc_graph_out(o->scene->graph, object, &n);
	for (size_t i = 0; i < n; i++)
		if (edges[i].kind == TC_EDGE_KNOWN && o->reached[edges[i].to] != object + 1)
			return false;
	return true;
}

/* Does somebody else wait for what the task holds? Then it does not wait on purpose. */
static bool holds_up(const struct tc_scene *scene, const struct tc_task *task)
{
	const struct tc_edge *edge;

	for (size_t i = 0; (edge = tc_graph_in(scene->graph, tc_node_task(scene->graph, task), i));
	     i++)
		if (edge->kind == TC_EDGE_HELD)
			return true;
	return false;
}

/* Is it anything but a frame that waits for the object, of the standard library or of a function
 * that has made it for itself? */
static bool keeps(const struct tc_model *model, const struct tc_refs *refs, uint32_t word)
{
	const struct tc_site *site =
		refs->site && refs->site < model->n_sites ? &model->sites[refs->site] : NULL;

	if (!site || refs->flags & TC_REFS_ENDED)
		return true;
	const struct tc_text file = tc_model_string(model, tc_model_code(model, site->code)->file);
	return tc_place_owner(model, file) != TC_OWNER_LIBRARY &&
	       !(word && tc_live_is_private(model, refs->site, word - 1));
}

/* Does the program keep the object? What only the function knows that waits for it is waited for on
 * purpose: await asyncio.Event().wait(), and stop = asyncio.Event() before that. */
static bool is_kept(const struct orphans *o, size_t i)
{
	return tc_knowers_any(o->scene->graph->knowers, o->scene->model->objects[i].addr, keeps);
}

/* Does anybody miss the task? A worker that waits for more work, and that nobody waits for, hurts
 * nobody: many programs leave theirs to the end of asyncio.run(). */
static bool is_missed(const struct tc_scene *scene, const struct tc_task *task)
{
	const struct tc_graph *graph = scene->graph;
	const struct tc_edge *edge;

	if (!tc_names_cancel_all(&graph->knowers->names, NULL, NULL))
		return false; /* somebody cancels all tasks when the program ends */
	if (tc_is_main(scene, task))
		return true;
	for (size_t i = 0; (edge = tc_graph_in(graph, tc_node_task(graph, task), i)); i++)
		if (edge->kind == TC_EDGE_WAITS || edge->kind == TC_EDGE_MEMBER ||
		    edge->kind == TC_EDGE_HELD)
			return true;
	return false;
}

static bool is_orphan(struct orphans *o, size_t i)
{
	const tc_node node = (tc_node)(o->scene->model->n_tasks + i);
	const struct tc_task *task;

	if (!o->stuck->known[i] || !o->stuck->at[node] || !(task = waiter_of(o, node)))
		return false;
	const struct way *way = way_of(o->scene, task);
	bool purpose = (way && way->kind == TC_WAIT_EVENT && tc_may_be_parked(o->scene, task)) ||
		       !is_kept(o, i);
	if (way && way->cause == TC_CAUSE_ORPHAN_QUEUE_EMPTY && !is_missed(o->scene, task))
		return false;
	return way && tc_is_own_wait(o->scene->model, task) &&
	       (!purpose || holds_up(o->scene, task)) && !tc_may_be_left(&o->left, task) &&
	       is_root(o, node);
}

struct ended {
	const struct orphans *o;
	struct tc_finding *finding;
	const struct tc_task *last;
	unsigned n;
};

/* A task that has failed, and would have used the object. */
static void put_failed(struct ended *one, const struct tc_task *task,
		       const struct tc_failure *failure, const char *had)
{
	const struct tc_model *model = one->o->scene->model;
	uint32_t link = tc_place_best(model, failure->traceback);

	tc_finding_culprit(one->finding, link);
	one->n++;
	struct tc_out *line = tc_finding_evidence(one->finding);
	if (!line)
		return;
	tc_say_task(line, model, task, TC_NAME_COLUMNS);
	tc_out_str(line, had);
	tc_out_text(line, tc_model_string(model, tc_model_type(model, task->exception)->name), 40);
	tc_out_str(line, " at ");
	tc_say_link(line, one->o->scene, link);
}

static void put_ended(void *context, const struct tc_task *task, enum tc_known_by by)
{
	struct ended *one = context;
	const struct tc_failure *failure =
		task && by == TC_BY_TRACEBACK ? tc_model_failure(one->o->scene->model, task) : NULL;

	if (!failure || task == one->last)
		return;
	one->last = task;
	put_failed(one, task, failure, " had it too, until it failed with ");
}

/* The tasks whose function uses the name that the object is kept under, and failed. */
static void put_ended_by_name(struct ended *one, uint32_t key)
{
	const struct tc_scene *scene = one->o->scene;
	const struct tc_model *model = scene->model;
	struct tc_place place;

	for (size_t i = 0; i < model->n_failures && one->n < NAMES_SAID; i++) {
		const struct tc_failure *failure = &model->failures[i];
		tc_place_init(&place, model, tc_place_best(model, failure->traceback));
		if (place.code && tc_names_has(&scene->graph->knowers->names, place.code, key))
			put_failed(one, &model->tasks[failure->task], failure,
				   " uses it too, and has failed with ");
	}
}

/* Why nobody can end the wait, and who might have. */
static void put_evidence(const struct orphans *o, const struct way *way, uint64_t object,
			 struct ended *ended)
{
	struct tc_knowers *knowers = o->scene->graph->knowers;
	const uint32_t key = tc_knowers_key(knowers, object, tc_graph_ended_by(way->kind));
	struct tc_out *line = tc_finding_evidence(ended->finding);

	if (key) {
		tc_out_str(line, "it is kept as ");
		tc_out_text(line, tc_model_string(o->scene->model, key), 40);
		tc_out_str(line, ": of all code that can still run, only that of tasks which wait "
				 "for it ends such a wait and uses this name");
	} else {
		tc_out_str(line, "all references to it are known: each task that may still use one "
				 "waits for it, itself or through others");
	}
	tc_knowers_find(knowers, object, NULL, put_ended, ended);
	if (key)
		put_ended_by_name(ended, key);
}

/* Those that wait for object i in this way: a queue may be waited for in several. */
static void put_waiters(const struct orphans *o, const struct way *way, size_t i,
			struct tc_finding *finding)
{
	const tc_node node = (tc_node)(o->scene->model->n_tasks + i);
	const struct tc_edge *edge;

	tc_ids_add(&finding->objects, i);
	for (size_t e = 0; (edge = tc_graph_in(o->scene->graph, node, e)); e++) {
		if (edge->kind != TC_EDGE_WAITS || !o->stuck->at[edge->from])
			continue;
		const struct tc_task *task = tc_graph_task(o->scene->graph, edge->from);
		bool pool;
		if (way_of(o->scene, task) != way)
			continue;
		uint32_t line = line_of(o->scene, task, &pool);
		tc_ids_add(&finding->tasks, edge->from);
		tc_finding_culprit(finding, line);
		tc_finding_waits(finding, tc_place_best(o->scene->model, task->chain));
	}
}

static void describe(const struct orphans *o, const struct way *way, struct tc_finding *finding)
{
	const struct tc_model *model = o->scene->model;
	const struct tc_object *object = &model->objects[finding->objects.at[0]];
	const size_t n = finding->tasks.n, n_objects = finding->objects.n;
	struct tc_out *out = &finding->summary;

	for (size_t i = 0; i < n && i < NAMES_SAID; i++) {
		tc_out_str(out, i ? ", " : "");
		tc_say_task(out, model, &model->tasks[finding->tasks.at[i]], TC_NAME_COLUMNS);
	}
	if (n > NAMES_SAID)
		tc_out_printf(out, " and %zu more", n - NAMES_SAID);
	tc_out_str(out, n > 1 ? " wait for " : " waits for ");
	tc_out_text(out, tc_model_string(model, tc_model_type(model, object->type)->name),
		    TC_NAME_COLUMNS);
	tc_out_printf(out, " O%zu", finding->objects.at[0] + (size_t)1);
	if (n_objects > 1)
		tc_out_printf(out, " and %zu more, each one", n_objects - 1);
	tc_out_printf(out, " %s", way->nobody);
}

/* Was somebody asked to stop who waits all the same, in asyncio.shield(), for the one task that
 * cannot end? Then that is what a person sees. */
static void look_for_shield(const struct orphans *o, struct tc_finding *finding)
{
	const struct tc_model *model = o->scene->model;
	const struct tc_graph *graph = o->scene->graph;
	const struct tc_edge *edge;

	if (finding->tasks.n != 1)
		return;
	for (size_t i = 0; (edge = tc_graph_in(graph, finding->tasks.at[0], i)); i++) {
		const struct tc_task *task = tc_graph_task(graph, edge->from);
		if (edge->kind != TC_EDGE_WAITS || !task || !task->cancels ||
		    !o->stuck->at[edge->from] ||
		    tc_wait_kind_of(graph->finder, task) != TC_WAIT_SHIELD)
			continue;
		finding->cause = TC_CAUSE_CANCEL_SHIELDED;
		tc_out_str(&finding->summary, "; ");
		tc_say_task(&finding->summary, model, task, TC_NAME_COLUMNS);
		tc_out_printf(&finding->summary,
			      " was asked to stop (%llu) and waits on for it, in asyncio.shield()",
			      (unsigned long long)task->cancels);
		tc_ids_add(&finding->tasks, edge->from);
		tc_finding_culprit(finding, tc_place_best(model, task->chain));
		return;
	}
}

/* Those of o->objects from `from` on that are waited for at one line. Returns where the next ones
 * begin. */
static size_t add_finding(struct orphans *o, size_t from)
{
	const struct tc_lookup_entry *entries = o->objects.entries;
	const struct tc_model *model = o->scene->model;
	const struct tc_task *task = waiter_of(o, (tc_node)(model->n_tasks + entries[from].at));
	const struct way *way = way_of(o->scene, task);
	struct tc_finding *finding = tc_findings_room(o->findings) ?
					     tc_finding_add(o->findings, way->cause, TC_LIKELY) :
					     NULL;
	struct ended ended = { o, finding, NULL, 0 };
	size_t i = from;

	for (; i < o->objects.n && entries[i].key == entries[from].key; i++)
		if (finding)
			put_waiters(o, way, entries[i].at, finding);
	if (!finding)
		return i;
	describe(o, way, finding);
	put_evidence(o, way, model->objects[entries[from].at].addr, &ended);
	/* one of those who used the pool has failed: it is not that all want more */
	if (way == &pool_way && ended.n)
		finding->cause = TC_CAUSE_ORPHAN_QUEUE_EMPTY;
	look_for_shield(o, finding);
	finding->ends = TC_ENDS_NO;
	finding->why = "nobody else can reach it, nor cancel the tasks that wait";
	return i;
}

void tc_detect_orphan_wait(const struct tc_scene *scene, struct tc_findings *findings)
{
	const struct tc_model *model = scene->model;
	const size_t n_nodes = tc_graph_n_nodes(scene->graph);
	struct tc_stuck stuck;

	if (!scene->graph->knowers)
		return;
	bool *open = tc_array_new(model->n_tasks, sizeof(*open));
	if (!tc_find_open(scene, open, &stuck)) {
		free(open);
		return;
	}
	struct orphans o = {
		.scene = scene,
		.stuck = &stuck,
		.findings = findings,
		.steps = STEPS_MAX,
		.reached = tc_array_new(n_nodes, sizeof(*o.reached)),
		.stack = tc_array_new(n_nodes, sizeof(*o.stack)),
	};
	tc_left_init(&o.left, scene);
	for (size_t i = 0; i < model->n_objects; i++)
		if (is_orphan(&o, i))
			tc_lookup_add(&o.objects,
				      waiter_of(&o, (tc_node)(model->n_tasks + i))->chain, i);
	tc_lookup_sort(&o.objects);
	for (size_t from = 0; from < o.objects.n;)
		from = add_finding(&o, from);
	tc_lookup_deinit(&o.objects);
	tc_left_deinit(&o.left);
	free(o.reached);
	free(o.stack);
	tc_stuck_deinit(&stuck);
	free(open);
}
