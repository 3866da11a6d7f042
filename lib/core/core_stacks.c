/* SPDX-License-Identifier: Apache-2.0
 * The pages of stacks in the dump file. */
#include "lib/core/core_stacks.h"

#include "lib/process/stacks.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

size_t tc_core_count_stacks(const struct tc_mem *mem)
{
	uint64_t size = 0;

	for (size_t i = 0; i < mem->n_threads; i++)
		size += mem->threads[i].kept.end - mem->threads[i].kept.start;
	return (size_t)(size / TC_ARCH_PAGE);
}

void tc_core_add_stacks(struct tc_core *core)
{
	for (size_t i = 0; i < core->mem->n_threads; i++) {
		const struct tc_range *kept = &core->mem->threads[i].kept;
		for (tc_addr page = kept->start;
		     page < kept->end && core->n_pages < core->max_pages; page += TC_ARCH_PAGE)
			core->pages[core->n_pages++] = page;
	}
}

/* The copy of a page of a stack, NULL: there is none. Most are of the same thread as the last. */
static const uint8_t *find_copy(struct tc_core *core, tc_addr addr)
{
	const struct tc_mem *mem = core->mem;

	for (size_t i = 0; i < mem->n_threads; i++) {
		size_t at = (core->last_stack + i) % mem->n_threads;
		const struct tc_os_thread *t = &mem->threads[at];
		if (t->kept_bytes && addr >= t->kept.start && addr < t->kept.end) {
			core->last_stack = at;
			return t->kept_bytes + (addr - t->kept.start);
		}
	}
	return NULL;
}

void tc_core_read_page(struct tc_core *core, tc_addr addr, uint8_t *to)
{
	const struct tc_range *secret = &core->secret;
	const uint8_t *copy = core->copied ? find_copy(core, addr) : NULL;

	if (copy)
		memcpy(to, copy, TC_ARCH_PAGE);
	else
		tc_stacks_read(core->mem, addr, to);
	if (addr + TC_ARCH_PAGE <= secret->start || addr >= secret->end)
		return;
	size_t from = secret->start > addr ? (size_t)(secret->start - addr) : 0;
	memset(to + from, 0, TC_ARCH_PAGE - from);
}
