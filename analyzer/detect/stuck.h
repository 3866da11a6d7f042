/* SPDX-License-Identifier: Apache-2.0
 * Which tasks cannot get on: those that need, directly or through others, only tasks that need
 * them. */
#ifndef TC_STUCK_H
#define TC_STUCK_H

#include "analyzer/detect/detect.h"

struct tc_stuck {
	const struct tc_scene *scene;
	bool *at; /* of each node of the graph */
	/* of each task: it needs each thing that it waits for, with no way around; of each object:
	 * it is a lock or semaphore that is taken, and who holds it is known */
	bool *closed;
	/* of each object: it is not closed, and only tasks that wait, or that are known to have it,
	 * can complete what is waited for there */
	bool *known;
};

/* open: tasks that can get on in another way, or NULL. */
void tc_stuck_init(struct tc_stuck *stuck, const struct tc_scene *scene, const bool *open);
void tc_stuck_deinit(struct tc_stuck *stuck);

/* What the node behind this edge of node is needed for: TC_NODE_NONE, node does not need it. Of a
 * semaphore one holder is enough, of all else every one is needed. */
tc_node tc_stuck_needed(const struct tc_stuck *stuck, tc_node node, const struct tc_edge *edge);

/* How those that wait for this object do that: its class may have any name, and attributes of its
 * own. */
enum tc_wait_kind tc_stuck_waited_as(const struct tc_scene *scene, tc_node node);

#endif
