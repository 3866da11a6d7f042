/* SPDX-License-Identifier: Apache-2.0
 * The search goes from an object to what refers to it, up to frames. The object, and each one on
 * the way, must have as many references as were found: one more is somebody else's. */
#include "analyzer/graph/knowers.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/base/array.h"

#define STEPS_MAX 10000000u

/* The record of this address; n_refs: there is none. */
static size_t number_of(const struct tc_knowers *knowers, uint64_t addr)
{
	const struct tc_lookup_entry *entry = tc_lookup_find(&knowers->by_addr, addr);

	return entry ? entry->at : knowers->model->n_refs;
}

/* Who refers to each: counted, summed up, then placed. The last one stands for all that have no
 * record. */
static void index_in(struct tc_knowers *knowers)
{
	const struct tc_model *model = knowers->model;
	const size_t n = model->n_refs;
	uint32_t *next = tc_array_new(n + 1, sizeof(*next));

	for (size_t i = 0; i < model->n_ref_to; i++)
		knowers->in_first[number_of(knowers, model->ref_to[i]) + 1]++;
	for (size_t i = 0; i <= n; i++) {
		knowers->in_first[i + 1] += knowers->in_first[i];
		next[i] = knowers->in_first[i];
	}
	for (size_t i = 0; i < n; i++)
		for (uint32_t e = 0; e < model->refs[i].n; e++) {
			size_t at = model->refs[i].first + e;
			size_t to = number_of(knowers, model->ref_to[at]);
			knowers->in_words[next[to]] = model->ref_words[at];
			knowers->in[next[to]++] = (uint32_t)i;
		}
	free(next);
}

static const struct tc_live *live_at(void *context, uint32_t site)
{
	return tc_knowers_live(context, site);
}

void tc_knowers_init(struct tc_knowers *knowers, const struct tc_model *model)
{
	*knowers = (struct tc_knowers){
		.model = model,
		.steps = STEPS_MAX,
		.in_first = tc_array_new(model->n_refs + 2, sizeof(*knowers->in_first)),
		.in = tc_array_new(model->n_ref_to, sizeof(*knowers->in)),
		.in_words = tc_array_new(model->n_ref_to, sizeof(*knowers->in_words)),
		.live = tc_array_new(model->n_sites + 1, sizeof(*knowers->live)),
		.seen = tc_array_new(model->n_refs, sizeof(*knowers->seen)),
		.stack = tc_array_new(model->n_ref_to + 1, sizeof(*knowers->stack)),
		.visited = tc_array_new(model->n_refs, sizeof(*knowers->visited)),
		.cleared = tc_array_new(model->n_refs, sizeof(*knowers->cleared)),
	};
	for (size_t i = 0; i < model->n_refs; i++)
		tc_lookup_add(&knowers->by_addr, model->refs[i].addr, i);
	tc_lookup_sort(&knowers->by_addr);
	index_in(knowers);
	tc_names_init(&knowers->names, model, live_at, knowers);
}

void tc_knowers_deinit(struct tc_knowers *knowers)
{
	tc_names_deinit(&knowers->names);
	tc_lookup_deinit(&knowers->by_addr);
	free(knowers->in_first);
	free(knowers->in);
	free(knowers->in_words);
	for (size_t i = 0; i <= knowers->model->n_sites; i++)
		free(knowers->live[i]);
	free(knowers->live);
	free(knowers->seen);
	free(knowers->stack);
	free(knowers->visited);
	free(knowers->cleared);
	*knowers = (struct tc_knowers){ 0 };
}

const struct tc_live *tc_knowers_live(struct tc_knowers *knowers, uint32_t site)
{
	struct tc_live **live = &knowers->live[site < knowers->model->n_sites ? site : 0];

	if (!*live) {
		*live = tc_array_new(1, sizeof(**live));
		tc_live_at(knowers->model, site, *live);
	}
	return *live;
}

/* May the frame still use what it has in this word: a variable, or a value on its stack? */
static bool is_used(struct tc_knowers *knowers, const struct tc_refs *frame, uint32_t word)
{
	const struct tc_model *model = knowers->model;

	if (!word || !frame->site || frame->site >= model->n_sites || frame->flags & TC_REFS_ENDED)
		return true;
	if (word > tc_model_code(model, model->sites[frame->site].code)->n_names)
		return true; /* on the stack */
	return tc_live_has(tc_knowers_live(knowers, frame->site), word - 1);
}

/* A search. */
struct search {
	struct tc_knowers *knowers;
	const char *const *calls;
	void (*found)(void *context, const struct tc_task *task, enum tc_known_by by);
	void *context;
	size_t n; /* of the stack */
	bool all;
	bool of_task; /* a task is searched for, which somebody may cancel */
};

static void found_by_name(void *context, const struct tc_task *task)
{
	const struct search *s = context;

	s->found(s->context, task, TC_BY_NAME);
}

/* Is what record `from` refers to in this way used only by code that names `word`? Of the dict of
 * an instance that is so while nobody else has it. */
static bool is_named(const struct tc_knowers *knowers, uint32_t from, uint32_t word)
{
	const struct tc_refs *refs = &knowers->model->refs[from];
	const bool dict = !(tc_model_type(knowers->model, refs->type)->flags & TC_TYPE_HEAP);

	return knowers->names.usable && word && refs->flags & TC_REFS_NAMED &&
	       (refs->flags & TC_REFS_SPACE || !dict || refs->references == 1);
}

