/* SPDX-License-Identifier: Apache-2.0
 * Rings among the nodes that are stuck. */
#include "analyzer/detect/rings.h"

#include <stdlib.h>

#include "analyzer/base/array.h"

/* Strongly connected components: Tarjan's algorithm (SIAM J. Comput. 1 (1972) 146), with a stack of
 * its own, because chains of waiting tasks may be very long. */
struct ring_search {
	const struct tc_stuck *stuck;
	void (*found)(void *context, const struct tc_ring *ring);
	void *context;
	struct tc_ring ring;
	uint32_t *number, *low; /* of each node, from 1 on; 0: not visited */
	uint32_t *component;	/* of each node, from 1 on; 0: not known yet */
	uint32_t *step;		/* of each node: its place in the walk for a ring, + 1 */
	struct tc_ids path;	/* from the root of the search to the node under way */
	struct tc_ids edges;	/* of each node of path: the edge to be followed next */
	struct tc_ids stack;	/* nodes whose component is not known yet */
	uint32_t n_numbers, n_components;
};

/* The node behind this edge of node, if a ring may go through it; TC_NODE_NONE: it may not. */
static tc_node behind(const struct ring_search *s, tc_node node, const struct tc_edge *edge)
{
	tc_node to = tc_stuck_needed(s->stuck, node, edge);

	return to != TC_NODE_NONE && s->stuck->at[to] ? to : TC_NODE_NONE;
}

/* The next node of the same component; each has one. */
static tc_node next_of(const struct ring_search *s, tc_node node)
{
	size_t n;
	const struct tc_edge *edges = tc_graph_out(s->stuck->scene->graph, node, &n);

	for (size_t i = 0; i < n; i++) {
		tc_node to = behind(s, node, &edges[i]);
		if (to != TC_NODE_NONE && s->component[to] == s->component[node])
			return to;
	}
	return TC_NODE_NONE;
}

/* Walk through the component until a node comes again: from there on the walk is a ring. */
static void find_ring(struct ring_search *s, tc_node node)
{
	struct tc_ids walk = { 0 };

	while (node != TC_NODE_NONE && !s->step[node]) {
		tc_ids_add(&walk, node);
		s->step[node] = (uint32_t)walk.n;
		node = next_of(s, node);
	}
	for (size_t i = node == TC_NODE_NONE ? walk.n : s->step[node] - 1u; i < walk.n; i++)
		tc_ids_add(&s->ring.nodes, walk.at[i]);
	free(walk.at);
}

/* The nodes of the stack from this one on are a component. */
static void close_component(struct ring_search *s, tc_node root)
{
	size_t first = s->stack.n;
	tc_node node;

	s->n_components++;
	s->ring.nodes.n = s->ring.all.n = 0;
	do {
		node = s->stack.at[--first];
		s->component[node] = s->n_components;
		tc_ids_add(&s->ring.all, node);
	} while (node != root);
	s->stack.n = first;
	if (s->ring.all.n == 1 && next_of(s, root) != root)
		return;
	find_ring(s, root);
	s->found(s->context, &s->ring);
}

static void enter(struct ring_search *s, tc_node node)
{
	s->number[node] = s->low[node] = ++s->n_numbers;
	tc_ids_add(&s->path, node);
	tc_ids_add(&s->edges, 0);
	tc_ids_add(&s->stack, node);
}

static void leave(struct ring_search *s, tc_node node)
{
	s->path.n--;
	s->edges.n--;
	if (s->low[node] == s->number[node])
		close_component(s, node);
	if (s->path.n) {
		tc_node parent = s->path.at[s->path.n - 1];
		if (s->low[node] < s->low[parent])
			s->low[parent] = s->low[node];
	}
}

/* All that can be reached from this node. */
static void search(struct ring_search *s, tc_node root)
{
	enter(s, root);
	while (s->path.n) {
		tc_node node = s->path.at[s->path.n - 1];
		uint32_t *next = &s->edges.at[s->edges.n - 1];
		size_t n;
		const struct tc_edge *edges = tc_graph_out(s->stuck->scene->graph, node, &n);
		if (*next == n) {
			leave(s, node);
			continue;
		}
		tc_node to = behind(s, node, &edges[(*next)++]);
		if (to == TC_NODE_NONE)
			continue;
		if (!s->number[to])
			enter(s, to);
		else if (!s->component[to] && s->number[to] < s->low[node])
			s->low[node] = s->number[to];
	}
}

void tc_rings_find(const struct tc_stuck *stuck,
		   void (*found)(void *context, const struct tc_ring *ring), void *context)
{
	size_t n = tc_graph_n_nodes(stuck->scene->graph);
	struct ring_search s = {
		.stuck = stuck,
		.found = found,
		.context = context,
		.number = tc_array_new(n, sizeof(*s.number)),
		.low = tc_array_new(n, sizeof(*s.low)),
		.component = tc_array_new(n, sizeof(*s.component)),
		.step = tc_array_new(n, sizeof(*s.step)),
	};

	for (size_t i = 0; i < n; i++)
		if (stuck->at[i] && !s.number[i])
			search(&s, (tc_node)i);
	free(s.number);
	free(s.low);
	free(s.component);
	free(s.step);
	free(s.path.at);
	free(s.edges.at);
	free(s.stack.at);
	free(s.ring.nodes.at);
	free(s.ring.all.at);
}
