/* SPDX-License-Identifier: Apache-2.0
 * The cache in front of another process's memory: slots of 16 KiB, found by a hash table, evicted
 * by the clock algorithm. */
#define _GNU_SOURCE
#include "dumper/outside/mem_cache.h"

#include <sys/mman.h>

static void table_put(struct tc_mem_pid *m, uint64_t key, uint32_t slot)
{
	uint64_t at = tc_cache_hash(m, key);

	while (m->table[at])
		at = (at + 1) & m->table_mask;
	m->table[at] = slot + 1;
}

/* Remove a key from the hash table (linear probing). Later entries of the same run are moved into
 * the gap, or they would no longer be found. */
static void table_remove(struct tc_mem_pid *m, uint64_t key)
{
	uint64_t at = tc_cache_hash(m, key);

	while (m->table[at] && m->slots[m->table[at] - 1].key != key)
		at = (at + 1) & m->table_mask;
	for (uint64_t next = (at + 1) & m->table_mask; m->table[next];
	     next = (next + 1) & m->table_mask) {
		uint64_t home = tc_cache_hash(m, m->slots[m->table[next] - 1].key);
		if (((next - home) & m->table_mask) >= ((next - at) & m->table_mask)) {
			m->table[at] = m->table[next];
			at = next;
		}
	}
	m->table[at] = 0;
}

void tc_cache_clear_windows(struct tc_mem_pid *m, uint64_t key)
{
	for (tc_addr page = key << TC_SLOT_BITS; page < (key + 1) << TC_SLOT_BITS; page += 4096)
		tc_window_clear(&m->mem, page);
}

/* Take the slot out of use. */
void tc_cache_drop(struct tc_mem_pid *m, uint32_t index)
{
	m->image_broken |= m->image;
	tc_cache_clear_windows(m, m->slots[index].key);
	table_remove(m, m->slots[index].key);
	m->slots[index] = (struct tc_slot){ 0 };
	m->n_live--;
}

/* The slot to evict: the next one that was not used since the clock's hand last passed it. */
static uint32_t victim(struct tc_mem_pid *m)
{
	for (;;) {
		struct tc_slot *slot = &m->slots[m->hand];
		uint32_t index = m->hand;
		m->hand = m->hand + 1 < m->n_slots ? m->hand + 1 : 0;
		if (!slot->key || slot->pinned)
			continue;
		if (!slot->used)
			return index;
		slot->used = false;
	}
}

uint32_t tc_cache_limit(const struct tc_mem_pid *m)
{
	uint64_t taken = m->arena_size - m->arena->left;
	uint64_t left = m->budget > taken ? (m->budget - taken) / TC_SLOT_SIZE : 0;

	if (left < 2 * TC_PLAN_MAX)
		left = 2 * TC_PLAN_MAX;
	return left < m->max_slots ? (uint32_t)left : m->max_slots;
}

static uint32_t take_slot(struct tc_mem_pid *m)
{
	uint32_t limit = tc_cache_limit(m);

	while (m->n_live > limit) {
		uint32_t index = victim(m);
		tc_cache_drop(m, index);
		madvise(m->data + (size_t)index * TC_SLOT_SIZE, TC_SLOT_SIZE, MADV_DONTNEED);
		m->free_slots[m->n_free++] = index;
	}
	if (m->n_live == limit) {
		uint32_t index = victim(m);
		tc_cache_drop(m, index);
		return index;
	}
	return m->n_free ? m->free_slots[--m->n_free] : m->n_slots++;
}

struct tc_slot *tc_cache_make(struct tc_mem_pid *m, uint64_t key)
{
	uint32_t index = take_slot(m);
	struct tc_slot *slot = &m->slots[index];

	*slot = (struct tc_slot){ .key = key, .used = true };
	table_put(m, key, index);
	m->n_live++;
	return slot;
}

uint32_t tc_mem_pid_room(const struct tc_mem_pid *m)
{
	uint32_t limit = tc_cache_limit(m);

	return m->n_live < limit ? limit - m->n_live : 0;
}

void *tc_cache_reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void tc_mem_pid_drop(struct tc_mem_pid *m)
{
	m->image = false;
	for (uint32_t i = 0; i < m->n_slots; i++)
		if (m->slots[i].key) {
			tc_cache_clear_windows(m, m->slots[i].key);
			m->slots[i].valid = 0;
			m->slots[i].bad = 0;
		}
}
