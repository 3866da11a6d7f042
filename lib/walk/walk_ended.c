/* SPDX-License-Identifier: Apache-2.0
 * The callbacks of a finished future are called with it as their first argument
 * (Modules/_asynciomodule.c, future_schedule_callbacks). */
#include "lib/walk/walk_ended.h"

#include "lib/walk/walk_task.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

static bool is_run(const struct tc_walker *w, tc_addr loop)
{
	for (uint32_t i = 0; i < w->threads.n; i++)
		if (w->threads.at[i].running_loop == loop)
			return true;
	return false;
}

static void take_task(struct tc_walker *w, tc_addr handle)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, handle);
	tc_addr args, task;
	uint64_t slot;
	uint32_t state;

	if (type && tc_slot_offset(&w->py, type->addr, "_args", &slot) == 0 &&
	    tc_get(w->mem, handle + slot, &args) == 0 &&
	    tc_get(w->mem, args + w->py.at.tuple_item, &task) == 0 &&
	    (type = tc_walker_type_of(w, task)) && type->kind == TC_KIND_TASK &&
	    tc_get(w->mem, task + w->py.at.fut_state, &state) == 0 && state != TC_STATE_PENDING &&
	    tc_walker_task_new(w, task))
		tc_walker_task(w, task, 0, false);
}

void tc_walker_stranded(struct tc_walker *w, uint32_t first_loop)
{
	tc_addr ready, handle;
	struct tc_seq seq;

	for (uint32_t i = first_loop; i < w->loops.n; i++) {
		const struct tc_walk_type *type;
		if (is_run(w, w->loops.at[i].addr) ||
		    tc_attr_get(&w->py, w->loops.at[i].addr, "_ready", &ready) < 0 ||
		    !(type = tc_walker_type_of(w, ready)) || type->kind != TC_KIND_DEQUE ||
		    tc_seq_open(&w->py, ready, TC_SEQ_DEQUE, &seq) < 0)
			continue;
		for (unsigned n = 0; n < TC_HANDLES_MAX && tc_seq_next(&seq, &handle) > 0; n++)
			take_task(w, handle);
	}
}

void tc_walker_ended(struct tc_walker *w)
{
	const struct tc_walk_refs *refs = &w->refs;

	for (uint32_t i = 0; i < refs->n_nodes && !refs->full; i++) {
		const struct tc_refs_node *node = &refs->nodes[i];
		if (node->wanted && node->flags & TC_REFS_ENDED &&
		    tc_walker_task_new(w, node->owner))
			tc_walker_task(w, node->owner, 0, false);
	}
}