/* What refers to record i, or who may use it by name. False: there is too much. */
static bool look_behind(struct search *s, uint32_t i, bool first)
{
	struct tc_knowers *knowers = s->knowers;
	const uint32_t begin = knowers->in_first[i], end = knowers->in_first[i + 1];

	if (knowers->steps < end - begin)
		return false;
	knowers->steps -= end - begin;
	for (uint32_t e = begin; e < end; e++) {
		const uint32_t from = knowers->in[e], word = knowers->in_words[e];
		/* where others may use the name, who refers to its owner still tells */
		if (is_named(knowers, from, word) &&
		    tc_names_users(&knowers->names, word, first ? s->calls : NULL, found_by_name,
				   s))
			continue;
		if (knowers->seen[from] != knowers->search &&
		    is_used(knowers, &knowers->model->refs[from], word))
			knowers->stack[s->n++] = from;
	}
	return true;
}

/* Is it a lock, event or queue of asyncio? Through it nobody gets at who waits there. */
static bool is_primitive(const struct tc_model *model, const struct tc_refs *refs)
{
	const struct tc_text module =
		tc_model_string(model, tc_model_type(model, refs->type)->module);

	return tc_text_is(module, "asyncio.locks") || tc_text_is(module, "asyncio.queues");
}

/* A frame, or a task that waits for what was looked at. True: the search need not go behind it. */
static bool is_end(struct search *s, uint32_t i, bool first)
{
	const struct tc_model *model = s->knowers->model;
	const struct tc_refs *refs = &model->refs[i];

	if (refs->flags & TC_REFS_FRAME) {
		const struct tc_task *owner = tc_model_task_at(model, refs->owner);
		bool ended = refs->flags & TC_REFS_ENDED;
		s->all = s->all && (owner || ended);
		s->found(s->context, owner, ended ? TC_BY_TRACEBACK : TC_BY_FRAME);
		return true;
	}
	const bool is_task = tc_model_type(model, refs->type)->flags & TC_TYPE_TASK;
	const struct tc_task *task = is_task ? tc_model_task_at(model, refs->addr) : NULL;
	if (!first && s->of_task && is_primitive(model, refs))
		return true;
	if (!first && task && tc_task_alive(task)) {
		s->found(s->context, task, TC_BY_CALLBACK);
		return true;
	}
	s->all = s->all && !(refs->flags & TC_REFS_WEAK) &&
		 s->knowers->in_first[i + 1] - s->knowers->in_first[i] == refs->references;
	return false;
}

bool tc_knowers_find(struct tc_knowers *knowers, uint64_t addr, const char *const *calls,
		     void (*found)(void *context, const struct tc_task *task, enum tc_known_by by),
		     void *context)
{
	const size_t first = number_of(knowers, addr);
	struct search s = {
		knowers, calls, found, context, 0, first < knowers->model->n_refs, false
	};

	knowers->search++;
	knowers->n_visited = 0;
	if (s.all) {
		s.of_task = tc_model_type(knowers->model, knowers->model->refs[first].type)->flags &
			    TC_TYPE_TASK;
		knowers->stack[s.n++] = (uint32_t)first;
	}
	while (s.n > 0) {
		const uint32_t i = knowers->stack[--s.n];
		if (knowers->seen[i] == knowers->search)
			continue;
		knowers->seen[i] = knowers->search;
		if (knowers->cleared[i])
			continue;
		knowers->visited[knowers->n_visited++] = i;
		if (!is_end(&s, i, i == first) && !look_behind(&s, i, i == first))
			return false;
	}
	return s.all;
}

uint32_t tc_knowers_key(struct tc_knowers *knowers, uint64_t addr, const char *const *calls)
{
	const size_t i = number_of(knowers, addr);

	for (uint32_t e = i < knowers->model->n_refs ? knowers->in_first[i] : 0;
	     i < knowers->model->n_refs && e < knowers->in_first[i + 1]; e++)
		if (is_named(knowers, knowers->in[e], knowers->in_words[e]) &&
		    tc_names_users(&knowers->names, knowers->in_words[e], calls, NULL, NULL))
			return knowers->in_words[e];
	return 0;
}

void tc_knowers_clear(struct tc_knowers *knowers)
{
	for (size_t i = 0; i < knowers->n_visited; i++)
		knowers->cleared[knowers->visited[i]] = true;
}

void tc_knowers_forget(struct tc_knowers *knowers)
{
	if (knowers->model->n_refs)
		memset(knowers->cleared, 0, knowers->model->n_refs * sizeof(*knowers->cleared));
}

bool tc_knowers_any(const struct tc_knowers *knowers, uint64_t addr,
		    bool (*match)(const struct tc_model *model, const struct tc_refs *refs,
				  uint32_t word))
{
	const struct tc_model *model = knowers->model;
	const size_t i = number_of(knowers, addr);

	for (uint32_t e = i < model->n_refs ? knowers->in_first[i] : 0;
	     i < model->n_refs && e < knowers->in_first[i + 1]; e++)
		if (match(model, &model->refs[knowers->in[e]], knowers->in_words[e]))
			return true;
	return false;
}
