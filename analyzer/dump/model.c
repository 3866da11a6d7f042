/* SPDX-License-Identifier: Apache-2.0
 * The model's life, its indices, and the pass over the chunks. The records themselves are decoded
 * in decode.c. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "analyzer/dump/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "analyzer/base/array.h"
#include "analyzer/base/lookup.h"
#include "analyzer/dump/decode.h"
#include "lib/base/err.h"

bool tc_text_ends_in(struct tc_text text, const char *want)
{
	size_t size = strlen(want);

	if (text.size < size || memcmp(text.at + (text.size - size), want, size) != 0)
		return false;
	return text.size == size || text.at[text.size - size - 1] == '/';
}

static size_t slot_of(const struct tc_index *index, uint64_t addr)
{
	uint64_t x = (addr ^ index->seed) * 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
	return (size_t)(x ^ x >> 29) & index->mask;
}

static void index_init(struct tc_index *index, size_t n)
{
	size_t size = 16;

	while (size < n + n / 2)
		size *= 2;
	index->mask = size - 1;
	index->slots = tc_array_new(size, sizeof(*index->slots));
	/* Random, so that a forged file cannot choose addresses that collide. */
	if (getrandom(&index->seed, sizeof(index->seed), GRND_NONBLOCK) < 0)
		index->seed = (uint64_t)(uintptr_t)index->slots;
}

/* The address of element i: it stands first in each. */
static uint64_t addr_of(const void *array, size_t size, size_t i)
{
	uint64_t addr;

	memcpy(&addr, (const char *)array + i * size, sizeof(addr));
	return addr;
}

/* Where the element with this address is named, or is to be. */
static size_t find_slot(const struct tc_index *index, const void *array, size_t size, uint64_t addr)
{
	size_t slot = slot_of(index, addr);

	while (index->slots[slot] && addr_of(array, size, index->slots[slot] - 1) != addr)
		slot = (slot + 1) & index->mask;
	return slot;
}

/* The element of the n in array with this address: its index + 1; 0: there is none. Of two with one
 * address it is the first. */
static size_t find(struct tc_index *index, const void *array, size_t n, size_t size, uint64_t addr)
{
	if (!index->slots) {
		index_init(index, n);
		for (size_t i = 0; i < n; i++) {
			size_t slot = find_slot(index, array, size, addr_of(array, size, i));
			if (!index->slots[slot])
				index->slots[slot] = (uint32_t)i + 1;
		}
	}
	return index->slots[find_slot(index, array, size, addr)];
}

const struct tc_task *tc_model_task_at(const struct tc_model *model, uint64_t addr)
{
	size_t found =
		find(model->task_index, model->tasks, model->n_tasks, sizeof(*model->tasks), addr);

	return found ? &model->tasks[found - 1] : NULL;
}

const struct tc_object *tc_model_object_at(const struct tc_model *model, uint64_t addr)
{
	size_t found = find(model->object_index, model->objects, model->n_objects,
			    sizeof(*model->objects), addr);

	return found ? &model->objects[found - 1] : NULL;
}

#define NEAR 8 /* records looked at before the index is asked */

const struct tc_object *tc_model_object_near(const struct tc_model *model,
					     const struct tc_task *task, uint64_t addr)
{
	for (size_t i = task->objects; i < model->n_objects && i < task->objects + NEAR; i++)
		if (model->objects[i].addr == addr)
			return &model->objects[i];
	return tc_model_object_at(model, addr);
}

static int by_task(const void *key, const void *element)
{
	uint32_t want = *(const uint32_t *)key, task = ((const struct tc_failure *)element)->task;

	return want < task ? -1 : want > task;
}

static int by_owner(const void *key, const void *element)
{
	uint32_t want = *(const uint32_t *)key, owner = ((const struct tc_hold *)element)->owner;

	return want < owner ? -1 : want > owner;
}

