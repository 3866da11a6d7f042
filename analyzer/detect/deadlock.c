/* SPDX-License-Identifier: Apache-2.0
 * deadlock.task-cycle, .lock-cycle, .self-lock and .pool-exhausted: tasks that need each other in a
 * ring, directly or by what they hold. An edge to a task stays until that has ended, so such edges
 * that were read at different moments still make a ring that exists; one by a lock does not. */
#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/detect/rings.h"
#include "analyzer/detect/words.h"
#include "analyzer/dump/values.h"
#include "analyzer/facts/place.h"

#define MEMBERS_SAID 4u

struct deadlock {
	const struct tc_scene *scene;
	const struct tc_stuck *stuck;
	struct tc_findings *findings;
};

static const struct tc_object *object_of(const struct tc_model *model, tc_node node)
{
	return node >= model->n_tasks && node < model->n_tasks + model->n_objects ?
		       &model->objects[node - model->n_tasks] :
		       NULL;
}

/* A lock or semaphore that is in the way; NULL: the node is none. */
static const struct tc_object *lock_of(const struct deadlock *d, tc_node node)
{
	return d->stuck->closed[node] ? object_of(d->scene->model, node) : NULL;
}

/* As who waits for it sees it. */
static bool is_semaphore(const struct deadlock *d, const struct tc_object *lock)
{
	return lock && tc_stuck_waited_as(d->scene, tc_node_object(d->scene->graph, lock)) ==
			       TC_WAIT_SEMAPHORE;
}

static bool has_bound(const struct tc_model *model, const struct tc_object *semaphore)
{
	struct tc_value value;

	return tc_object_attr(model, semaphore, "_bound_value", &value);
}

/* "Lock O4". */
static void say_object(struct tc_out *out, const struct tc_model *model,
		       const struct tc_object *object)
{
	tc_out_text(out, tc_model_string(model, tc_model_type(model, object->type)->name),
		    TC_NAME_COLUMNS);
	tc_out_printf(out, " O%zu", (size_t)(object - model->objects) + 1);
}

/* May a timer cancel a member? Those whose function is asyncio's own end sleeps, or what is
 * known to be timed. Of a loop whose timers are not known, or more than are recorded, nothing
 * can be said. */
static bool may_time_out(const struct tc_model *model, uint32_t loop)
{
	for (size_t i = 0; i < model->n_handles; i++) {
		const struct tc_handle *handle = &model->handles[i];
		const struct tc_text file =
			tc_model_string(model, tc_model_code(model, handle->code)->file);
		if (handle->loop == loop && handle->where == TC_HANDLE_TIMER &&
		    !(handle->flags & TC_HANDLE_CANCELLED) &&
		    !(file.size && tc_place_owner(model, file) == TC_OWNER_LIBRARY))
			return true;
	}
	for (size_t i = 0; i < model->n_loops; i++)
		if (model->loops[i].ref == loop)
			return (model->loops[i].flags & TC_LOOP_OPAQUE) ||
			       model->loops[i].timers > TC_HANDLES_MAX + 1u;
	return true;
}

/* Does a member wait for tasks that can get on, too? One that fails ends a gather or a group. */
static bool has_others(const struct deadlock *d, const struct tc_task *task)
{
	const struct tc_graph *graph = d->scene->graph;
	enum tc_wait_kind kind = tc_wait_kind_of(graph->finder, task);
	const struct tc_edge *edges;
	struct tc_wait scratch;
	struct tc_pending pending;
	uint64_t n_stuck = 0;
	size_t n;

	if (kind != TC_WAIT_GATHER && kind != TC_WAIT_TASKGROUP)
		return false;
	const struct tc_wait *wait = tc_graph_wait(graph, task, &scratch);
	const struct tc_object *all = wait->object ? wait->object : wait->members;
	tc_wait_pending(graph->finder, wait, &pending);
	edges = all ? tc_graph_out(graph, tc_node_object(graph, all), &n) : NULL;
	for (size_t i = 0; edges && i < n; i++)
		n_stuck += edges[i].kind == TC_EDGE_MEMBER && d->stuck->at[edges[i].to];
	return pending.pending + pending.unknown > (n_stuck ? n_stuck : 1);
}

