/* SPDX-License-Identifier: Apache-2.0
 * The cache of mem_pid.h from inside: its slots. Not for signal handlers. */
#ifndef TC_MEM_CACHE_H
#define TC_MEM_CACHE_H

#include "dumper/outside/mem_pid.h"

#define ADDRESS_BITS 47 /* of user space on x86-64: Documentation/arch/x86/x86_64/mm.rst */

static inline uint64_t tc_cache_hash(const struct tc_mem_pid *m, uint64_t key)
{
	return key * 0x9e3779b97f4a7c15u >> m->table_shift;
}

/* The slot of this key; NULL: there is none. Inline, because each read calls it. */
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

/* Make an empty slot for this key. When the cache is full, another slot is given up for it. */
struct tc_slot *tc_cache_make(struct tc_mem_pid *m, uint64_t key);
/* How many slots may be in use now. The walker's arena counts against the same budget. */
uint32_t tc_cache_limit(const struct tc_mem_pid *m);
/* Clear the windows (mem.h) to the pages of this key: its slot changes. */
void tc_cache_clear_windows(struct tc_mem_pid *m, uint64_t key);
/* Give back the slot of this index. */
void tc_cache_drop(struct tc_mem_pid *m, uint32_t index);
/* Map size bytes of zeroed memory, backed only as far as it is touched; NULL: there is none. */
void *tc_cache_reserve(size_t size);

#endif
