/* SPDX-License-Identifier: Apache-2.0
 * The reader of another process's memory: answers reads from the cache, and decides what is loaded,
 * and what else is worth loading with it. */
#define _GNU_SOURCE
#include "dumper/outside/mem_pid.h"

#include "dumper/outside/mem_cache.h"

#include <sys/mman.h>
#include <unistd.h>

#define AREA_SLOTS 4  /* slots that are loaded together once two of them are used */
#define DENSE 8	      /* density from which they are loaded at the first use */
#define VERY_DENSE 32 /* density from which four such areas are loaded together */
#define DENSITY_MAX 64

static void add_density(struct tc_mem_pid *m, int by)
{
	m->density += by;
	m->density = m->density < 0 ? 0 : m->density > DENSITY_MAX ? DENSITY_MAX : m->density;
}

/* Note a slot that is loaded on a guess. The one that was noted TC_RING guesses ago is judged now:
 * was it used? */
static void note_guess(struct tc_mem_pid *m, struct tc_slot *slot)
{
	uint32_t old = m->ring[m->ring_at];

	slot->guessed = true;
	if (old)
		add_density(m, m->slots[old - 1].guessed ? -1 : 1);
	m->ring[m->ring_at] = (uint32_t)(slot - m->slots) + 1;
	m->ring_at = (m->ring_at + 1) % TC_RING;
}

static void plan(struct tc_mem_pid *m, struct tc_slot *slot, uint8_t want, uint8_t must)
{
	uint32_t index = (uint32_t)(slot - m->slots);

	want &= (uint8_t) ~(slot->valid | slot->bad);
	for (unsigned i = 0; slot->pinned && i < m->n_plan; i++)
		if (m->plan[i].slot == index) {
			m->plan[i].want |= want;
			m->plan[i].must |= must;
			return;
		}
	if (m->n_plan == TC_PLAN_MAX)
		tc_mem_pid_load(m);
	m->plan[m->n_plan++] =
		(struct tc_load_request){ .slot = index, .must = must, .want = want };
	slot->pinned = true;
}

/* Guess: plan the other slots of the n aligned ones around key, as far as the mapping goes. */
static void plan_around(struct tc_mem_pid *m, uint64_t key, unsigned n)
{
	const struct tc_region *region =
		m->maps ? tc_maps_find(m->maps, key << TC_SLOT_BITS) : NULL;
	uint64_t first = key & -(uint64_t)n;

	if (!region || m->n_live + n >= tc_cache_limit(m))
		return;
	for (uint64_t next = first; next < first + n; next++) {
		tc_addr addr = next << TC_SLOT_BITS;
		if (next == key || addr < region->start || addr >= region->end ||
		    tc_cache_find(m, next))
			continue;
		struct tc_slot *slot = tc_cache_make(m, next);
		note_guess(m, slot);
		plan(m, slot, 15, 0);
	}
}

void tc_mem_pid_want(struct tc_mem_pid *m, uint64_t key)
{
	struct tc_slot *slot = tc_cache_find(m, key);

	if (!slot)
		slot = tc_cache_make(m, key);
	if ((slot->valid | slot->bad) != 15)
		plan(m, slot, 15, 0);
}

static bool is_area_used(struct tc_mem_pid *m, uint64_t key)
{
	uint64_t first = key & -(uint64_t)AREA_SLOTS;

	unsigned n = 0;
	for (uint64_t other = first; other < first + AREA_SLOTS; other++)
		n += other != key && tc_cache_find(m, other);
	return n >= 2;
}

/* Plan what to load so that these pages of the slot can be read. must: a read waits for them. */
static void plan_pages(struct tc_mem_pid *m, uint64_t key, uint8_t pages, bool must)
{
	struct tc_slot *slot = tc_cache_find(m, key);
	bool first = !slot;

	if (first)
		slot = tc_cache_make(m, key);
	/* Without the pagemap we cannot see which pages are present, and reading others would make
	 * them present: so nothing is guessed. */
	plan(m, slot, m->pagemap < 0 ? pages : 15, must ? pages : 0);
	if (!first || m->pagemap < 0)
		return;
	if (m->density >= VERY_DENSE) {
		plan_around(m, key, 4 * AREA_SLOTS);
	} else if (m->density >= DENSE) {
		plan_around(m, key, AREA_SLOTS);
	} else if (is_area_used(m, key)) {
		add_density(m, 1);
		plan_around(m, key, AREA_SLOTS);
	}
}

static uint8_t page_mask(size_t offset, size_t size)
{
	unsigned first = (unsigned)(offset >> 12), last = (unsigned)((offset + size - 1) >> 12);

	return (uint8_t)((2u << last) - (1u << first));
}

/* Copy size bytes that lie in one slot. */
static int read_in_slot(struct tc_mem_pid *m, tc_addr from, void *to, size_t size)
{
	size_t offset = from & (TC_SLOT_SIZE - 1);
	uint8_t mask = page_mask(offset, size);
	struct tc_slot *slot = tc_cache_find(m, from >> TC_SLOT_BITS);

	if (!slot || (slot->valid & mask) != mask) {
		if (m->mem.lost || (slot && (slot->bad & mask)))
			return -TC_EFAULT;
		plan_pages(m, from >> TC_SLOT_BITS, mask, true);
		tc_mem_pid_load(m);
		slot = tc_cache_find(m, from >> TC_SLOT_BITS);
		if (!slot || (slot->valid & mask) != mask)
			return -TC_EFAULT;
	}
	slot->used = true;
	slot->guessed = false;
	const uint8_t *data = m->data + (size_t)(slot - m->slots) * TC_SLOT_SIZE;
	memcpy(to, data + offset, size);
	tc_window_put(&m->mem, from, data + (offset & ~(size_t)4095));
	return 0;
}