/* The with statement by which a task holds an object, as a link; 0: it does not hold it. */
static uint32_t held_since(const struct tc_scene *scene, tc_node object, tc_node task)
{
	size_t n;
	const struct tc_edge *edges = tc_graph_out(scene->graph, object, &n);

	for (size_t i = 0; i < n; i++)
		if (edges[i].kind == TC_EDGE_HELD && edges[i].to == task)
			return edges[i].evidence;
	return 0;
}

/* How the ring goes on behind a task: "T3", or "Lock O4, which T3 holds". */
static void say_next(const struct deadlock *d, struct tc_out *out, const struct tc_ring *ring,
		     size_t i)
{
	const struct tc_model *model = d->scene->model;
	const struct tc_object *lock = NULL;
	const struct tc_task *task = NULL;

	for (size_t step = 1; step <= ring->nodes.n && !task; step++) {
		tc_node node = ring->nodes.at[(i + step) % ring->nodes.n];
		lock = lock ? lock : lock_of(d, node);
		task = tc_graph_task(d->scene->graph, node);
	}
	if (lock) {
		say_object(out, model, lock);
		tc_out_str(out, ", held by ");
	}
	tc_say_task(out, model, task, TC_NAME_COLUMNS);
}

static void describe_ring(const struct deadlock *d, struct tc_out *out, const struct tc_ring *ring,
			  size_t n_tasks)
{
	unsigned said = 0;

	tc_out_printf(out, "%zu tasks wait for each other in a ring: ", n_tasks);
	for (size_t i = 0; i < ring->nodes.n && said <= MEMBERS_SAID; i++) {
		const struct tc_task *task = tc_graph_task(d->scene->graph, ring->nodes.at[i]);
		if (!task)
			continue;
		if (!said++)
			tc_say_task(out, d->scene->model, task, TC_NAME_COLUMNS);
		tc_out_str(out, said > 1 ? ", which waits for " : " waits for ");
		say_next(d, out, ring, i);
	}
	if (n_tasks > MEMBERS_SAID + 1)
		tc_out_str(out, ", and so on");
}

/* A task that waits for itself, or a ring of several. */
static void describe_one_or_ring(const struct deadlock *d, struct tc_finding *finding,
				 const struct tc_ring *ring, const struct tc_object *lock)
{
	const struct tc_model *model = d->scene->model;
	struct tc_out *out = &finding->summary;

	if (finding->tasks.n > 1) {
		describe_ring(d, out, ring, finding->tasks.n);
		return;
	}
	tc_say_task(out, model, &model->tasks[finding->tasks.at[0]], TC_NAME_COLUMNS);
	tc_out_str(out, " waits for ");
	if (lock) {
		say_object(out, model, lock);
		tc_out_str(out, ", which it holds itself: such a lock cannot be taken twice");
	} else {
		tc_out_str(out, "itself");
	}
}

/* Are all holders of the semaphore in the ring? Others cannot get on for a reason of their own. */
static bool are_of_ring(const struct deadlock *d, const struct tc_ring *ring,
			const struct tc_object *pool)
{
	bool *in = tc_array_new(tc_graph_n_nodes(d->scene->graph), sizeof(*in)), all = true;
	const struct tc_edge *edges;
	size_t n;

	for (size_t i = 0; i < ring->all.n; i++)
		in[ring->all.at[i]] = true;
	edges = tc_graph_out(d->scene->graph, tc_node_object(d->scene->graph, pool), &n);
	for (size_t i = 0; i < n; i++)
		all = all && (edges[i].kind != TC_EDGE_HELD || in[edges[i].to]);
	free(in);
	return all;
}

