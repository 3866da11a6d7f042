/* SPDX-License-Identifier: Apache-2.0
 * From chains to waits. The functions of a chain are judged once per chain, because a million tasks
 * share a few chains; only what the functions leave open is looked up in the objects of each
 * task. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "links.h"

#include <stdlib.h>

#include "array.h"
#include "place.h"
#include "values.h"

#define NOT_ASYNCIO 255
#define JUDGE_LINKS 64 /* asyncio's own functions call each other less deep than this */

struct tc_verdict {
	uint32_t link; /* the link that decided; 0: none did */
	uint8_t row;   /* in tc_known, + 1; or in tc_known_native, + 1, when native */
	bool native, made;
};

static bool matches(struct tc_text name, const char *want)
{
	size_t size = strlen(want);

	if (size && want[size - 1] == '*')
		return name.size >= size - 1 && memcmp(name.at, want, size - 1) == 0;
	return tc_text_is(name, want);
}

/* The last part of a qualified name in the table, for codes that have only a name (Python 3.10 and
 * before). */
static const char *last_part(const char *qualname)
{
	const char *dot = strrchr(qualname, '.');

	return dot ? dot + 1 : qualname;
}

static uint8_t find_row(struct tc_text file, struct tc_text function, bool qualified)
{
	for (size_t i = 0; tc_known[i].file; i++) {
		const char *want = tc_known[i].function;
		if (matches(function, qualified ? want : last_part(want)) &&
		    tc_text_ends_in(file, tc_known[i].file))
			return (uint8_t)(i + 1);
	}
	return 0;
}

static bool in_asyncio(struct tc_text file)
{
	static const char *const homes[] = { "", "/lib/", "/Lib/", ".zip/" };
	const struct tc_text name = tc_place_short(file);

	if (name.size > 8 && memcmp(name.at, "asyncio/", 8) == 0)
		return true;
	/* Frozen applications keep the library elsewhere; another package's asyncio is none. */
	const uint8_t *at = file.size ? memmem(file.at, file.size, "asyncio/", 8) : NULL;
	size_t before = at ? (size_t)(at - file.at) : 0;
	for (size_t i = 0; at && i < sizeof(homes) / sizeof(homes[0]); i++) {
		size_t size = strlen(homes[i]);
		if (size == 0 ? before == 0 :
				before >= size && memcmp(at - size, homes[i], size) == 0)
			return true;
	}
	return false;
}

/* The row of one link: 0 none, NOT_ASYNCIO where the search ends. A code is judged once, unless its
 * coroutines have names of their own. */
static uint8_t row_of(const struct tc_links *links, uint32_t chain)
{
	const struct tc_model *model = links->model;
	struct tc_place place;

	tc_place_init(&place, model, chain);
	if (place.code == 0 || place.code >= model->n_codes)
		return NOT_ASYNCIO;
	const struct tc_pycode *code = tc_model_code(model, place.code);
	bool named = place.link->name && !code->qualname;
	uint8_t *known = &links->codes[place.code];
	if (!named && *known)
		return *known == NOT_ASYNCIO ? NOT_ASYNCIO : *known - 1;
	uint8_t row = NOT_ASYNCIO;
	if (in_asyncio(place.file))
		row = find_row(place.file, place.function, code->qualname || named);
	if (!named)
		*known = row == NOT_ASYNCIO ? NOT_ASYNCIO : row + 1;
	return row;
}

static uint8_t native_row(const struct tc_model *model, uint32_t chain)
{
	struct tc_place place;

	tc_place_init(&place, model, chain);
	for (size_t i = 0; tc_known_native[i].file; i++)
		if (matches(place.function, tc_known_native[i].function))
			return (uint8_t)(i + 1);
	return 0;
}

/* From the innermost link outwards through asyncio's own functions: the outermost one that is known
 * decides, so that Queue.join is not taken for the Event it uses. */
static struct tc_verdict judge(const struct tc_links *links, uint32_t chain)
{
	const struct tc_model *model = links->model;
	struct tc_verdict verdict = { .made = true };
	bool innermost = true;
	unsigned n = 0;

	for (uint32_t id = chain; id && n < JUDGE_LINKS; id = model->chains[id].parent, n++) {
		unsigned kind = model->chains[id].kind;
		if (kind == TC_FRAME_AWAITABLE || kind == TC_FRAME_UNKNOWN)
			continue;
		if (kind == TC_FRAME_NATIVE_CORO) {
			uint8_t row = verdict.row ? 0 : native_row(model, id);
			if (row)
				verdict = (struct tc_verdict){
					.link = id, .row = row, .native = true, .made = true
				};
			break;
		}
		uint8_t row = row_of(links, id);
		if (row == NOT_ASYNCIO)
			break;
		const struct tc_known *known = row ? &tc_known[row - 1] : NULL;
		if (known && (known->flags & TC_KNOWN_THROUGH))
			continue;
		if (known && (innermost || !(known->flags & TC_KNOWN_INNERMOST))) {
			verdict.link = id;
			verdict.row = row;
			if (known->flags & TC_KNOWN_FINAL)
				break;
		}
		innermost = false;
	}
	return verdict;
}

