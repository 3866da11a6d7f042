/* SPDX-License-Identifier: Apache-2.0
 * Parses /proc/PID/maps and finds the ELF files and their build-ids in the target's memory. */
#include "lib/process/maps.h"

#include <elf.h>

#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

#define PHDRS_MAX 32	  /* program headers looked at in one module */
#define NOTES_MAX 1024	  /* bytes looked at in one note segment */
#define MODULES_MAX 16384 /* modules of one process */

struct cursor {
	char *at, *end;
};

/* Read digits up to the first character that is none. */
static uint64_t number(struct cursor *cur, unsigned base)
{
	uint64_t value = 0;

	for (; cur->at < cur->end; cur->at++) {
		char c = *cur->at;
		unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') :
				 c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 :
							99;
		if (digit >= base)
			break;
		value = value * base + digit;
	}
	return value;
}

static bool skip(struct cursor *cur, char c)
{
	if (cur->at == cur->end || *cur->at != c)
		return false;
	cur->at++;
	return true;
}

/* One line: "start-end rwxp offset major:minor inode   path". */
static bool parse_line(struct cursor *cur, struct tc_region *ret)
{
	struct tc_region r = { .start = number(cur, 16) };

	if (!skip(cur, '-'))
		return false;
	r.end = number(cur, 16);
	if (!skip(cur, ' ') || cur->end - cur->at < 5)
		return false;
	r.prot = (uint8_t)((cur->at[0] == 'r' ? TC_PROT_READ : 0) |
			   (cur->at[1] == 'w' ? TC_PROT_WRITE : 0) |
			   (cur->at[2] == 'x' ? TC_PROT_EXEC : 0));
	r.shared = cur->at[3] == 's';
	cur->at += 4;
	if (!skip(cur, ' '))
		return false;
	r.offset = number(cur, 16);
	if (!skip(cur, ' '))
		return false;
	r.dev = number(cur, 16) << 32;
	if (!skip(cur, ':'))
		return false;
	r.dev |= number(cur, 16);
	if (!skip(cur, ' '))
		return false;
	r.inode = number(cur, 10);
	while (skip(cur, ' '))
		;
	r.path = cur->at;
	*ret = r;
	return r.start < r.end;
}

static size_t count_lines(const char *text, size_t size)
{
	size_t n = 1;

	for (size_t i = 0; i < size; i++)
		n += text[i] == '\n';
	return n;
}

int tc_maps_parse(char *text, size_t size, struct tc_arena *arena, struct tc_maps *ret)
{
	struct tc_region *regions =
		tc_arena_take(arena, count_lines(text, size) * sizeof(*regions));
	size_t n = 0;
	char *line = text;

	if (!regions)
		return -TC_ENOSPACE;
	while (line < text + size) {
		char *end = line;
		while (end < text + size && *end != '\n')
			end++;
		*end = 0;
		struct cursor cur = { line, end };
		if (parse_line(&cur, &regions[n]) &&
		    (n == 0 || regions[n].start >= regions[n - 1].end))
			n++;
		line = end + 1;
	}
	*ret = (struct tc_maps){ regions, n };
	return 0;
}

const struct tc_region *tc_maps_find(const struct tc_maps *maps, tc_addr addr)
{
	size_t low = 0, high = maps->n_regions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (maps->regions[mid].end <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == maps->n_regions || maps->regions[low].start > addr)
		return NULL;
	return &maps->regions[low];
}

/* Look for a build-id in the note segment of size bytes at addr, and keep the first that is
 * found. */
static void find_build_id(struct tc_mem *mem, tc_addr addr, size_t size, struct tc_module *module)
{
	uint8_t notes[NOTES_MAX];
	size_t at = 0;

	if (size > sizeof(notes))
		size = sizeof(notes);
	if (module->build_id_size || tc_read(mem, addr, notes, size) < 0)
		return;
	while (at + sizeof(Elf64_Nhdr) <= size) {
		Elf64_Nhdr note;
		memcpy(&note, notes + at, sizeof(note));
		at += sizeof(note);
		if (note.n_namesz > size || note.n_descsz > size)
			return;
		size_t desc = at + ((note.n_namesz + 3u) & ~3u);
		size_t next = desc + ((note.n_descsz + 3u) & ~3u);
		if (next > size)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    !memcmp(notes + at, "GNU", 4) && note.n_descsz <= TC_BUILD_ID_MAX) {
			memcpy(module->build_id, notes + desc, note.n_descsz);
			module->build_id_size = note.n_descsz;
			return;
		}
		at = next;
	}
}

