/* SPDX-License-Identifier: Apache-2.0
 * From chains to waits. The functions of a chain are judged once per chain, because a million tasks
 * share a few chains; only what the functions leave open is looked up in the objects of each
 * task. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "analyzer/graph/waits.h"

#include <stdlib.h>

#include "analyzer/base/array.h"
#include "analyzer/facts/place.h"
#include "analyzer/dump/values.h"

#define JUDGE_LINKS 64 /* functions of known packages call each other less deep than this */

struct tc_verdict {
	uint32_t link; /* the link that decided; 0: none did */
	uint32_t row;  /* of the knowledge, where a link decided */
	bool made;
};

struct local_names {
	const struct tc_model *model;
	const struct tc_pycode *code;
};

/* Whether the code has a local of this name. */
static bool has_local(const void *context, const char *name)
{
	const struct local_names *names = context;
	struct tc_cursor cur = { .at = names->code->names };

	if (!cur.at)
		return false;
	cur.end = cur.at + names->code->names_size;
	for (uint32_t i = 0; i < names->code->n_names && tc_cur_more(&cur); i++)
		if (tc_text_is(tc_model_string(names->model, tc_cur_u32(&cur)), name))
			return true;
	return false;
}

/* The row of one wait, or TC_KNOWN_…. A code is judged once, unless its coroutines have names of
 * their own. */
static uint32_t row_of(const struct tc_waits *waits, uint32_t chain)
{
	const struct tc_model *model = waits->model;
	struct tc_place place;

	tc_place_init(&place, model, chain);
	if (place.code == 0 || place.code >= model->n_codes)
		return TC_KNOWN_FOREIGN;
	const struct tc_pycode *code = tc_model_code(model, place.code);
	const struct local_names names = { model, code };
	bool named = place.link->name && !code->qualname;
	uint32_t *known = &waits->codes[place.code];
	if (!named && *known)
		return *known < TC_KNOWN_FOREIGN ? *known - 1 : *known;
	uint32_t row = tc_knowledge_row(waits->knowledge, model, place.file, place.function,
					code->qualname || named, has_local, &names);
	if (!named)
		*known = row < TC_KNOWN_FOREIGN ? row + 1 : row;
	return row;
}

static uint32_t native_row(const struct tc_waits *waits, uint32_t chain)
{
	struct tc_place place;

	tc_place_init(&place, waits->model, chain);
	return tc_knowledge_native(waits->knowledge, place.function);
}

/* From the innermost link outwards through functions of known packages: the outermost one with a
 * row decides, so that Queue.join is not taken for the Event it uses. */
static struct tc_verdict judge(const struct tc_waits *waits, uint32_t chain)
{
	const struct tc_model *model = waits->model;
	struct tc_verdict verdict = { .made = true };
	bool innermost = true;
	unsigned n = 0;

	for (uint32_t id = chain; id && n < JUDGE_LINKS; id = model->chains[id].parent, n++) {
		unsigned kind = model->chains[id].kind;
		if (kind == TC_FRAME_AWAITABLE || kind == TC_FRAME_UNKNOWN)
			continue;
		bool native = kind == TC_FRAME_NATIVE_CORO;
		if (native && verdict.link)
			break;
		uint32_t row = native ? native_row(waits, id) : row_of(waits, id);
		if (row < TC_KNOWN_FOREIGN) {
			const struct tc_known *known = &waits->knowledge->rows[row];
			if (known->flags & TC_KNOWN_THROUGH)
				continue;
			if (innermost || !(known->flags & TC_KNOWN_INNERMOST)) {
				verdict.link = id;
				verdict.row = row;
				if (known->flags & TC_KNOWN_FINAL)
					break;
			}
		}
		if (native || row == TC_KNOWN_FOREIGN)
			break;
		innermost = false;
	}
	return verdict;
}

static const struct tc_verdict *verdict_of(const struct tc_waits *waits, uint32_t chain)
{
	struct tc_verdict *verdict = &waits->verdicts[chain];

	if (!verdict->made)
		*verdict = judge(waits, chain);
	return verdict;
}

/* Name the object of a link. */
static void set_object(const struct tc_model *model, const struct tc_task *task,
		       struct tc_wait *wait, uint64_t addr, uint32_t type)
{
	wait->addr = addr;
	wait->object = tc_model_object_near(model, task, addr);
	wait->type = type ? type : wait->object ? wait->object->type : 0;
	wait->task = wait->object ? NULL : tc_model_task_at(model, addr);
	if (wait->task && !wait->type)
		wait->type = wait->task->type;
}

