/* SPDX-License-Identifier: Apache-2.0
 * Tasks that may wait for ever on purpose, and tasks that others leave behind. */
#ifndef TC_PARKED_H
#define TC_PARKED_H

#include "analyzer/detect/detect.h"

/* Does the program's own code wait? A library may park a task on purpose. */
bool tc_is_own_wait(const struct tc_model *model, const struct tc_task *task);
/* Is it the task that the loop was started for? */
bool tc_is_main(const struct tc_scene *scene, const struct tc_task *task);
/* Is it the task that the loop was started for, or a coroutine that does nothing but wait, with
 * something open that it keeps alive (a server)? Then it may wait for ever on purpose. */
bool tc_may_be_parked(const struct tc_scene *scene, const struct tc_task *task);
/* Does the task wait in asyncio.wait() for the first of several, or for a time? */
bool tc_waits_for_first(const struct tc_scene *scene, const struct tc_task *task);
/* The search for those who wait for a task. */
struct tc_left {
	const struct tc_scene *scene;
	uint32_t *seen; /* of each node: the last search that reached it */
	tc_node *stack;
	uint32_t steps; /* that are left */
};

void tc_left_init(struct tc_left *left, const struct tc_scene *scene);
void tc_left_deinit(struct tc_left *left);
/* Does somebody wait for the task, directly or through others, who goes on without it: with
 * asyncio.wait, for the first of several? True also where too much had to be looked at. */
bool tc_may_be_left(struct tc_left *left, const struct tc_task *task);

#endif