static void describe_pool(const struct deadlock *d, struct tc_out *out, const struct tc_ring *ring,
			  const struct tc_object *pool, size_t n_permits)
{
	const bool bound = has_bound(d->scene->model, pool), one = n_permits == 1;

	say_object(out, d->scene->model, pool);
	if (!bound)
		tc_out_printf(out, " has no free permit, and the %zu whose holder%s known %s",
			      n_permits, one ? " is" : "s are", one ? "is" : "are");
	else if (one)
		tc_out_str(out, " is exhausted by its own holder: its only permit is");
	else
		tc_out_printf(out, " is exhausted by its own holders: all its %zu permits are",
			      n_permits);
	if (!are_of_ring(d, ring, pool))
		tc_out_str(out, " held by tasks that cannot get on, some because they wait,"
				" themselves or through others, for one more");
	else if (one)
		tc_out_str(out, " held by a task that waits, itself or through others, for one"
				" more");
	else
		tc_out_str(out, " held by tasks that wait, themselves or through others, for one"
				" more");
}

static void say_member(const struct deadlock *d, const struct tc_task *task, uint32_t since,
		       const struct tc_object *lock, struct tc_finding *finding)
{
	struct tc_out *line = tc_finding_evidence(finding);

	if (!line)
		return;
	tc_say_task(line, d->scene->model, task, TC_NAME_COLUMNS);
	if (lock) {
		tc_out_str(line, " holds ");
		say_object(line, d->scene->model, lock);
		tc_out_str(line, " since ");
		tc_say_link(line, d->scene, since);
		tc_out_str(line, " and");
	}
	tc_out_str(line, " waits at ");
	tc_say_link(line, d->scene, tc_place_best(d->scene->model, task->chain));
}

/* The members of a ring, each with what it holds of the ring. */
static void put_ring(const struct deadlock *d, const struct tc_ring *ring,
		     struct tc_finding *finding)
{
	const size_t n = ring->nodes.n;
	for (size_t i = 0; i < n; i++) {
		tc_node node = ring->nodes.at[i], before = ring->nodes.at[(i + n - 1) % n];
		const struct tc_task *task = tc_graph_task(d->scene->graph, node);
		if (!task)
			continue;
		const struct tc_object *held = lock_of(d, before);
		uint32_t since =
			held ? tc_place_best(d->scene->model, held_since(d->scene, before, node)) :
			       0;
		tc_ids_add(&finding->tasks, node);
		say_member(d, task, since, held, finding);
		uint32_t waits = tc_place_best(d->scene->model, task->chain);
		if (finding->cause == TC_CAUSE_SELF_LOCK) {
			tc_finding_culprit(finding, since);
			tc_finding_waits(finding, waits);
		} else {
			tc_finding_culprit(finding, waits);
		}
	}
}

/* The holders of a semaphore, and where its waiters wait. Returns how many permits they hold. */
static size_t put_pool(const struct deadlock *d, const struct tc_object *pool,
		       struct tc_finding *finding)
{
	const struct tc_model *model = d->scene->model;
	const tc_node node = tc_node_object(d->scene->graph, pool);
	const struct tc_edge *edges, *edge;
	size_t n, n_permits = 0;

	edges = tc_graph_out(d->scene->graph, node, &n);
	for (size_t i = 0; i < n; i++) {
		if (edges[i].kind != TC_EDGE_HELD)
			continue;
		uint32_t since = tc_place_best(model, edges[i].evidence);
		/* one that holds several comes several times in turn */
		if (!n_permits++ || finding->tasks.at[finding->tasks.n - 1] != edges[i].to)
			tc_ids_add(&finding->tasks, edges[i].to);
		tc_finding_culprit(finding, since);
		say_member(d, &model->tasks[edges[i].to], since, pool, finding);
	}
	for (size_t i = 0; i < TC_PLACES_MAX && (edge = tc_graph_in(d->scene->graph, node, i)); i++)
		tc_finding_waits(finding, tc_place_best(model, model->tasks[edge->from].chain));
	return n_permits;
}

static const char *why_not(const struct tc_finding *finding)
{
	return finding->cause == TC_CAUSE_TASK_CYCLE ?
		       "each waits until another one has ended" :
	       finding->cause == TC_CAUSE_POOL_EXHAUSTED ?
		       "only a holder can give a permit back, and each holder waits" :
		       "only its holder can release a lock, and each holder waits";
}