static const struct tc_verdict *verdict_of(const struct tc_links *links, uint32_t chain)
{
	struct tc_verdict *verdict = &links->verdicts[chain];

	if (!verdict->made)
		*verdict = judge(links, chain);
	return verdict;
}

/* The functions of asyncio among the callbacks of a future that tell what it is for; NULL: none. */
struct callbacks {
	const struct tc_object *future;
	const struct tc_object *list;	  /* of a pure-Python future: what holds them */
	const struct tc_object *shield;	  /* of asyncio.shield */
	const struct tc_object *executor; /* by which futures.py wraps one of concurrent.futures */
};

/* Callbacks of a future are the items of its record; those of a pure-Python one are a list of
 * tuples, one level more. */
#define CALLBACK_LEVELS 3
#define CALLBACK_ITEMS 16

static const struct tc_object *object_of(const struct tc_model *model, const struct tc_value *value)
{
	/* A task is no object: mostly the only callback is the waiting task itself. */
	if (!tc_value_is_ref(value) || tc_model_type(model, value->type)->flags & TC_TYPE_TASK)
		return NULL;
	return tc_model_object_at(model, value->word);
}

/* Is object itself one of them? */
static void look_at_name(const struct tc_model *model, const struct tc_object *object,
			 const struct tc_value *value, struct callbacks *found)
{
	if (value->tag != TC_VAL_STRING || value->word > UINT32_MAX)
		return;
	const struct tc_text name = tc_model_string(model, (uint32_t)value->word);
	if (!found->shield && tc_text_is(name, "shield.<locals>._outer_done_callback"))
		found->shield = object;
	if (!found->executor && tc_text_is(name, "_chain_future.<locals>._call_check_cancel"))
		found->executor = object;
}

/* The object, its items, their items: so many levels. */
static void find_functions(const struct tc_model *model, const struct tc_object *object,
			   unsigned levels, struct callbacks *found)
{
	struct tc_attrs attrs;
	struct tc_value value;
	uint32_t name;

	if (!object || levels == 0)
		return;
	tc_attrs_begin(&attrs, object);
	while (tc_attrs_next(&attrs, &name, &value)) {
		const struct tc_text attr = tc_model_string(model, name);
		if (tc_text_is(attr, "__qualname__"))
			look_at_name(model, object, &value, found);
		else if (object == found->future && tc_text_is(attr, "_callbacks"))
			found->list = object_of(model, &value);
	}
	tc_items_begin(&attrs);
	for (unsigned i = 0; i < CALLBACK_ITEMS && tc_items_next(&attrs, &value); i++)
		find_functions(model, object_of(model, &value), levels - 1, found);
}

static struct callbacks callbacks_of(const struct tc_model *model, const struct tc_object *future)
{
	struct callbacks found = { .future = future };

	find_functions(model, future, CALLBACK_LEVELS, &found);
	find_functions(model, found.list, CALLBACK_LEVELS + 1, &found);
	return found;
}

/* Name the object of a link. */
static void set_object(const struct tc_model *model, const struct tc_task *task,
		       struct tc_link *link, uint64_t addr, uint32_t type)
{
	link->addr = addr;
	link->object = tc_model_object_near(model, task, addr);
	link->type = type ? type : link->object ? link->object->type : 0;
	link->task = link->object ? NULL : tc_model_task_at(model, addr);
	if (link->task && !link->type)
		link->type = link->task->type;
}

/* The wrapped future, and who works for it. */
static void find_worker(const struct tc_links *links, struct tc_link *link)
{
	const struct tc_model *model = links->model;
	const struct tc_object *callback = callbacks_of(model, link->object).executor;
	struct tc_value source, state;

	if (!callback || !tc_object_attr(model, callback, "source", &source) ||
	    !tc_value_is_ref(&source))
		return;
	link->worker = tc_worker_of(&links->workers, source.word);
	const struct tc_object *future = tc_model_object_at(model, source.word);
	link->queued = !link->worker && future && tc_object_attr(model, future, "_state", &state) &&
		       state.tag == TC_VAL_STRING &&
		       tc_text_is(tc_model_string(model, (uint32_t)state.word), "PENDING");
}

