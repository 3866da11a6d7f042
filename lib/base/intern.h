/* SPDX-License-Identifier: Apache-2.0
 * A hash table in an arena, from 64-bit keys to 64-bit values: what was seen already, and under
 * which number. Everything here may run in a signal handler. */
#ifndef TC_INTERN_H
#define TC_INTERN_H

#include <stdint.h>

#include "lib/base/arena.h"

struct tc_hash {
	struct tc_arena *arena;
	uint64_t *slots; /* pairs of key and value; key 0: free */
	uint64_t mask;	 /* number of slots - 1 */
	uint64_t n;
};

static inline void tc_hash_init(struct tc_hash *hash, struct tc_arena *arena)
{
	*hash = (struct tc_hash){ .arena = arena };
}

/* The value of key, to read and to set; a key that is not in the table is added with value 0. NULL:
 * the arena is full. The pointer is valid until the next call with the same table. Keys 0 and 1 are
 * the same key. */
uint64_t *tc_hash_at(struct tc_hash *hash, uint64_t key);

/* The same, but a key that is not in the table is not added: NULL. */
uint64_t *tc_hash_find(const struct tc_hash *hash, uint64_t key);

/* Mix two words into one: 64-bit multiplication folded, as wyhash does (Wang Yi 2019). With a
 * random seed, forged contents cannot be made to collide. */
static inline uint64_t tc_mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)(a ^ 0x9e3779b97f4a7c15ul) * (b ^ 0xe7037ed1a0b428dbul);

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The hash of size bytes at bytes. */
uint64_t tc_hash_bytes(uint64_t seed, const void *bytes, size_t size);

#endif
