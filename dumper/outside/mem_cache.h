/* SPDX-License-Identifier: Apache-2.0
 * The cache of mem_pid.h from inside: its slots. */
#ifndef TC_MEM_CACHE_H
#define TC_MEM_CACHE_H

#include "dumper/outside/mem_pid.h"

#define ADDRESS_BITS 47 /* of user space on x86-64: Documentation/arch/x86/x86_64/mm.rst */

static inline uint64_t tc_cache_hash(const struct tc_mem_pid *m, uint64_t key)
{
	return key * 0x9e3779b97f4a7c15u >> m->table_shift;
}

/* The slot of this key; NULL: there is none. Each read asks. */
static inline struct tc_slot *tc_cache_find(struct tc_mem_pid *m, uint64_t key)
{
	if (m->last->key == key)
		return m->last;
	for (uint64_t at = tc_cache_hash(m, key); m->table[at]; at = (at + 1) & m->table_mask) {
		struct tc_slot *slot = &m->slots[m->table[at] - 1];
		if (slot->key == key)
			return m->last = slot;
	}
	return NULL;
}

/* A new empty one, for which another may have to go; NULL: all are in the plan under way. */
struct tc_slot *tc_cache_make(struct tc_mem_pid *m, uint64_t key);
/* How many slots there may be now: the walker's arena takes from the same memory. */
uint32_t tc_cache_limit(const struct tc_mem_pid *m);
/* What the reader keeps of the slot of this key is of no use any more (mem.h, windows). */
void tc_cache_clear_windows(struct tc_mem_pid *m, uint64_t key);
/* Give back the slot of this index. */
void tc_cache_drop(struct tc_mem_pid *m, uint32_t index);
/* Memory of so many bytes, zeroed, that is backed when it is touched; NULL: there is none. */
void *tc_cache_reserve(size_t size);

#endif
