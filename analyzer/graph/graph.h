/* SPDX-License-Identifier: Apache-2.0
 * Who waits for whom: what each task waits for, found once, and the edges that follow from it, in
 * both directions. */
#ifndef TC_GRAPH_H
#define TC_GRAPH_H

#include "analyzer/graph/knowers.h"
#include "analyzer/graph/waits.h"

enum tc_edge_kind {
	TC_EDGE_WAITS,	/* a task waits for an object or a task */
	TC_EDGE_MEMBER, /* an object (a gather, a group, a set) stands for a task */
	TC_EDGE_WORKS,	/* a thread works for a future */
	TC_EDGE_HELD,	/* an object that is waited for is held by a task */
	/* an object that is waited for is known to a task, and to nobody that has no such edge */
	TC_EDGE_KNOWN,
};

/* Tasks, objects and the interpreter's threads, numbered through. */
typedef uint32_t tc_node;
#define TC_NODE_NONE UINT32_MAX

struct tc_edge {
	tc_node from, to;
	/* of TC_EDGE_WAITS: the link of the chain that told, 0: the leaf did; of TC_EDGE_HELD: the
	 * with statement, as a link */
	uint32_t evidence;
	enum tc_edge_kind kind;
};

struct tc_graph {
	const struct tc_model *model;
	const struct tc_waits *finder;
	struct tc_wait *waits; /* of each task; NULL: found when they are asked for */
	struct tc_edge *edges; /* by ascending from */
	size_t n_edges, edges_room;
	uint32_t *out_first;	    /* of each node, and one more: its first edge */
	uint32_t *in_first;	    /* the same, in in */
	uint32_t *in;		    /* edges by ascending to */
	bool *known;		    /* of each object: all who know it have an edge TC_EDGE_KNOWN */
	struct tc_knowers *knowers; /* NULL: no references are recorded */
};

/* Find out what each task waits for, and the edges; finder must outlive the graph. to_tasks: only
 * the edges that lead to tasks, directly or behind an object. A page needs no others, and to find
 * what each of a million sleeping tasks waits for takes a second. */
void tc_graph_init(struct tc_graph *graph, const struct tc_waits *finder, bool to_tasks);
void tc_graph_deinit(struct tc_graph *graph);

/* What a task waits for; scratch is for a graph that does not keep it. Never NULL. */
const struct tc_wait *tc_graph_wait(const struct tc_graph *graph, const struct tc_task *task,
				    struct tc_wait *scratch);

static inline tc_node tc_node_task(const struct tc_graph *graph, const struct tc_task *task)
{
	return (tc_node)(task - graph->model->tasks);
}
static inline tc_node tc_node_object(const struct tc_graph *graph, const struct tc_object *object)
{
	return (tc_node)(graph->model->n_tasks + (size_t)(object - graph->model->objects));
}
size_t tc_graph_n_nodes(const struct tc_graph *graph);
tc_node tc_node_thread(const struct tc_graph *graph, const struct tc_pythread *thread);
/* The task that a node is; NULL: it is none. */
const struct tc_task *tc_graph_task(const struct tc_graph *graph, tc_node node);

/* The edges that leave a node, n of them; none in a graph without edges. */
const struct tc_edge *tc_graph_out(const struct tc_graph *graph, tc_node node, size_t *ret_n);
/* The edge of this number, from 0 on, of those that lead to a node; NULL: there are no more. */
const struct tc_edge *tc_graph_in(const struct tc_graph *graph, tc_node node, size_t number);

/* The functions of an object that may end a wait of this kind for it: words of
 * lib/format/key_words.h, the last one NULL. NULL: any use may. */
const char *const *tc_graph_ended_by(enum tc_wait_kind kind);

#endif