static void judge_future(const struct tc_waits *waits, struct tc_wait *wait)
{
	static const enum tc_wait_kind kinds[] = {
		[TC_FUTURE_PLAIN] = TC_WAIT_FUTURE,   [TC_FUTURE_TASK] = TC_WAIT_TASK,
		[TC_FUTURE_GATHER] = TC_WAIT_GATHER,  [TC_FUTURE_JOB] = TC_WAIT_EXECUTOR,
		[TC_FUTURE_CONCURRENT] = TC_WAIT_FUTURE,
	};
	struct tc_future future;

	tc_future_follow(waits->model, &waits->workers, wait->addr, &future);
	wait->kind = kinds[future.kind];
	wait->task = future.task;
	wait->members = future.members;
	wait->job = future.job;
	wait->concurrent = future.kind == TC_FUTURE_CONCURRENT;
	wait->shielded = future.shielded;
	/* What a shield keeps is named where it is more than a future. */
	if (future.shielded && (wait->kind == TC_WAIT_FUTURE || wait->kind == TC_WAIT_TASK))
		wait->kind = TC_WAIT_SHIELD;
}

static bool is_asyncgen_step(const struct tc_model *model, uint32_t type)
{
	struct tc_text name = tc_model_string(model, tc_model_type(model, type)->name);

	return name.size > 16 && memcmp(name.at, "async_generator_", 16) == 0;
}

/* The functions say nothing: the leaf decides. */
static void judge_leaf(const struct tc_waits *waits, const struct tc_task *task,
		       struct tc_wait *wait)
{
	const struct tc_model *model = waits->model;
	uint64_t leaf = task->leaf ? task->leaf : task->waiter;
	const struct tc_chain *innermost = tc_model_chain(model, task->chain);

	if (leaf == 0) {
		uint32_t type = innermost->kind == TC_FRAME_AWAITABLE ? innermost->ref : 0;
		wait->type = type;
		wait->kind = !type			   ? TC_WAIT_UNKNOWN :
			     is_asyncgen_step(model, type) ? TC_WAIT_ASYNCGEN :
							     TC_WAIT_AWAITABLE;
		return;
	}
	set_object(model, task, wait, leaf, 0);
	unsigned flags = tc_model_type(model, wait->type)->flags;
	if (wait->task || (flags & TC_TYPE_TASK))
		wait->kind = TC_WAIT_TASK;
	else if ((flags & TC_TYPE_FUTURE) || leaf == task->waiter || !wait->type)
		judge_future(waits, wait);
	else
		wait->kind =
			is_asyncgen_step(model, wait->type) ? TC_WAIT_ASYNCGEN : TC_WAIT_AWAITABLE;
}

static double number_of(const struct tc_value *value, double otherwise)
{
	return value->tag == TC_VAL_FLOAT ? value->number :
	       value->tag == TC_VAL_INT	  ? (double)(int64_t)value->word :
					    otherwise;
}

static int by_future(const void *left, const void *right)
{
	const struct tc_alarm *a = left, *b = right;

	return (a->future > b->future) - (a->future < b->future);
}

/* The timers whose callback gets a future: futures._set_result_unless_cancelled of a sleep. */
static void find_alarms(struct tc_waits *waits)
{
	const struct tc_model *model = waits->model;

	waits->alarms = tc_array_new(model->n_handles, sizeof(*waits->alarms));
	for (size_t i = 0; i < model->n_handles; i++) {
		const struct tc_handle *handle = &model->handles[i];
		if (handle->where == TC_HANDLE_TIMER && handle->argument && handle->due_ns &&
		    !(handle->flags & TC_HANDLE_CANCELLED))
			waits->alarms[waits->n_alarms++] =
				(struct tc_alarm){ handle->argument, handle->due_ns };
	}
	if (waits->n_alarms)
		qsort(waits->alarms, waits->n_alarms, sizeof(*waits->alarms), by_future);
}

static const struct tc_alarm *alarm_of(const struct tc_waits *waits, uint64_t future)
{
	const struct tc_alarm key = { .future = future };

	return waits->n_alarms ? bsearch(&key, waits->alarms, waits->n_alarms, sizeof(key),
					 by_future) :
				 NULL;
}

/* How long a sleep lasts: from its own frame; and when it ends: from
 * the timer of its future. */
static void judge_sleep(const struct tc_waits *waits, const struct tc_task *task,
			const struct tc_chain *at, const struct tc_pycode *code,
			struct tc_wait *wait)
{
	const struct tc_model *model = waits->model;
	const struct tc_alarm *alarm = alarm_of(waits, task->leaf ? task->leaf : task->waiter);
	struct tc_value value;

