/* SPDX-License-Identifier: Apache-2.0
 * Groups of tasks that stand at the same place and wait in the same way. */
#ifndef TC_GROUP_H
#define TC_GROUP_H

#include "analyzer/graph/graph.h"

#define TC_GROUP_OBJECTS 3
#define TC_GROUP_BEHIND 8

/* Sleeping tasks together. */
struct tc_sleeps {
	bool known; /* how long, of each of them */
	double min_s, max_s;
	double due_s; /* when the first one ends, by the loop's clock; 0: not known of each */
};

struct tc_group {
	uint32_t chain;
	uint32_t example; /* index of its first task */
	uint64_t count;
	uint64_t n_ready; /* of these: woken, not yet run */
	enum tc_wait_kind wait;
	bool not_started;
	/* The objects that its tasks wait for, where they are no more than these: others says that
	 * they are. Not of sleeps. */
	struct {
		uint64_t addr, count;
	} objects[TC_GROUP_OBJECTS];
	bool others;
	struct tc_sleeps sleeps; /* found with the objects */
	/* Of jobs of executors: in a thread's hands, handed to processes, taken by nobody. Found
	 * with the objects. */
	uint64_t n_threads, n_processes, n_queued;
	/* The groups of the tasks that its tasks wait for, members of a gather too: the first few,
	 * most tasks first, of n_awaited tasks; found with the objects. */
	struct {
		uint32_t group;
		uint64_t count;
	} behind[TC_GROUP_BEHIND];
	uint64_t n_awaited;
};

struct tc_groups {
	struct tc_group *groups; /* most tasks first */
	size_t n, room;
	uint32_t *of_task; /* group number of each task; UINT32_MAX: in none (running, finished) */
	uint64_t n_running, n_done, n_grouped;
};

/* Group the tasks of a graph. with_objects: find the objects of each task too, which takes
 * longer. */
void tc_groups_init(struct tc_groups *groups, const struct tc_graph *graph, bool with_objects);
void tc_groups_deinit(struct tc_groups *groups);

#endif
