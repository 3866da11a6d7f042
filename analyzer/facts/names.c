/* SPDX-License-Identifier: Apache-2.0
 * Rapid type analysis without types (Bacon and Sweeney, OOPSLA 1996): all functions of one name are
 * taken together, so more is found than can run, never less. The standard library's own code is
 * left out: it has what the program gave to it, and then a reference more is known to exist. */
#include "analyzer/facts/names.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/base/array.h"
#include "analyzer/facts/place.h"
#include "lib/format/key_words.h"

enum { CHAINS_MAX = 4096, END_OF_MODULE = 6 };
#define STEPS_MAX 50000000u /* a file may lie */

static bool has(const uint64_t *bits, size_t i)
{
	return bits[i / 64] >> (i & 63) & 1;
}

static size_t words_of(const struct tc_names *names)
{
	return names->n / 64 + 1;
}

static int by_number(const void *left, const void *right)
{
	const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return a < b ? -1 : a > b;
}

/* The name that the string is, + 1; 0: none. */
static uint32_t name_of(const struct tc_names *names, uint32_t id)
{
	const uint32_t *found =
		names->n && id ? bsearch(&id, names->ids, names->n, sizeof(id), by_number) : NULL;

	return found ? (uint32_t)(found - names->ids) + 1 : 0;
}

static void find_ids(struct tc_names *names)
{
	const struct tc_model *model = names->model;

	names->ids = tc_array_new(model->n_names + 1, sizeof(*names->ids));
	if (!model->n_names)
		return;
	memcpy(names->ids, model->names, model->n_names * sizeof(*names->ids));
	qsort(names->ids, model->n_names, sizeof(*names->ids), by_number);
	for (size_t i = 0; i < model->n_names; i++)
		if (names->ids[i] && (!names->n || names->ids[i] != names->ids[names->n - 1]))
			names->ids[names->n++] = names->ids[i];
}

static bool is_one_of(struct tc_text text, const char *const *words)
{
	for (; *words; words++)
		if (tc_text_is(text, *words))
			return true;
	return false;
}

/* What the names that the format lists mean. */
static void find_words(struct tc_names *names)
{
	for (size_t i = 0; i < names->n; i++) {
		const struct tc_text text = tc_model_string(names->model, names->ids[i]);
		for (size_t k = 0; k < tc_n_words; k++) {
			if (!tc_text_is(text, tc_words[k].text))
				continue;
			names->reach[i] = tc_words[k].class == TC_WORD_REACHES ||
					  tc_words[k].class == TC_WORD_LOADS;
			if (tc_words[k].class == TC_WORD_MAKES && names->n_makers < TC_NAMES_CALLS)
				names->makers[names->n_makers++] = (uint32_t)i + 1;
			if (tc_text_is(text, "all_tasks"))
				names->all_tasks = (uint32_t)i + 1;
		}
	}
}

/* Call back for each name of the function; name 0 is none. */
static void each_key(const struct tc_names *names, uint32_t f,
		     void (*one)(void *context, uint32_t name, uint32_t f), void *context)
{
	const struct tc_function *function = &names->model->functions[f];

	for (uint32_t k = 0; k < function->n_keys; k++)
		one(context, names->name_of[function->first + k], f);
	for (size_t i = 0; function->flags & TC_FUNCTION_CONSTRUCTOR && i < names->n_makers; i++)
		one(context, names->makers[i], f);
}

static void count_key(void *context, uint32_t name, uint32_t f)
{
	(void)f;
	((uint32_t *)context)[name + 1]++;
}

struct place_keys {
	uint32_t *functions, *next;
};

static void place_key(void *context, uint32_t name, uint32_t f)
{
	struct place_keys *place = context;

	place->functions[place->next[name]++] = f;
}

/* Which functions have each name; number 0 stands for no name. A constructor has those of makers,
 * too: type(self)(), self.__class__(). */
static void index_functions(struct tc_names *names)
{
	const size_t n_functions = names->model->n_functions;
	struct place_keys place = { .next = tc_array_new(names->n + 1, sizeof(*place.next)) };

	for (size_t f = 0; f < n_functions; f++)
		each_key(names, (uint32_t)f, count_key, names->first);
	for (size_t i = 0; i <= names->n; i++) {
		names->first[i + 1] += names->first[i];
		place.next[i] = names->first[i];
	}
	names->functions = tc_array_new(names->first[names->n + 1], sizeof(*names->functions));
	place.functions = names->functions;
	for (size_t f = 0; f < n_functions; f++)
		each_key(names, (uint32_t)f, place_key, &place);
	free(place.next);
}