	if (alarm)
		wait->due_s = (double)alarm->due_ns / 1e9;
	if (!at->python || at->python == UINT16_MAX)
		return;
	if (wait->known->delay &&
	    tc_local_find(model, task, at->python - 1u, code, wait->known->delay, &value))
		wait->delay_s = number_of(&value, -1);
}

/* A job or a gather within wait_for is the job or the gather. */
static void judge_within_wait_for(const struct tc_waits *waits, struct tc_wait *wait)
{
	judge_future(waits, wait);
	if (wait->kind == TC_WAIT_TASK || wait->kind == TC_WAIT_FUTURE)
		wait->kind = TC_WAIT_WAIT_FOR;
}

/* The object, tasks or collection in the local that the table names. */
static void judge_local(const struct tc_waits *waits, const struct tc_task *task, uint32_t chain,
			struct tc_wait *wait)
{
	const struct tc_model *model = waits->model;
	const struct tc_chain *at = tc_model_chain(model, chain);
	const struct tc_pycode *code = tc_model_code(model, tc_model_site(model, at->ref)->code);
	uint64_t leaf = task->leaf ? task->leaf : task->waiter;
	struct tc_value value;

	if (wait->known->flags & TC_KNOWN_LEAF) {
		judge_leaf(waits, task, wait);
		if (wait->kind == TC_WAIT_TASK || wait->kind == TC_WAIT_FUTURE)
			wait->kind = wait->known->wait;
		return;
	}
	if (wait->known->object && at->python && at->python < UINT16_MAX &&
	    tc_local_find(model, task, at->python - 1u, code, wait->known->object, &value) &&
	    tc_value_is_ref(&value))
		set_object(model, task, wait, value.word, value.type);
	else
		set_object(model, task, wait, leaf, 0);
	if (wait->kind == TC_WAIT_SLEEP)
		judge_sleep(waits, task, at, code, wait);
	else if (wait->known->callback)
		wait->members = tc_closures_members(&waits->closures, wait->known, wait->addr);
	else if (wait->known->members)
		wait->members = tc_object_member(model, wait->object, wait->known->members);
	else if (wait->kind == TC_WAIT_WAIT_FOR && !wait->task)
		judge_within_wait_for(waits, wait);
	else if ((wait->known->flags & TC_KNOWN_TASKS) && !wait->task)
		wait->members = wait->object;
}

/* Tasks that wait for nothing: running, finished, not started, or woken and not yet run. */
static bool is_waiting(const struct tc_task *task)
{
	if (task->flags & (TC_TASK_RUNNING | TC_TASK_NOT_STARTED))
		return false;
	return tc_task_alive(task) && (task->leaf || task->waiter || task->chain);
}

void tc_wait_find(const struct tc_waits *waits, const struct tc_task *task, struct tc_wait *ret)
{
	const struct tc_model *model = waits->model;
	const struct tc_verdict *verdict;

	*ret = (struct tc_wait){ .kind = TC_WAIT_NONE, .delay_s = -1 };
	if (!is_waiting(task))
		return;
	verdict = verdict_of(waits, task->chain);
	if (verdict->link) {
		ret->known = &waits->knowledge->rows[verdict->row];
		ret->kind = ret->known->wait;
		judge_local(waits, task, verdict->link, ret);
	} else {
		judge_leaf(waits, task, ret);
	}
	/* The function says that it is an executor's; the future says whose. */
	if (ret->kind == TC_WAIT_EXECUTOR && ret->known) {
		struct tc_future future;
		tc_future_follow(model, &waits->workers, ret->addr, &future);
		ret->job = future.job;
	}
}

uint32_t tc_wait_evidence(const struct tc_waits *waits, const struct tc_task *task)
{
	return is_waiting(task) ? verdict_of(waits, task->chain)->link : 0;
}

/* Only the kind, without decoding locals where the function alone tells. */
static enum tc_wait_kind wait_of(const struct tc_waits *waits, const struct tc_task *task)
{
	const struct tc_verdict *verdict = is_waiting(task) ? verdict_of(waits, task->chain) : NULL;
	struct tc_wait wait;

	if (verdict && verdict->link) {
		enum tc_wait_kind kind = waits->knowledge->rows[verdict->row].wait;
		if (kind != TC_WAIT_WAIT_FOR)
			return kind;
	}
	tc_wait_find(waits, task, &wait);
	return wait.kind;
}

/* Tasks whose next step is due: those in the ready queue of a loop, and those that wait for no
 * future (Modules/_asynciomodule.c, task_step: task_fut_waiter is NULL from the wake-up to the next
 * await). Where the queue could not be read, a task that was woken still looks like one that
 * waits. */