/* Read the ELF header at the module's base, and set the module's build-id, and its end to that of
 * the last segment. False: there is no ELF file. */
static bool read_elf(struct tc_mem *mem, struct tc_module *module)
{
	Elf64_Ehdr head;
	Elf64_Phdr phdrs[PHDRS_MAX];
	uint64_t low = UINT64_MAX, high = 0;

	if (tc_get(mem, module->base, &head) < 0 || memcmp(head.e_ident, ELFMAG, SELFMAG) ||
	    head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(*phdrs))
		return false;
	size_t n = head.e_phnum < PHDRS_MAX ? head.e_phnum : PHDRS_MAX;
	if (n == 0 || tc_read(mem, module->base + head.e_phoff, phdrs, n * sizeof(*phdrs)) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (phdrs[i].p_type != PT_LOAD)
			continue;
		if (low == UINT64_MAX)
			low = phdrs[i].p_vaddr & -(uint64_t)TC_ARCH_PAGE;
		if (phdrs[i].p_vaddr + phdrs[i].p_memsz > high)
			high = phdrs[i].p_vaddr + phdrs[i].p_memsz;
	}
	if (low > high || high - low > (uint64_t)1 << 40)
		return false;
	uint64_t end = module->base + ((high - low + TC_ARCH_PAGE - 1) & -(uint64_t)TC_ARCH_PAGE);
	if (end > module->end)
		module->end = end;
	for (size_t i = 0; i < n; i++)
		if (phdrs[i].p_type == PT_NOTE)
			find_build_id(mem, module->base + phdrs[i].p_vaddr - low, phdrs[i].p_memsz,
				      module);
	return true;
}

/* Whether an ELF file may begin at this region. */
static bool may_begin(const struct tc_region *r)
{
	if (r->offset != 0 || !(r->prot & TC_PROT_READ))
		return false;
	return (r->inode && r->path[0] == '/') ||
	       (r->path[0] == '[' && r->path[1] == 'v' && r->path[2] == 'd' && r->path[3] == 's');
}

/* Let the reader fetch the first pages of all modules together, 64 at a time. */
static void hint_bases(const struct tc_maps *maps, struct tc_mem *mem)
{
	tc_addr addrs[64];
	size_t n = 0;

	for (size_t i = 0; i < maps->n_regions; i++) {
		if (may_begin(&maps->regions[i]))
			addrs[n++] = maps->regions[i].start;
		if (n == 64 || (n && i + 1 == maps->n_regions)) {
			tc_hint(mem, addrs, n);
			n = 0;
		}
	}
}

int tc_maps_modules(const struct tc_maps *maps, struct tc_mem *mem, struct tc_arena *arena,
		    struct tc_module **ret, size_t *ret_n)
{
	size_t n_max = 0, n = 0;

	for (size_t i = 0; i < maps->n_regions && n_max < MODULES_MAX; i++)
		n_max += may_begin(&maps->regions[i]);
	struct tc_module *modules = tc_arena_take(arena, (n_max + 1) * sizeof(*modules));
	if (!modules)
		return -TC_ENOSPACE;
	hint_bases(maps, mem);
	for (size_t i = 0; i < maps->n_regions && n < n_max; i++) {
		const struct tc_region *r = &maps->regions[i];
		if (!may_begin(r) ||
		    (n && r->start < modules[n - 1].end && r->inode == modules[n - 1].inode))
			continue;
		struct tc_module *m = &modules[n];
		*m = (struct tc_module){ .base = r->start,
					 .end = r->end,
					 .dev = r->dev,
					 .inode = r->inode,
					 .path = r->path };
		if (read_elf(mem, m))
			n++;
	}
	*ret = modules;
	*ret_n = n;
	return 0;
}