/* What is being collected. */
struct use {
	struct tc_names *names;
	uint64_t *bits;
	size_t n_stack;
	bool all;
};

/* Add an entry of model->names. own: of the program's own code, which may reach attributes in other
 * ways. */
static void add_entry(struct use *use, size_t entry, bool own)
{
	const uint32_t name = use->names->name_of[entry];

	if (!name)
		return;
	if (use->names->reach[name - 1] && own)
		use->all = true;
	if (has(use->bits, name - 1))
		return;
	use->bits[(name - 1) / 64] |= (uint64_t)1 << ((name - 1) & 63);
	use->names->stack[use->n_stack++] = name - 1;
}

static bool is_own(const struct tc_names *names, uint32_t code)
{
	const struct tc_model *model = names->model;
	const struct tc_text file = tc_model_string(model, tc_model_code(model, code)->file);

	return tc_place_owner(model, file) == TC_OWNER_USER;
}

static void add_entries(struct use *use, size_t first, uint32_t n, bool own)
{
	for (uint32_t i = 0; i < n; i++)
		add_entry(use, first + i, own);
}

/* All that the function names. Of one that runs when its class is called only what it loads: it
 * sets the attributes of a new object. */
static void add_function(struct use *use, uint32_t f)
{
	const struct tc_model *model = use->names->model;
	const struct tc_function *function = &model->functions[f];
	const bool own = is_own(use->names, function->code);
	const size_t first = function->first + function->n_keys;
	struct tc_live live;

	if (use->names->seen[f] == use->names->search)
		return;
	use->names->seen[f] = use->names->search;
	use->all |= function->flags & TC_FUNCTION_CUT && own;
	add_entries(use, first + function->n_own, function->n_nested, own);
	if (!(function->flags & TC_FUNCTION_CONSTRUCTOR)) {
		add_entries(use, first, function->n_own, own);
		return;
	}
	tc_live_code(model, function->code, &live);
	for (uint32_t i = 0; i < function->n_own; i++)
		if (tc_live_names(&live, i))
			add_entry(use, first + i, own);
}

/* The functions that what was found names, and so on. */
static void close_use(struct use *use)
{
	struct tc_names *names = use->names;

	while (use->n_stack > 0 && !use->all) {
		const uint32_t name = names->stack[--use->n_stack] + 1;
		for (uint32_t i = names->first[name]; i < names->first[name + 1]; i++) {
			const struct tc_function *function =
				&names->model->functions[names->functions[i]];
			const uint64_t cost = 1ull + function->n_own + function->n_nested;
			if (names->steps < cost) {
				use->all = true;
				return;
			}
			names->steps -= cost;
			add_function(use, names->functions[i]);
		}
	}
}

