/* SPDX-License-Identifier: Apache-2.0
 * The table of detectors; the order of findings; which tasks each explains. */
#include "analyzer/detect/detect.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/base/array.h"
#include "analyzer/detect/timed.h"

const char tc_detect_looks_for[] =
	"blocked loops, rings of tasks, locks and semaphores; futures, events, queues and locks "
	"that nobody who is left can complete; loops that were not woken or that nobody runs; "
	"descriptors or processes of a pool used up; programs that end and wait for a thread or "
	"for clients";

static void (*const detectors[])(const struct tc_scene *, struct tc_findings *) = {
	tc_detect_crash,	tc_detect_blocked_loop, tc_detect_deadlock,
	tc_detect_fd_exhausted, tc_detect_shutdown,	tc_detect_executor,
	tc_detect_loop_stopped, tc_detect_lost_wakeup,	tc_detect_orphan_future,
	tc_detect_orphan_wait,
};

static bool is_crash(const struct tc_finding *finding)
{
	return tc_cause_class_of(finding->cause) == TC_CLASS_CRASH;
}

/* A crash is why there is a dump at all. */
static int by_harm(const void *left, const void *right)
{
	const struct tc_finding *a = left, *b = right;

	if (is_crash(a) != is_crash(b))
		return is_crash(a) ? -1 : 1;
	if (a->confidence != b->confidence)
		return a->confidence < b->confidence ? -1 : 1;
	if (a->victims != b->victims)
		return a->victims > b->victims ? -1 : 1;
	return (a->cause > b->cause) - (a->cause < b->cause);
}

/* Who explains what: the walk goes from a task to those that wait for it. */
struct hurt {
	const struct tc_scene *scene;
	struct tc_findings *findings;
	/* room for all edges and nodes: a node is pushed once for each edge to it */
	tc_node *stack;
	uint32_t *seen; /* of each node: the last finding that reached it, + 1 */
};

/* Does whoever waits at this end of the edge need the other end to get on? Not one inside
 * asyncio.wait or wait_for; what is held needs its holder if it has one only. */
static bool needs(const struct tc_scene *scene, const struct tc_edge *edge)
{
	const struct tc_task *task = tc_graph_task(scene->graph, edge->from);
	size_t n;

	if (edge->kind == TC_EDGE_HELD) {
		const struct tc_edge *edges = tc_graph_out(scene->graph, edge->from, &n);
		size_t holders = 0;
		for (size_t i = 0; i < n; i++)
			holders += edges[i].kind == TC_EDGE_HELD;
		return holders == 1;
	}

	if (edge->kind == TC_EDGE_MEMBER)
		return true;
	if (edge->kind != TC_EDGE_WAITS || !task)
		return false;
	enum tc_wait_kind kind = tc_wait_kind_of(scene->graph->finder, task);
	return kind != TC_WAIT_WAIT && kind != TC_WAIT_WAIT_FOR;
}

/* The task first and all that need it. Returns how many were not reached for this finding yet. */
static uint64_t explain(struct hurt *hurt, uint32_t number, tc_node first)
{
	const struct tc_edge *edge;
	uint64_t count = 0;
	size_t n = 0;

	hurt->stack[n++] = first;
	while (n > 0) {
		tc_node node = hurt->stack[--n];
		if (hurt->seen[node] == number)
			continue;
		hurt->seen[node] = number;
		const struct tc_task *task = tc_graph_task(hurt->scene->graph, node);
		if (task && tc_task_alive(task)) {
			uint32_t *by = &hurt->findings->of_task[node];
			hurt->findings->n_explained += *by == 0;
			*by = *by ? *by : number;
			count++;
		}
		for (size_t i = 0; (edge = tc_graph_in(hurt->scene->graph, node, i)); i++)
			if (hurt->seen[edge->from] != number && needs(hurt->scene, edge))
				hurt->stack[n++] = edge->from;
	}
	return count;
}

/* Who is hurt: all tasks of a loop that does not turn, all tasks that cause it, and all that need
 * one of these. A crash hurts all others too, but does not explain why they wait. */
static void explain_all(const struct tc_scene *scene, struct tc_findings *findings)
{
	const struct tc_model *model = scene->model;
	size_t n_nodes = tc_graph_n_nodes(scene->graph);
	struct hurt hurt = {
		.scene = scene,
		.findings = findings,
		.stack = tc_array_new(scene->graph->n_edges + n_nodes, sizeof(*hurt.stack)),
		.seen = tc_array_new(n_nodes, sizeof(*hurt.seen)),
	};

	findings->n_explained = 0;
	memset(findings->of_task, 0, model->n_tasks * sizeof(*findings->of_task));
	for (uint32_t f = 0; f < findings->n; f++) {
		struct tc_finding *finding = &findings->at[f];
		finding->victims = 0;
		for (size_t i = 0; i < finding->tasks.n; i++)
			finding->victims += explain(&hurt, f + 1, finding->tasks.at[i]);
		for (size_t i = 0; i < finding->objects.n; i++)
			finding->victims += explain(
				&hurt, f + 1, (tc_node)(model->n_tasks + finding->objects.at[i]));
		for (size_t i = 0; finding->loop && i < model->n_tasks; i++)
			if (model->tasks[i].loop == finding->loop &&
			    tc_task_alive(&model->tasks[i]))
				finding->victims += explain(&hurt, f + 1, (tc_node)i);
		if (is_crash(finding))
			finding->victims = finding->died;
	}
	free(hurt.stack);
	free(hurt.seen);
}

void tc_detect(const struct tc_scene *given, struct tc_findings *findings)
{
	bool *timed = tc_array_new(given->model->n_tasks, sizeof(*timed));
	struct tc_scene with_timed = *given;
	const struct tc_scene *scene = &with_timed;

	with_timed.timed = timed;
	tc_timed_find(scene, timed);
	*findings = (struct tc_findings){
		.of_task = tc_array_new(scene->model->n_tasks, sizeof(*findings->of_task)),
	};
	for (size_t i = 0; i < sizeof(detectors) / sizeof(detectors[0]); i++)
		detectors[i](scene, findings);
	free(timed);
	with_timed.timed = NULL;
	if (!findings->n)
		return;
	explain_all(scene, findings);
	qsort(findings->at, findings->n, sizeof(*findings->at), by_harm);
	explain_all(scene, findings); /* now by their final numbers */
}
