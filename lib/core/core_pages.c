/* SPDX-License-Identifier: Apache-2.0
 * Finds the pages that gdb and libdwfl need to find the modules of a core file: glibc's link.h
 * (r_debug, link_map). */
#include "lib/core/core_pages.h"

#include <elf.h>

#include "lib/core/core_stacks.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

#define LINKS_MAX 2048u /* links of the dynamic linker's list */
#define NAME_MAX_BYTES 512u
#define PHDRS_MAX 64u
#define DYNAMIC_MAX 512u /* entries of the dynamic section */
#define VDSO_PAGES_MAX 4u

/* struct r_debug and struct link_map of <link.h>, 64 bits. */
struct debug {
	uint64_t version, map;
};

struct link {
	uint64_t bias, name, dynamic, next, previous;
};

/* Add the pages that hold the size bytes at addr, if they can be read. Some are added twice;
 * tc_core_find_pages removes these. */
static void add(struct tc_core *core, tc_addr addr, uint64_t size)
{
	const uint64_t mask = ~(uint64_t)(TC_ARCH_PAGE - 1);
	char byte;

	for (tc_addr page = addr & mask; page < addr + size && core->n_pages < core->max_pages;
	     page += TC_ARCH_PAGE) {
		if (core->n_pages && core->pages[core->n_pages - 1] == page)
			continue;
		if (tc_get(core->mem, page, &byte) == 0)
			core->pages[core->n_pages++] = page;
	}
}

/* The value of an entry of the auxiliary vector; 0: there is none. */
static uint64_t auxv_get(const struct tc_process *process, uint64_t type)
{
	uint64_t entry[2];

	for (size_t at = 0; at + sizeof(entry) <= process->auxv_size; at += sizeof(entry)) {
		memcpy(entry, process->auxv + at, sizeof(entry));
		if (entry[0] == type)
			return entry[1];
	}
	return 0;
}

/* Add the pages of a name, which may go over the end of a page. */
static void add_name(struct tc_core *core, tc_addr name)
{
	char text[64];

	for (size_t at = 0; at < NAME_MAX_BYTES; at += sizeof(text)) {
		size_t to_end = TC_ARCH_PAGE - (size_t)((name + at) & (TC_ARCH_PAGE - 1));
		size_t n = to_end < sizeof(text) ? to_end : sizeof(text);
		add(core, name + at, 1);
		if (tc_read(core->mem, name + at, text, n) < 0)
			return;
		for (size_t i = 0; i < n; i++)
			if (!text[i])
				return;
		if (n < sizeof(text))
			at -= sizeof(text) - n;
	}
}

static void add_links(struct tc_core *core, tc_addr map)
{
	struct link link;

	for (unsigned i = 0; map && i < LINKS_MAX; i++) {
		if (tc_get(core->mem, map, &link) < 0)
			return;
		add(core, map, sizeof(link));
		if (link.name)
			add_name(core, link.name);
		map = link.next;
	}
}

static void add_debug(struct tc_core *core, tc_addr dynamic, uint64_t size)
{
	Elf64_Dyn entry;
	struct debug debug;

	add(core, dynamic, size);
	for (unsigned i = 0; i < DYNAMIC_MAX && (i + 1) * sizeof(entry) <= size; i++) {
		if (tc_get(core->mem, dynamic + i * sizeof(entry), &entry) < 0 ||
		    entry.d_tag == DT_NULL)
			return;
		if (entry.d_tag != DT_DEBUG || !entry.d_un.d_ptr)
			continue;
		add(core, entry.d_un.d_ptr, 40); /* all of struct r_debug */
		if (tc_get(core->mem, entry.d_un.d_ptr, &debug) == 0)
			add_links(core, debug.map);
		return;
	}
}

static void add_executable(struct tc_core *core, const struct tc_process *process)
{
	tc_addr at = auxv_get(process, AT_PHDR);
	uint64_t n = auxv_get(process, AT_PHNUM);
	uint64_t bias = 0;
	Elf64_Phdr phdr;

	for (uint64_t i = 0; at && i < n && i < PHDRS_MAX; i++) {
		if (tc_get(core->mem, at + i * sizeof(phdr), &phdr) < 0)
			return;
		if (phdr.p_type == PT_PHDR)
			bias = at - phdr.p_vaddr;
		else if (phdr.p_type == PT_DYNAMIC &&
			 phdr.p_memsz < DYNAMIC_MAX * sizeof(Elf64_Dyn))
			add_debug(core, bias + phdr.p_vaddr, phdr.p_memsz);
	}
}

/* Shell sort, ascending: it needs no memory and no recursion, and is fast enough for a few thousand
 * addresses. */
static void sort(tc_addr *a, size_t n)
{
	size_t gap = 1;

	while (gap < n / 3)
		gap = gap * 3 + 1;
	for (; gap; gap /= 3)
		for (size_t i = gap; i < n; i++) {
			tc_addr value = a[i];
			size_t j = i;
			for (; j >= gap && a[j - gap] > value; j -= gap)
				a[j] = a[j - gap];
			a[j] = value;
		}
}

void tc_core_find_pages(struct tc_core *core, const struct tc_process *process)
{
	size_t n = 0;

	core->n_pages = 0;
	for (size_t i = 0; i < core->mem->n_modules; i++) {
		const struct tc_module *m = &core->mem->modules[i];
		uint64_t size = m->end - m->base;
		bool vdso = m->path[0] == '[' && size <= VDSO_PAGES_MAX * TC_ARCH_PAGE;
		add(core, m->base, vdso ? size : 1);
	}
	add_executable(core, process);
	tc_core_add_stacks(core);
	sort(core->pages, core->n_pages);
	for (size_t i = 0; i < core->n_pages; i++)
		if (n == 0 || core->pages[i] != core->pages[n - 1])
			core->pages[n++] = core->pages[i];
	core->n_pages = n;
}

void tc_core_find_secret(struct tc_core *core, const struct tc_maps *maps,
			 const struct tc_process *process)
{
	tc_addr at = auxv_get(process, AT_RANDOM);
	const struct tc_region *stack = at ? tc_maps_find(maps, at) : NULL;

	if (stack)
		core->secret = (struct tc_range){ at, stack->end };
}