/* Does somebody type code there? */
static bool is_prompt(const struct tc_place *place)
{
	static const char *const files[] = { "/code.py", "/pdb.py", "/bdb.py", "/cmd.py",
					     "asyncio/__main__.py" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (tc_place_is(place, files[i] + (files[i][0] == '/'), NULL))
			return true;
	return false;
}

/* What the frames of a chain still name. */
static void add_chain(struct use *use, uint32_t chain,
		      const struct tc_live *(*live_at)(void *context, uint32_t site), void *context)
{
	const struct tc_model *model = use->names->model;

	for (; chain && !use->all; chain = tc_model_chain(model, chain)->parent) {
		const struct tc_chain *link = tc_model_chain(model, chain);
		struct tc_place place;
		if (link->kind == TC_FRAME_GREENLET || link->kind == TC_FRAME_TEXT)
			use->all = true;
		if (!tc_frame_has_code(link->kind))
			continue;
		tc_place_init(&place, model, chain);
		use->all |= is_prompt(&place);
		if (tc_place_owner(model, place.file) == TC_OWNER_LIBRARY)
			continue;
		const struct tc_bytecode *code = tc_model_bytecode(model, place.code);
		const struct tc_live *live = live_at(context, link->ref);
		if (!code || live->all) {
			use->all = true;
			return;
		}
		const bool own = is_own(use->names, place.code);
		/* a module that has only its end before it defines nothing more */
		const bool more = live->n > END_OF_MODULE || !tc_place_is_in(&place, "<module>");
		for (uint32_t i = 0; i < code->n_own; i++)
			if (tc_live_names(live, i))
				add_entry(use, code->first + i, own);
		if (more)
			add_entries(use, code->first + code->n_own, code->n_nested, own);
	}
}

static bool is_dunder(struct tc_text text)
{
	return text.size > 4 && memcmp(text.at, "__", 2) == 0 &&
	       memcmp(text.at + text.size - 2, "__", 2) == 0;
}

/* May it run though nobody names it? Python calls methods like __call__ itself. */
static bool is_root(const struct tc_model *model, const struct tc_function *function)
{
	if (function->flags & (TC_FUNCTION_KEPT | TC_FUNCTION_FOREIGN))
		return true;
	for (uint32_t k = 0; k < function->n_keys; k++)
		if (is_dunder(tc_model_string(model, model->names[function->first + k])))
			return true;
	return false;
}

static struct use begin_use(struct tc_names *names)
{
	names->search++;
	return (struct use){ names, tc_array_new(words_of(names), sizeof(uint64_t)), 0, false };
}

static void find_others(struct tc_names *names,
			const struct tc_live *(*live)(void *context, uint32_t site), void *context)
{
	const struct tc_model *model = names->model;
	struct use use = begin_use(names);

	for (size_t f = 0; f < model->n_functions; f++)
		if (is_root(model, &model->functions[f]))
			add_function(&use, (uint32_t)f);
	for (size_t i = 0; i < model->n_pythreads && !use.all; i++) {
		/* the main thread without a frame waits for somebody to type code (python -i) */
		use.all =
			model->pythreads[i].flags & TC_PYTHREAD_MAIN && !model->pythreads[i].chain;
		add_chain(&use, model->pythreads[i].chain, live, context);
	}
	close_use(&use);
	names->others = use.bits;
	names->others_all = use.all;
}

struct chain_of_task {
	uint32_t chain, task;
};

static int by_chain(const void *left, const void *right)
{
	const struct chain_of_task *a = left, *b = right;

	if (a->chain != b->chain)
		return a->chain < b->chain ? -1 : 1;
	return a->task < b->task ? -1 : a->task > b->task;
}

/* The tasks that are alive, by their chains. False: there are too many different ones. */
static bool index_chains(struct tc_names *names)
{
	const struct tc_model *model = names->model;
	struct chain_of_task *all = tc_array_new(model->n_tasks, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; i < model->n_tasks; i++) {
		const bool known =
			!(model->tasks[i].flags & (TC_TASK_TORN | TC_TASK_CUT | TC_TASK_RUNNING));
		if (tc_task_alive(&model->tasks[i]))
			all[n++] = (struct chain_of_task){ known ? model->tasks[i].chain : 0,
							   (uint32_t)i };
	}
	if (n)
		qsort(all, n, sizeof(*all), by_chain);
	names->tasks = tc_array_new(n, sizeof(*names->tasks));
	names->chains = tc_array_new(CHAINS_MAX, sizeof(*names->chains));
	for (size_t i = 0; i < n; i++) {
		names->tasks[i] = all[i].task;
		if (i == 0 || all[i].chain != all[i - 1].chain) {
			if (names->n_chains == CHAINS_MAX)
				break;
			names->chains[names->n_chains++] =
				(struct tc_names_chain){ .chain = all[i].chain, .first = i };
		}
		names->chains[names->n_chains - 1].n++;
	}
	const bool whole = !n || names->chains[names->n_chains - 1].first +
						 names->chains[names->n_chains - 1].n ==
					 n;
	free(all);
	return whole;
}

static void find_chains(struct tc_names *names,
			const struct tc_live *(*live)(void *context, uint32_t site), void *context)
{
	for (size_t i = 0; i < names->n_chains; i++) {
		struct use use = begin_use(names);
		use.all = !names->chains[i].chain;
		add_chain(&use, names->chains[i].chain, live, context);
		close_use(&use);
		if (use.all)
			free(use.bits);
		else
			names->chains[i].uses = use.bits;
	}
}

void tc_names_init(struct tc_names *names, const struct tc_model *model,
		   const struct tc_live *(*live)(void *context, uint32_t site), void *context)
{
	*names = (struct tc_names){ .model = model, .steps = STEPS_MAX };
	if (!model->heap_seen)
		return;
	find_ids(names);
	names->name_of = tc_array_new(model->n_names, sizeof(*names->name_of));
	for (size_t i = 0; i < model->n_names; i++)
		names->name_of[i] = name_of(names, model->names[i]);
	names->reach = tc_array_new(names->n, sizeof(*names->reach));
	names->first = tc_array_new(names->n + 2, sizeof(*names->first));
	names->seen = tc_array_new(model->n_functions, sizeof(*names->seen));
	names->stack = tc_array_new(names->n, sizeof(*names->stack));
	find_words(names);
	index_functions(names);
	find_others(names, live, context);
	names->usable = !names->others_all && index_chains(names);
	if (names->usable)
		find_chains(names, live, context);
}

void tc_names_deinit(struct tc_names *names)
{
	for (size_t i = 0; i < names->n_chains; i++)
		free(names->chains[i].uses);
	free(names->chains);
	free(names->tasks);
	free(names->ids);
	free(names->name_of);
	free(names->reach);
	free(names->first);
	free(names->functions);
	free(names->others);
	free(names->seen);
	free(names->stack);
	*names = (struct tc_names){ 0 };
}

static void find_calls(struct tc_names *names, const char *const *calls)
{
	if (names->calls == calls)
		return;
	names->calls = calls;
	names->n_calls = 0;
	for (size_t i = 0; calls && i < names->n && names->n_calls < TC_NAMES_CALLS; i++)
		if (is_one_of(tc_model_string(names->model, names->ids[i]), calls))
			names->call_names[names->n_calls++] = (uint32_t)i;
}

static bool has_call(const struct tc_names *names, const uint64_t *bits)
{
	for (unsigned i = 0; bits && i < names->n_calls; i++)
		if (has(bits, names->call_names[i]))
			return true;
	return !bits || !names->calls;
}

static bool has_name(const uint64_t *bits, uint32_t name)
{
	return !bits || (name && has(bits, name - 1));
}

/* Does anybody make one of the calls? Who uses the name may hand what is kept there to one who
 * does. */
static bool is_called(const struct tc_names *names)
{
	bool called = has_call(names, names->others);

	for (size_t i = 0; i < names->n_chains && !called; i++)
		called = has_call(names, names->chains[i].uses);
	return called;
}

static void tell(const struct tc_names *names, const struct tc_names_chain *chain,
		 void (*found)(void *context, const struct tc_task *task), void *context)
{
	for (size_t t = 0; found && t < chain->n; t++)
		found(context, &names->model->tasks[names->tasks[chain->first + t]]);
}

bool tc_names_users(struct tc_names *names, uint32_t key, const char *const *calls,
		    void (*found)(void *context, const struct tc_task *task), void *context)
{
	const uint32_t name = names->usable ? name_of(names, key) : 0;

	if (!names->usable)
		return false;
	find_calls(names, calls);
	if (!is_called(names))
		return true;
	const bool others = has_name(names->others, name);
	if (others && has_call(names, names->others))
		return false;
	for (size_t i = 0; i < names->n_chains; i++) {
		const struct tc_names_chain *chain = &names->chains[i];
		if (!has_name(chain->uses, name) && !(others && has_call(names, chain->uses)))
			continue;
		if (names->steps < chain->n)
			return false;
		names->steps -= chain->n;
		tell(names, chain, found, context);
	}
	return true;
}

bool tc_names_cancel_all(const struct tc_names *names,
			 void (*found)(void *context, const struct tc_task *task), void *context)
{
	if (!names->all_tasks)
		return true;
	for (size_t i = 0; i < names->n_chains; i++)
		if (has_name(names->chains[i].uses, names->all_tasks))
			tell(names, &names->chains[i], found, context);
	return !has_name(names->others, names->all_tasks);
}

bool tc_names_has(const struct tc_names *names, uint32_t code, uint32_t key)
{
	const struct tc_model *model = names->model;
	const uint64_t addr = tc_model_code(model, code)->addr;

	for (size_t f = 0; f < model->n_functions; f++) {
		const struct tc_function *function = &model->functions[f];
		const uint32_t *used = &model->names[function->first + function->n_keys];
		if (tc_model_code(model, function->code)->addr != addr)
			continue;
		for (uint32_t i = 0; i < function->n_own; i++)
			if (used[i] == key)
				return true;
	}
	return false;
}
