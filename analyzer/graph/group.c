/* SPDX-License-Identifier: Apache-2.0
 * Grouping by chain: those that read the same have one number, so that a hash of two words is all
 * it takes. */
#include "analyzer/graph/group.h"

#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/graph/same.h"

struct table {
	uint32_t *slots; /* group + 1; 0: free */
	size_t mask;
};

static size_t slot_of(const struct table *table, uint32_t chain, unsigned wait, bool not_started)
{
	uint64_t x = (uint64_t)chain << 8 | wait << 1 | not_started;

	x *= 0x9e3779b97f4a7c15ull;
	return (size_t)(x ^ x >> 32) & table->mask;
}

static void table_grow(struct table *table, const struct tc_groups *groups)
{
	size_t size = table->slots ? (table->mask + 1) * 4 : 256;

	free(table->slots);
	table->slots = tc_array_new(size, sizeof(*table->slots));
	table->mask = size - 1;
	for (size_t i = 0; i < groups->n; i++) {
		const struct tc_group *group = &groups->groups[i];
		size_t slot = slot_of(table, group->chain, group->wait, group->not_started);
		while (table->slots[slot])
			slot = (slot + 1) & table->mask;
		table->slots[slot] = (uint32_t)i + 1;
	}
}

static uint32_t group_of(struct table *table, struct tc_groups *groups,
			 const struct tc_waits *finder, const struct tc_task *task, uint32_t chain,
			 uint32_t number)
{
	bool not_started = (task->flags & TC_TASK_NOT_STARTED) != 0;
	enum tc_wait_kind wait = tc_wait_kind_of(finder, task);

	if (!table->slots || groups->n * 2 > table->mask)
		table_grow(table, groups);
	size_t slot = slot_of(table, chain, wait, not_started);
	for (; table->slots[slot]; slot = (slot + 1) & table->mask) {
		const struct tc_group *group = &groups->groups[table->slots[slot] - 1];
		if (group->chain == chain && group->wait == wait &&
		    group->not_started == not_started)
			return table->slots[slot] - 1;
	}
	*tc_push(groups->groups, groups->n, groups->room) = (struct tc_group){
		.chain = chain,
		.example = number,
		.wait = wait,
		.not_started = not_started,
	};
	table->slots[slot] = (uint32_t)groups->n;
	return (uint32_t)groups->n - 1;
}

static void add_sleep(struct tc_group *group, const struct tc_wait *wait)
{
	struct tc_sleeps *all = &group->sleeps;

	if (group->count == 0)
		*all = (struct tc_sleeps){ true, wait->delay_s, wait->delay_s, wait->due_s };
	all->known = all->known && wait->delay_s >= 0;
	all->min_s = wait->delay_s < all->min_s ? wait->delay_s : all->min_s;
	all->max_s = wait->delay_s > all->max_s ? wait->delay_s : all->max_s;
	/* 0 stays: of many timers not all are recorded, and one of the others may be the next. */
	if (wait->due_s < all->due_s)
		all->due_s = wait->due_s;
}

static void add_job(struct tc_group *group, const struct tc_job *job)
{
	group->n_threads += job->worker != NULL;
	group->n_queued += job->queued;
	group->n_processes += !job->worker && !job->queued && job->pool == TC_POOL_PROCESS;
}

/* What the task adds to what is known of its group; its count is not yet raised. */
static void add_object(struct tc_group *group, const struct tc_graph *graph,
		       const struct tc_task *task)
{
	struct tc_wait scratch;

	if (group->others && group->wait != TC_WAIT_EXECUTOR)
		return;
	const struct tc_wait *wait = tc_graph_wait(graph, task, &scratch);
	if (group->wait == TC_WAIT_SLEEP)
		add_sleep(group, wait);
	else if (group->wait == TC_WAIT_EXECUTOR)
		add_job(group, &wait->job);
	if (!wait->addr || group->wait == TC_WAIT_SLEEP || group->others)
		return;
	for (size_t i = 0; i < TC_GROUP_OBJECTS; i++) {
		if (group->objects[i].addr != wait->addr && group->objects[i].addr)
			continue;
		group->objects[i].addr = wait->addr;
		group->objects[i].count++;
		return;
	}
	group->others = true;
}

/* Groups of one size are put in the order of their first task. */
static int larger_first(const void *left, const void *right)
{
	const struct tc_group *a = left, *b = right;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return a->example < b->example ? -1 : a->example > b->example;
}