static void mark_ready(struct tc_waits *waits)
{
	const struct tc_model *model = waits->model;
	const unsigned never = TC_TASK_RUNNING | TC_TASK_THIRD_PARTY | TC_TASK_TORN;

	for (size_t i = 0; i < model->n_tasks; i++) {
		const struct tc_task *task = &model->tasks[i];
		waits->ready[i] = tc_task_alive(task) && task->waiter == 0 &&
				  !(task->flags & never);
	}
	for (size_t i = 0; i < model->n_handles; i++) {
		const struct tc_handle *handle = &model->handles[i];
		const struct tc_task *task = NULL;
		if (handle->where == TC_HANDLE_READY && !(handle->flags & TC_HANDLE_CANCELLED))
			task = handle->task ? tc_model_task_at(model, handle->task) : NULL;
		if (task && tc_task_alive(task) && !(task->flags & TC_TASK_RUNNING))
			waits->ready[task - model->tasks] = true;
	}
}

void tc_waits_init(struct tc_waits *waits, const struct tc_model *model,
		   const struct tc_knowledge *knowledge)
{
	waits->model = model;
	waits->knowledge = knowledge;
	waits->verdicts = tc_array_new(model->n_chains, sizeof(*waits->verdicts));
	waits->codes = tc_array_new(model->n_codes, sizeof(*waits->codes));
	waits->kinds = tc_array_new(model->n_tasks, sizeof(*waits->kinds));
	waits->ready = tc_array_new(model->n_tasks, sizeof(*waits->ready));
	mark_ready(waits);
	tc_workers_init(&waits->workers, model);
	tc_closures_init(&waits->closures, model, knowledge);
	waits->n_alarms = 0;
	find_alarms(waits);
	for (size_t i = 0; i < model->n_tasks; i++)
		waits->kinds[i] = (uint8_t)wait_of(waits, &model->tasks[i]);
}

void tc_waits_deinit(struct tc_waits *waits)
{
	free(waits->verdicts);
	free(waits->codes);
	free(waits->kinds);
	free(waits->ready);
	tc_workers_deinit(&waits->workers);
	tc_closures_deinit(&waits->closures);
	free(waits->alarms);
}

uint64_t tc_wait_members(const struct tc_waits *waits, const struct tc_wait *wait, size_t max,
			 void (*found)(void *context, const struct tc_task *task), void *context)
{
	struct tc_attrs items;
	struct tc_value item;

	if (!wait->members)
		return 0;
	tc_attrs_begin(&items, wait->members);
	tc_items_begin(&items);
	while (max && tc_items_next(&items, &item)) {
		struct tc_future future;
		if (!tc_value_is_ref(&item))
			continue;
		tc_future_follow(waits->model, &waits->workers, item.word, &future);
		if (!future.task)
			continue;
		found(context, future.task);
		max--;
	}
	return items.n_items;
}

/* Were all pending tasks found? Then one without a record is finished: from 3.14 on these are in no
 * registry. */
static bool all_found(const struct tc_model *model)
{
	const struct tc_status *status = &model->status;

	return status->present && status->cut == 0 && model->dump->n_problems_all == 0 &&
	       !(status->flags & (TC_STATUS_CUT | TC_STATUS_REPLACED | TC_STATUS_DISAGREED));
}

static void count_member(const struct tc_waits *waits, const struct tc_value *item,
			 struct tc_pending *ret)
{
	const struct tc_model *model = waits->model;
	struct tc_future future = { 0 };

	if (tc_value_is_ref(item))
		tc_future_follow(model, &waits->workers, item->word, &future);
	if (!future.task && !future.object) {
		bool task = (tc_model_type(model, item->type)->flags & TC_TYPE_TASK) != 0;
		ret->unknown += !(task && all_found(model));
		return;
	}
	if (!future.known) {
		ret->unknown++;
		return;
	}
	if (future.done)
		return;
	ret->pending++;
	if (ret->n_named < TC_PENDING_NAMED) {
		ret->named[ret->n_named].task = future.task;
		ret->named[ret->n_named++].future = future.object;
	}
}

void tc_wait_pending(const struct tc_waits *waits, const struct tc_wait *wait,
		     struct tc_pending *ret)
{
	struct tc_attrs items;
	struct tc_value item;
	uint64_t n = 0;

	*ret = (struct tc_pending){ 0 };
	if (!wait->members)
		return;
	tc_attrs_begin(&items, wait->members);
	tc_items_begin(&items);
	for (ret->all = items.n_items; tc_items_next(&items, &item); n++)
		count_member(waits, &item, ret);
	ret->unknown += ret->all > n ? ret->all - n : 0;
}
