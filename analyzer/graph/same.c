/* SPDX-License-Identifier: Apache-2.0
 * Finding chains that read the same: strings by their bytes, then links by strings, line and
 * parent. A parent is defined before its children, so that one pass is enough. */
#include "analyzer/graph/same.h"

#include <stdlib.h>
#include <sys/random.h>

#include "analyzer/base/array.h"

/* What a link says. */
struct key {
	uint32_t parent, kind, function, file, line;
};

struct table {
	uint32_t *slots; /* identifier; 0: free */
	size_t mask;
};

struct same {
	const struct tc_model *model;
	uint32_t *strings; /* the first with the same bytes; 0: not looked up yet */
	struct key *keys;  /* of each chain */
	struct table by_bytes, by_key;
	uint64_t seed;
};

static struct table table_new(size_t n)
{
	struct table table = { .mask = 255 };

	while (table.mask < n * 2)
		table.mask = table.mask * 2 + 1;
	table.slots = tc_array_new(table.mask + 1, sizeof(*table.slots));
	return table;
}

/* FNV-1a; the seed keeps a forged file from choosing what collides. */
static uint64_t hash_bytes(const struct same *same, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint64_t hash = 0xcbf29ce484222325ull ^ same->seed;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * 0x100000001b3ull;
	return hash ^ hash >> 32;
}

static uint32_t same_string(struct same *same, uint32_t id)
{
	const struct tc_model *model = same->model;

	if (id == 0 || id >= model->n_strings)
		return 0;
	if (same->strings[id])
		return same->strings[id];
	const struct tc_text text = tc_model_string(model, id);
	size_t slot = hash_bytes(same, text.at, text.size) & same->by_bytes.mask;
	uint32_t *slots = same->by_bytes.slots;
	while (slots[slot] && !tc_text_same(tc_model_string(model, slots[slot]), text))
		slot = (slot + 1) & same->by_bytes.mask;
	if (!slots[slot])
		slots[slot] = id;
	return same->strings[id] = slots[slot];
}

static struct key key_of(struct same *same, const struct tc_chain *link, const uint32_t *chains)
{
	const struct tc_model *model = same->model;
	struct key key = { .parent = chains[link->parent], .kind = link->kind };
	uint32_t function = link->ref, file = 0;

	if (tc_frame_has_code(link->kind)) {
		const struct tc_site *site = tc_model_site(model, link->ref);
		const struct tc_pycode *code = tc_model_code(model, site->code);
		function = code->qualname ? code->qualname : code->name;
		file = code->file;
		key.line = site->line;
	} else if (link->kind == TC_FRAME_AWAITABLE) {
		function = tc_model_type(model, link->ref)->name;
		file = tc_model_type(model, link->ref)->module;
	}
	key.function = same_string(same, link->name ? link->name : function);
	key.file = same_string(same, file);
	return key;
}

uint32_t *tc_same_chains(const struct tc_model *model)
{
	uint32_t *chains = tc_array_new(model->n_chains, sizeof(*chains));
	struct same same = {
		.model = model,
		.strings = tc_array_new(model->n_strings, sizeof(*same.strings)),
		.keys = tc_array_new(model->n_chains, sizeof(*same.keys)),
		.by_bytes = table_new(model->n_codes * 3 + model->n_types * 2 + model->n_chains),
		.by_key = table_new(model->n_chains),
	};

	if (getrandom(&same.seed, sizeof(same.seed), GRND_NONBLOCK) < 0)
		same.seed = (uintptr_t)chains;
	for (uint32_t id = 1; id < model->n_chains; id++) {
		same.keys[id] = key_of(&same, &model->chains[id], chains);
		const struct key *key = &same.keys[id];
		size_t slot = hash_bytes(&same, key, sizeof(*key)) & same.by_key.mask;
		uint32_t *slots = same.by_key.slots;
		while (slots[slot] && memcmp(&same.keys[slots[slot]], key, sizeof(*key)) != 0)
			slot = (slot + 1) & same.by_key.mask;
		if (!slots[slot])
			slots[slot] = id;
		chains[id] = slots[slot];
	}
	free(same.strings);
	free(same.keys);
	free(same.by_bytes.slots);
	free(same.by_key.slots);
	return chains;
}
