/* SPDX-License-Identifier: Apache-2.0
 * Open addressing; the table is doubled when it is half full. An arena frees nothing, so the old
 * tables stay in it: together they take at most as much memory as the present one. */
#include "lib/base/intern.h"

#include <string.h>

#include "lib/base/safe.h"

#define FIRST_SLOTS 256ul

static uint64_t *find(const struct tc_hash *hash, uint64_t key)
{
	for (uint64_t i = tc_mix(key, 0);; i++) {
		uint64_t *slot = hash->slots + 2 * (i & hash->mask);
		if (slot[0] == key || slot[0] == 0)
			return slot;
	}
}

static int grow(struct tc_hash *hash)
{
	struct tc_hash bigger = *hash;
	uint64_t n_slots = hash->slots ? 2 * (hash->mask + 1) : FIRST_SLOTS;

	bigger.slots = tc_arena_take(hash->arena, n_slots * 16);
	if (!bigger.slots)
		return -1;
	bigger.mask = n_slots - 1;
	for (uint64_t i = 0; hash->slots && i <= hash->mask; i++) {
		uint64_t *old = hash->slots + 2 * i;
		if (old[0])
			memcpy(find(&bigger, old[0]), old, 16);
	}
	*hash = bigger;
	return 0;
}

uint64_t *tc_hash_find(const struct tc_hash *hash, uint64_t key)
{
	key += key == 0;
	uint64_t *slot = hash->slots ? find(hash, key) : NULL;
	return slot && slot[0] ? slot + 1 : NULL;
}

uint64_t *tc_hash_at(struct tc_hash *hash, uint64_t key)
{
	key += key == 0;
	/* When the table should grow and the arena is full, it is filled up to three quarters. From
	 * then on known keys are still found, and new ones are refused. */
	if ((!hash->slots || 2 * hash->n > hash->mask) && grow(hash) < 0 &&
	    (!hash->slots || 4 * hash->n > 3 * hash->mask))
		return tc_hash_find(hash, key);
	uint64_t *slot = find(hash, key);
	if (!slot[0]) {
		slot[0] = key;
		hash->n++;
	}
	return slot + 1;
}

uint64_t tc_hash_bytes(uint64_t seed, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;
	uint64_t hash = tc_mix(seed, size), word;

	for (; size >= 8; p += 8, size -= 8) {
		memcpy(&word, p, 8);
		hash = tc_mix(hash, word);
	}
	if (size) {
		word = 0;
		memcpy(&word, p, size);
		hash = tc_mix(hash, word);
	}
	return hash;
}