static int mem_read(struct tc_mem *mem, tc_addr from, void *to, size_t size)
{
	struct tc_mem_pid *m = (struct tc_mem_pid *)mem;
	uint8_t *out = to;

	m->watch->beats++;
	/* Key 0 means a free slot. Nothing is mapped that low, nor, unless a program asks for it,
	 * that high. */
	if (from < TC_SLOT_SIZE || (from + size) >> ADDRESS_BITS)
		return -TC_EFAULT;
	while (size) {
		size_t room = TC_SLOT_SIZE - (from & (TC_SLOT_SIZE - 1));
		size_t part = size < room ? size : room;
		if (read_in_slot(m, from, out, part) < 0)
			return -TC_EFAULT;
		from += part;
		out += part;
		size -= part;
	}
	return 0;
}

/* Prefetch cached bytes into the processor's cache: a walk of many tasks is limited by memory
 * latency. */
static void prefetch(const uint8_t *data)
{
	for (unsigned at = 0; at < 256; at += 64)
		__builtin_prefetch(data + at);
}

static void mem_hint(struct tc_mem *mem, const tc_addr *addrs, size_t n)
{
	struct tc_mem_pid *m = (struct tc_mem_pid *)mem;

	if (m->mem.lost || m->pagemap < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		size_t offset = addrs[i] & (TC_SLOT_SIZE - 1);
		size_t size = TC_SLOT_SIZE - offset < 256 ? TC_SLOT_SIZE - offset : 256;
		uint8_t mask = page_mask(offset, size);
		if (addrs[i] < TC_SLOT_SIZE || addrs[i] >> ADDRESS_BITS)
			continue;
		const struct tc_slot *slot = tc_cache_find(m, addrs[i] >> TC_SLOT_BITS);
		if (slot && (slot->valid & mask) == mask)
			prefetch(m->data + (size_t)(slot - m->slots) * TC_SLOT_SIZE + offset);
		else if (!slot || (mask & (uint8_t) ~(slot->valid | slot->bad)))
			plan_pages(m, addrs[i] >> TC_SLOT_BITS, mask, false);
	}
	tc_mem_pid_load(m);
}

static void mem_forget(struct tc_mem *mem, tc_addr from, size_t size)
{
	struct tc_mem_pid *m = (struct tc_mem_pid *)mem;

	while (size && from >= TC_SLOT_SIZE && !m->image) {
		size_t offset = from & (TC_SLOT_SIZE - 1);
		size_t part = TC_SLOT_SIZE - offset < size ? TC_SLOT_SIZE - offset : size;
		struct tc_slot *slot = tc_cache_find(m, from >> TC_SLOT_BITS);
		if (slot) {
			tc_cache_clear_windows(m, slot->key);
			slot->valid &= (uint8_t)~page_mask(offset, part);
			slot->bad &= (uint8_t)~page_mask(offset, part);
		}
		from += part;
		size -= part;
	}
}

static const struct tc_mem_ops ops = { .read = mem_read,
				       .hint = mem_hint,
				       .forget = mem_forget,
				       .moved = tc_mem_pid_moved,
				       .renew = tc_mem_pid_renew,
				       .same = tc_mem_pid_same };

int tc_mem_pid_init(struct tc_mem_pid *m, int dir, int fd, int pagemap, pid_t pid, uint64_t budget,
		    const struct tc_arena *arena, size_t arena_size, struct tc_watch *watch)
{
	uint64_t n = budget / TC_SLOT_SIZE, entries = 256;

	if (n < 2 * TC_PLAN_MAX)
		n = 2 * TC_PLAN_MAX;
	while (entries < 2 * n)
		entries *= 2;
	*m = (struct tc_mem_pid){ .mem = { .ops = &ops, .live = true },
				  .dir = dir,
				  .fd = fd,
				  .pagemap = pagemap,
				  .pid = pid,
				  .watch = watch,
				  .arena = arena,
				  .arena_size = arena_size,
				  .budget = budget,
				  .max_slots = (uint32_t)n,
				  .table_mask = entries - 1 };
	m->table_shift = 64 - (unsigned)__builtin_ctzll(entries);
	m->slots = tc_cache_reserve(n * sizeof(*m->slots));
	m->table = tc_cache_reserve(entries * sizeof(*m->table));
	m->free_slots = tc_cache_reserve(n * sizeof(*m->free_slots));
	m->data = tc_cache_reserve(n * TC_SLOT_SIZE);
	if (!m->slots || !m->table || !m->free_slots || !m->data) {
		tc_mem_pid_deinit(m);
		return -TC_ENOSPACE;
	}
	m->last = m->slots;
	madvise(m->data, n * TC_SLOT_SIZE, MADV_HUGEPAGE);
	return 0;
}

void tc_mem_pid_deinit(struct tc_mem_pid *m)
{
	if (m->slots)
		munmap(m->slots, m->max_slots * sizeof(*m->slots));
	if (m->table)
		munmap(m->table, (m->table_mask + 1) * sizeof(*m->table));
	if (m->free_slots)
		munmap(m->free_slots, m->max_slots * sizeof(*m->free_slots));
	if (m->data)
		munmap(m->data, (size_t)m->max_slots * TC_SLOT_SIZE);
	for (unsigned i = 0; i < m->n_files; i++)
		if (m->files[i].fd >= 0)
			close(m->files[i].fd);
	for (unsigned i = 0; i < m->runs.n; i++)
		close(m->runs.fds[i]);
	m->runs.n = 0;
	m->slots = NULL;
	m->table = NULL;
	m->free_slots = NULL;
	m->data = NULL;
	m->n_files = 0;
}