const struct tc_hold *tc_model_holds(const struct tc_model *model, const struct tc_task *task,
				     size_t *ret_n)
{
	const uint32_t number = (uint32_t)(task - model->tasks);
	const struct tc_hold *first = NULL, *last, *end;

	*ret_n = 0;
	if (model->n_holds)
		first = bsearch(&number, model->holds, model->n_holds, sizeof(*first), by_owner);
	if (!first)
		return NULL;
	end = model->holds + model->n_holds;
	for (last = first; first > model->holds && first[-1].owner == number; first--) {
	}
	for (; last < end && last->owner == number; last++) {
	}
	*ret_n = (size_t)(last - first);
	return first;
}

const struct tc_failure *tc_model_failure(const struct tc_model *model, const struct tc_task *task)
{
	uint32_t number = (uint32_t)(task - model->tasks);

	return model->n_failures ? bsearch(&number, model->failures, model->n_failures,
					   sizeof(*model->failures), by_task) :
				   NULL;
}

/* Up to 3.10 one code object may be several codes of the dump, with a name each. */
static void connect_bytecodes(struct tc_model *model)
{
	struct tc_lookup by_addr = { 0 };

	model->bytecode_of = tc_array_new(model->n_codes, sizeof(*model->bytecode_of));
	for (size_t i = 0; i < model->n_bytecodes; i++)
		tc_lookup_add(&by_addr, tc_model_code(model, model->bytecodes[i].code)->addr, i);
	tc_lookup_sort(&by_addr);
	for (size_t i = 0; i < model->n_codes; i++) {
		const struct tc_lookup_entry *entry =
			tc_lookup_find(&by_addr, model->codes[i].addr);
		model->bytecode_of[i] = entry ? (uint32_t)entry->at + 1 : 0;
	}
	tc_lookup_deinit(&by_addr);
}

const struct tc_bytecode *tc_model_bytecode(const struct tc_model *model, uint32_t code)
{
	const uint32_t number =
		model->bytecode_of && code < model->n_codes ? model->bytecode_of[code] : 0;

	return number ? &model->bytecodes[number - 1] : NULL;
}

static void connect_loops(struct tc_model *model)
{
	for (size_t i = 0; i < model->n_loops; i++)
		if (model->loops[i].ref < model->n_looprefs)
			model->looprefs[model->loops[i].ref].state = (uint32_t)i + 1;
}

static int by_number(const void *left, const void *right)
{
	const struct tc_fd *a = left, *b = right;

	return a->fd < b->fd ? -1 : a->fd > b->fd;
}

/* They stand in order, unless the file is forged. */
static void order_fds(struct tc_model *model)
{
	for (size_t i = 1; i < model->n_fds; i++)
		if (model->fds[i].fd < model->fds[i - 1].fd) {
			qsort(model->fds, model->n_fds, sizeof(*model->fds), by_number);
			return;
		}
}

/* The dump's own sums must agree with its records. */
static void check_sums(struct tc_model *model)
{
	const struct tc_status *status = &model->status;
	struct tc_dump *dump = model->dump;

	if (!status->present)
		return;
	if (status->read + status->torn + status->cut != status->found)
		tc_dump_problem(
			dump, dump->size,
			"its sums do not balance: found %llu, read %llu, torn %llu, cut %llu",
			(unsigned long long)status->found, (unsigned long long)status->read,
			(unsigned long long)status->torn, (unsigned long long)status->cut);
	if (status->read != model->n_clean && dump->n_problems_all == 0)
		tc_dump_problem(
			dump, dump->size, "it says that %llu tasks were read, and holds %llu",
			(unsigned long long)status->read, (unsigned long long)model->n_clean);
}

/* The arrays that have an element for each task get room for all that the file can hold: none can
 * be longer than there are records. A forged file may claim any number of these, or have many more
 * than a real one of its size: then the arrays grow. */
/* The library is where its asyncio is: in /usr/lib/python3.11/, a zip file, a tree that was never
 * installed. Packages have folders named asyncio too (redis, sqlalchemy). */
