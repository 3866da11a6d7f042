/* SPDX-License-Identifier: Apache-2.0
 * Rings among the nodes that are stuck. */
#ifndef TC_RINGS_H
#define TC_RINGS_H

#include "analyzer/detect/stuck.h"

/* Nodes that all need each other. */
struct tc_ring {
	struct tc_ids nodes; /* one way around, each node needing the next one */
	struct tc_ids all;   /* every node that is in such a ring with them */
};

/* Call found for each group of nodes that need each other; the ring is valid until it returns. */
void tc_rings_find(const struct tc_stuck *stuck,
		   void (*found)(void *context, const struct tc_ring *ring), void *context);

#endif
