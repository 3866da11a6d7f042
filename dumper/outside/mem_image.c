/* SPDX-License-Identifier: Apache-2.0
 * Copies all memory that a stopped process may write to. At 1.9 to 4.5 GB/s that is faster than a
 * long walk. */
#define _GNU_SOURCE
#include <unistd.h>

#include "dumper/outside/mem_pid.h"

#define PRESENT (1ull << 63) /* as in mem_load.c */
#define PAGE 4096u
#define CHUNK 8192u /* entries of the pagemap in one read: 32 MiB of addresses */
/* Bytes of address space; with more, reading the pagemap alone takes too long. */
#define MAPPED_MAX (32ull << 30)
#define RESERVE (16ull << 20) /* bytes of the budget that are kept for what the walk still reads */

/* Call on_slot for each slot of the region that has a present page. False: it has returned false,
 * or the pagemap cannot be read. */
static bool each_present(struct tc_mem_pid *m, const struct tc_region *region,
			 bool (*on_slot)(struct tc_mem_pid *m, uint64_t key, uint64_t *n),
			 uint64_t *n)
{
	static uint64_t entries[CHUNK];
	uint64_t last = 0;

	for (uint64_t page = region->start / PAGE; page < region->end / PAGE;) {
		uint64_t left = region->end / PAGE - page;
		ssize_t size = pread(m->pagemap, entries, (left < CHUNK ? left : CHUNK) * 8,
				     (off_t)(page * 8));
		if (size < 8)
			return false;
		m->watch->beats++;
		for (uint64_t i = 0; i < (uint64_t)size / 8; i++) {
			uint64_t key = (page + i) / TC_SLOT_PAGES;
			if (!(entries[i] & PRESENT) || key == last)
				continue;
			last = key;
			if (!on_slot(m, key, n))
				return false;
		}
		page += (uint64_t)size / 8;
	}
	return true;
}

static bool count_slot(struct tc_mem_pid *m, uint64_t key, uint64_t *n)
{
	(void)key;
	return ++*n <= tc_mem_pid_room(m);
}

static bool want_slot(struct tc_mem_pid *m, uint64_t key, uint64_t *n)
{
	(void)n;
	tc_mem_pid_want(m, key);
	return !m->mem.lost;
}

bool tc_mem_pid_image(struct tc_mem_pid *m)
{
	uint64_t mapped = 0, n = RESERVE / TC_SLOT_SIZE;

	for (size_t i = 0; i < m->maps->n_regions; i++)
		if (m->maps->regions[i].prot & TC_PROT_WRITE)
			mapped += m->maps->regions[i].end - m->maps->regions[i].start;
	if (m->pagemap < 0 || mapped > MAPPED_MAX)
		return false;
	for (size_t i = 0; i < m->maps->n_regions; i++)
		if (m->maps->regions[i].prot & TC_PROT_WRITE &&
		    !each_present(m, &m->maps->regions[i], count_slot, &n))
			return false;
	for (size_t i = 0; i < m->maps->n_regions; i++)
		if (m->maps->regions[i].prot & TC_PROT_WRITE &&
		    !each_present(m, &m->maps->regions[i], want_slot, &n))
			return false;
	tc_mem_pid_load(m);
	m->image_broken = false;
	return m->image = !m->mem.lost;
}