/* May a function of the task have given back by hand what the task holds? */
static bool may_have_released(const struct tc_model *model, const struct tc_task *task)
{
	size_t n;
	const struct tc_hold *holds = tc_model_holds(model, task, &n);

	for (size_t i = 0; i < n; i++)
		if (holds[i].flags & TC_HOLD_RELEASES)
			return true;
	return false;
}

static void judge_end(const struct deadlock *d, struct tc_finding *finding, bool by_lock)
{
	const struct tc_model *model = d->scene->model;
	bool timed = false, others = false, moved = false, released = false;

	for (size_t i = 0; i < finding->tasks.n; i++) {
		const struct tc_task *task = &model->tasks[finding->tasks.at[i]];
		timed = timed || (i < TC_PLACES_MAX && may_time_out(model, task->loop));
		others = others || has_others(d, task);
		moved = moved || (by_lock && finding->tasks.n > 1 &&
				  !tc_loops_of_one_moment(d->scene->loops, task->loop));
		released = released || (by_lock && may_have_released(model, task));
	}
	finding->ends = timed || others || released ? TC_ENDS_UNKNOWN : TC_ENDS_NO;
	finding->why = released ? "a function of theirs calls release(), and may have given back "
				  "what it seems to hold" :
		       others	? "another task of a gather or group may fail, which ends it" :
		       timed	? "a timer of the loop may cancel one of them" :
				  why_not(finding);
	if (others || timed || moved || released)
		finding->confidence = TC_LIKELY;
}

/* A plain semaphore does not tell how many permits it has. */
static void judge_plain_pool(struct tc_finding *finding)
{
	finding->confidence = TC_LIKELY;
	if (finding->ends != TC_ENDS_NO)
		return;
	finding->ends = TC_ENDS_UNKNOWN;
	finding->why = "not unless one more permit exists, whose holder is not known";
}

/* The semaphore, else a lock, that the ring goes through; NULL: it goes through tasks alone. */
static const struct tc_object *lock_in(const struct deadlock *d, const struct tc_ring *ring)
{
	const struct tc_object *found = NULL;

	for (size_t i = 0; i < ring->all.n; i++) {
		const struct tc_object *lock = lock_of(d, ring->all.at[i]);
		if (lock && (!found || is_semaphore(d, lock)))
			found = lock;
	}
	return found;
}

static void add_finding(void *context, const struct tc_ring *ring)
{
	const struct deadlock *d = context;
	const struct tc_object *lock = lock_in(d, ring);
	bool pool = is_semaphore(d, lock);
	size_t n_tasks = 0;

	if (!tc_findings_room(d->findings))
		return;
	for (size_t i = 0; i < ring->nodes.n; i++)
		n_tasks += tc_graph_task(d->scene->graph, ring->nodes.at[i]) != NULL;
	struct tc_finding *finding = tc_finding_add(d->findings,
						    pool	 ? TC_CAUSE_POOL_EXHAUSTED :
						    !lock	 ? TC_CAUSE_TASK_CYCLE :
						    n_tasks == 1 ? TC_CAUSE_SELF_LOCK :
								   TC_CAUSE_LOCK_CYCLE,
						    TC_PROVED);
	for (size_t i = 0; i < ring->all.n; i++)
		if (lock_of(d, ring->all.at[i]))
			tc_ids_add(&finding->objects, ring->all.at[i] - d->scene->model->n_tasks);
	if (pool) {
		size_t n_permits = put_pool(d, lock, finding);
		describe_pool(d, &finding->summary, ring, lock, n_permits);
	} else {
		put_ring(d, ring, finding);
		describe_one_or_ring(d, finding, ring, lock);
	}
	judge_end(d, finding, lock != NULL);
	if (pool && !has_bound(d->scene->model, lock))
		judge_plain_pool(finding);
}

void tc_detect_deadlock(const struct tc_scene *scene, struct tc_findings *findings)
{
	struct tc_stuck stuck;

	tc_stuck_init(&stuck, scene, NULL);
	struct deadlock deadlock = { scene, &stuck, findings };
	tc_rings_find(&stuck, add_finding, &deadlock);
	tc_stuck_deinit(&stuck);
}