static bool is_asyncio(struct tc_text file)
{
	static const char *const files[] = {
		"asyncio/base_events.py", "asyncio/events.py", "asyncio/runners.py",
		"asyncio/tasks.py",	  "asyncio/locks.py",  "asyncio/queues.py",
	};
	if (memmem(file.at, file.size, "-packages/", 10))
		return false;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (tc_text_ends_in(file, files[i]))
			return true;
	return false;
}

static void find_library(struct tc_model *model)
{
	for (size_t i = 1; i < model->n_codes; i++) {
		struct tc_text file = tc_model_string(model, model->codes[i].file);
		if (file.size == 0 || !is_asyncio(file))
			continue;
		while (file.size && file.at[file.size - 1] != '/') /* the file, then the folder */
			file.size--;
		model->library = (struct tc_text){ file.at, file.size - strlen("asyncio/") };
		model->frozen = model->library.size == 0;
		return;
	}
}

#define RECORD_BYTES 16 /* in a real dump they are larger on average: 23 with locals */

static void reserve(struct tc_model *model)
{
	const struct tc_dump *dump = model->dump;
	size_t n = 64;

	for (size_t i = 0; i < dump->n_chunks; i++)
		n += dump->chunks[i].head.n_records;
	if (n > 64 + dump->size / RECORD_BYTES)
		n = 64 + dump->size / RECORD_BYTES;
#define RESERVE(array)                                             \
	model->array = tc_array_reserve(n, sizeof(*model->array)); \
	model->array##_room = model->array ? n : 0
	RESERVE(strings);
	RESERVE(contexts);
	RESERVE(tasks);
	RESERVE(objects);
#undef RESERVE
}

int tc_model_init(struct tc_model *model, struct tc_dump *dump, void (*progress)(double part))
{
	*model = (struct tc_model){
		.dump = dump,
		.task_index = tc_array_new(1, sizeof(*model->task_index)),
		.object_index = tc_array_new(1, sizeof(*model->object_index)),
	};
	reserve(model);
	tc_decode_init(model);
	for (size_t i = 0; i < dump->n_chunks; i++) {
		const struct tc_loaded_chunk *chunk = &dump->chunks[i];
		tc_decode_chunk(model, chunk);
		dump->features = model->head.features & ~TC_FEATURES_KNOWN;
		if (dump->features) {
			dump->kind = TC_FILE_FEATURES;
			return -TC_EVERSION;
		}
		if (progress)
			progress((double)(chunk->records - dump->map) / (double)dump->size);
	}
	connect_loops(model);
	connect_bytecodes(model);
	model->heap_seen = model->n_heaps && model->n_heaps + 1 == model->n_interps;
	order_fds(model);
	find_library(model);
	check_sums(model);
	return 0;
}

static void free_index(struct tc_index *index)
{
	if (index)
		free(index->slots);
	free(index);
}

void tc_model_deinit(struct tc_model *model)
{
	free(model->strings);
	free(model->types);
	free(model->holds);
	free(model->thread_holds);
	free(model->refs);
	free(model->ref_to);
	free(model->ref_words);
	free(model->bytecodes);
	free(model->bytecode_of);
	free(model->functions);
	free(model->names);
	free(model->codes);
	free(model->sites);
	free(model->chains);
	free(model->contexts);
	free(model->looprefs);
	free(model->interps);
	free(model->tasks);
	free(model->failures);
	free(model->objects);
	free(model->threads);
	free(model->looks);
	free(model->fds);
	free(model->pythreads);
	free(model->modules);
	free(model->loops);
	free(model->handles);
	free(model->faults);
	free_index(model->task_index);
	free_index(model->object_index);
	*model = (struct tc_model){ 0 };
}

struct tc_text tc_model_task_name(const struct tc_model *model, const struct tc_task *task,
				  char *name)
{
	if (!(task->flags & TC_TASK_LAZY_NAME))
		return tc_model_string(model, task->name);
	snprintf(name, TC_TASK_NAME, "Task-%u", task->name);
	return (struct tc_text){ (const uint8_t *)name, strlen(name) };
}