static void judge_future(const struct tc_model *model, struct tc_link *link)
{
	struct tc_value inner;

	if (tc_text_is(tc_model_string(model, tc_model_type(model, link->type)->name),
		       "_GatheringFuture")) {
		link->wait = TC_WAIT_GATHER;
		link->members = tc_object_member(model, link->object, "_children");
		return;
	}
	const struct callbacks callbacks = callbacks_of(model, link->object);
	link->wait = callbacks.shield	? TC_WAIT_SHIELD :
		     callbacks.executor ? TC_WAIT_EXECUTOR :
					  TC_WAIT_FUTURE;
	if (tc_object_attr(model, callbacks.shield, "inner", &inner) && tc_value_is_ref(&inner))
		link->task = tc_model_task_at(model, inner.word);
}

static bool is_asyncgen_step(const struct tc_model *model, uint32_t type)
{
	struct tc_text name = tc_model_string(model, tc_model_type(model, type)->name);

	return name.size > 16 && memcmp(name.at, "async_generator_", 16) == 0;
}

/* The functions say nothing: the leaf decides. */
static void judge_leaf(const struct tc_model *model, const struct tc_task *task,
		       struct tc_link *link)
{
	uint64_t leaf = task->leaf ? task->leaf : task->waiter;
	const struct tc_chain *innermost = tc_model_chain(model, task->chain);

	if (leaf == 0) {
		uint32_t type = innermost->kind == TC_FRAME_AWAITABLE ? innermost->ref : 0;
		link->type = type;
		link->wait = !type			   ? TC_WAIT_UNKNOWN :
			     is_asyncgen_step(model, type) ? TC_WAIT_ASYNCGEN :
							     TC_WAIT_AWAITABLE;
		return;
	}
	set_object(model, task, link, leaf, 0);
	unsigned flags = tc_model_type(model, link->type)->flags;
	if (link->task || (flags & TC_TYPE_TASK))
		link->wait = TC_WAIT_TASK;
	else if ((flags & TC_TYPE_FUTURE) || leaf == task->waiter || !link->type)
		judge_future(model, link);
	else
		link->wait =
			is_asyncgen_step(model, link->type) ? TC_WAIT_ASYNCGEN : TC_WAIT_AWAITABLE;
}

static bool code_names(const struct tc_model *model, const struct tc_pycode *code, const char *name)
{
	struct tc_cursor names = { .at = code->names };

	if (!code->names)
		return false;
	names.end = code->names + code->names_size;
	for (uint32_t i = 0; i < code->n_names && tc_cur_more(&names); i++)
		if (tc_text_is(tc_model_string(model, tc_cur_u32(&names)), name))
			return true;
	return false;
}

static double number_of(const struct tc_value *value, double otherwise)
{
	return value->tag == TC_VAL_FLOAT ? value->number :
	       value->tag == TC_VAL_INT	  ? (double)(int64_t)value->word :
					    otherwise;
}

/* How long a sleep lasts, and when it ends: from its own frame (asyncio/tasks.py, sleep: delay,
 * h). */
static void judge_sleep(const struct tc_model *model, const struct tc_task *task,
			const struct tc_chain *at, const struct tc_pycode *code,
			struct tc_link *link)
{
	struct tc_value value;

	if (!at->python || at->python == UINT16_MAX)
		return;
	if (tc_local_find(model, task, at->python - 1u, code, "delay", &value))
		link->delay_s = number_of(&value, -1);
	if (tc_local_find(model, task, at->python - 1u, code, "h", &value) &&
	    tc_object_attr(model, object_of(model, &value), "_when", &value))
		link->due_s = number_of(&value, 0);
}

/* The object, tasks or collection in the local that the table names. */
static void judge_local(const struct tc_model *model, const struct tc_task *task, uint32_t chain,
			struct tc_link *link)
{
	const struct tc_chain *at = tc_model_chain(model, chain);
	const struct tc_pycode *code = tc_model_code(model, tc_model_site(model, at->ref)->code);
	uint64_t leaf = task->leaf ? task->leaf : task->waiter;
	struct tc_value value;

	if (link->wait == TC_WAIT_WAIT_FOR && !code_names(model, code, "waiter")) {
		judge_leaf(model, task, link);
		if (link->wait == TC_WAIT_TASK || link->wait == TC_WAIT_FUTURE)
			link->wait = TC_WAIT_WAIT_FOR;
		return;
	}
	if (link->known->local && at->python && at->python < UINT16_MAX &&
	    tc_local_find(model, task, at->python - 1u, code, link->known->local, &value) &&
	    tc_value_is_ref(&value))
		set_object(model, task, link, value.word, value.type);
	else
		set_object(model, task, link, leaf, 0);
	if (link->wait == TC_WAIT_SLEEP)
		judge_sleep(model, task, at, code, link);
	else if (link->wait == TC_WAIT_TASKGROUP)
		link->members = tc_object_member(model, link->object, "_tasks");
	else if ((link->known->flags & TC_KNOWN_TASK) && !link->task)
		link->members = link->object && tc_object_member(model, link->object, "_children") ?
					tc_object_member(model, link->object, "_children") :
					link->object;
}