static void sort_groups(struct tc_groups *groups, size_t n_tasks)
{
	uint32_t *place = tc_array_new(groups->n, sizeof(*place));

	if (groups->n)
		qsort(groups->groups, groups->n, sizeof(*groups->groups), larger_first);
	/* A group is known by its first task, whose entry still has the old number. */
	for (size_t i = 0; i < groups->n; i++)
		place[groups->of_task[groups->groups[i].example]] = (uint32_t)i;
	for (size_t i = 0; i < n_tasks; i++)
		if (groups->of_task[i] != UINT32_MAX)
			groups->of_task[i] = place[groups->of_task[i]];
	free(place);
}

/* Count one more task behind this group; the list stays in order. */
static void add_behind(struct tc_group *group, uint32_t other)
{
	size_t i = 0;

	while (i < TC_GROUP_BEHIND && group->behind[i].count && group->behind[i].group != other)
		i++;
	if (i == TC_GROUP_BEHIND)
		return;
	group->behind[i].group = other;
	group->behind[i].count++;
	for (; i > 0 && group->behind[i].count > group->behind[i - 1].count; i--) {
		__typeof__(group->behind[0]) larger = group->behind[i];
		group->behind[i] = group->behind[i - 1];
		group->behind[i - 1] = larger;
	}
}

/* A group while its tasks' waits are followed. */
struct follower {
	struct tc_groups *groups;
	const struct tc_model *model;
	struct tc_group *group;
};

static void add_awaited(void *context, const struct tc_task *task)
{
	const struct follower *follower = context;
	uint32_t other = follower->groups->of_task[task - follower->model->tasks];

	if (other == UINT32_MAX) /* finished, or running */
		return;
	follower->group->n_awaited++;
	add_behind(follower->group, other);
}

/* Which groups wait for which, once all have their places. */
static void find_behind(struct tc_groups *groups, const struct tc_graph *graph)
{
	const struct tc_model *model = graph->model;
	const unsigned waits = 1u << TC_WAIT_TASK | 1u << TC_WAIT_WAIT_FOR | 1u << TC_WAIT_SHIELD |
			       1u << TC_WAIT_GATHER | 1u << TC_WAIT_WAIT | 1u << TC_WAIT_TASKGROUP;

	for (size_t i = 0; i < model->n_tasks; i++) {
		const struct tc_task *task = &model->tasks[i];
		struct tc_wait scratch;
		if (groups->of_task[i] == UINT32_MAX ||
		    !(waits >> tc_wait_kind_of(graph->finder, task) & 1))
			continue;
		struct follower follower = { groups, model, &groups->groups[groups->of_task[i]] };
		const struct tc_wait *wait = tc_graph_wait(graph, task, &scratch);
		if (wait->task)
			add_awaited(&follower, wait->task);
		else
			tc_wait_members(graph->finder, wait, TC_ITEMS_MAX, add_awaited, &follower);
	}
}

void tc_groups_init(struct tc_groups *groups, const struct tc_graph *graph, bool with_objects)
{
	const struct tc_waits *finder = graph->finder;
	const struct tc_model *model = graph->model;
	struct table table = { 0 };
	uint32_t *same = tc_same_chains(model);

	*groups = (struct tc_groups){ 0 };
	groups->of_task = tc_array_new(model->n_tasks, sizeof(*groups->of_task));
	for (size_t i = 0; i < model->n_tasks; i++) {
		const struct tc_task *task = &model->tasks[i];
		groups->of_task[i] = UINT32_MAX;
		if (!tc_task_alive(task)) {
			groups->n_done++;
			continue;
		}
		if (task->flags & TC_TASK_RUNNING) {
			groups->n_running++;
			continue;
		}
		uint32_t number =
			group_of(&table, groups, finder, task, same[task->chain], (uint32_t)i);
		groups->of_task[i] = number;
		groups->n_grouped++;
		if (with_objects)
			add_object(&groups->groups[number], graph, task);
		groups->groups[number].count++;
		groups->groups[number].n_ready += tc_wait_is_ready(finder, task);
	}
	free(table.slots);
	free(same);
	sort_groups(groups, model->n_tasks);
	if (with_objects)
		find_behind(groups, graph);
}

void tc_groups_deinit(struct tc_groups *groups)
{
	free(groups->groups);
	free(groups->of_task);
	*groups = (struct tc_groups){ 0 };
}