/* Tasks that wait for nothing: running, finished, not started, or woken and not yet run. */
static bool waits(const struct tc_task *task)
{
	if (task->flags & (TC_TASK_RUNNING | TC_TASK_NOT_STARTED))
		return false;
	return tc_task_alive(task) && (task->leaf || task->waiter || task->chain);
}

void tc_link_find(const struct tc_links *links, const struct tc_task *task, struct tc_link *ret)
{
	const struct tc_model *model = links->model;
	const struct tc_verdict *verdict;

	*ret = (struct tc_link){ .wait = TC_WAIT_NONE, .delay_s = -1 };
	if (!waits(task))
		return;
	verdict = verdict_of(links, task->chain);
	if (verdict->link) {
		ret->known = verdict->native ? &tc_known_native[verdict->row - 1] :
					       &tc_known[verdict->row - 1];
		ret->wait = ret->known->wait;
		judge_local(model, task, verdict->link, ret);
	} else {
		judge_leaf(model, task, ret);
	}
	if (ret->wait == TC_WAIT_EXECUTOR && ret->object)
		find_worker(links, ret);
}

/* Only the kind, without decoding locals where the function alone tells. */
static enum tc_wait wait_of(const struct tc_links *links, const struct tc_task *task)
{
	const struct tc_verdict *verdict = waits(task) ? verdict_of(links, task->chain) : NULL;
	struct tc_link link;

	if (verdict && verdict->row) {
		enum tc_wait wait =
			(verdict->native ? tc_known_native : tc_known)[verdict->row - 1].wait;
		if (wait != TC_WAIT_WAIT_FOR)
			return wait;
	}
	tc_link_find(links, task, &link);
	return link.wait;
}

/* Tasks whose next step is due: those in the ready queue of a loop, and those that wait for no
 * future (Modules/_asynciomodule.c, task_step: task_fut_waiter is NULL from the wake-up to the next
 * await). Where the queue could not be read, a task that was woken still looks like one that waits. */
static void mark_ready(struct tc_model *model)
{
	const unsigned never = TC_TASK_RUNNING | TC_TASK_THIRD_PARTY | TC_TASK_TORN;

	for (size_t i = 0; i < model->n_tasks; i++) {
		struct tc_task *task = &model->tasks[i];
		if (tc_task_alive(task) && task->waiter == 0 && !(task->flags & never))
			task->flags |= TC_TASK_READY;
	}
	for (size_t i = 0; i < model->n_handles; i++) {
		const struct tc_handle *handle = &model->handles[i];
		const struct tc_task *task = NULL;
		if (handle->where == TC_HANDLE_READY && !(handle->flags & TC_HANDLE_CANCELLED))
			task = handle->task ? tc_model_task_at(model, handle->task) : NULL;
		if (task && tc_task_alive(task) && !(task->flags & TC_TASK_RUNNING))
			model->tasks[task - model->tasks].flags |= TC_TASK_READY;
	}
}

void tc_links_init(struct tc_links *links, struct tc_model *model)
{
	links->model = model;
	links->verdicts = tc_array_new(model->n_chains, sizeof(*links->verdicts));
	links->codes = tc_array_new(model->n_codes, sizeof(*links->codes));
	mark_ready(model);
	tc_workers_init(&links->workers, model);
	for (size_t i = 0; i < model->n_tasks; i++)
		model->tasks[i].wait = (uint8_t)wait_of(links, &model->tasks[i]);
}

void tc_links_deinit(struct tc_links *links)
{
	free(links->verdicts);
	free(links->codes);
	tc_workers_deinit(&links->workers);
}

uint64_t tc_link_members(const struct tc_links *links, const struct tc_link *link, size_t max,
			 void (*found)(void *context, const struct tc_task *task), void *context)
{
	struct tc_attrs items;
	struct tc_value item;

	if (!link->members)
		return 0;
	tc_attrs_begin(&items, link->members);
	tc_items_begin(&items);
	while (max && tc_items_next(&items, &item)) {
		const struct tc_task *task =
			tc_value_is_ref(&item) ? tc_model_task_at(links->model, item.word) : NULL;
		if (!task)
			continue;
		found(context, task);
		max--;
	}
	return items.n_items;
}
