/* SPDX-License-Identifier: Apache-2.0
 * Writes the dump file: the container of docs/format.md section 1, its notes and its pages. */
#include "lib/core/core.h"

#include <elf.h>

#include "lib/sys/arch_x86_64.h"
#include "lib/core/core_notes.h"
#include "lib/core/core_out.h"
#include "lib/core/core_pages.h"
#include "lib/core/core_stacks.h"
#include "lib/core/head_records.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

#define PAGES_MAX 4096u /* besides those of stacks */
#define HINTS 16u	/* pages that a reader may fetch together */

/* The sink of core->rec: the head chunk is kept for tc_core_begin, all others are written as notes
 * of the tail. */
static int take_chunk(struct tc_sink *sink, enum tc_note note, const void *chunk, size_t size)
{
	struct tc_core *core = (struct tc_core *)sink;

	if (note == TC_NOTE_HEAD) {
		core->head_chunk = chunk;
		core->head_size = size;
		return 0;
	}
	if (tc_core_note(core, TC_NOTE_OWNER, note, chunk, size) < 0)
		return -TC_EWRITE;
	return tc_core_flush(core);
}

static Elf64_Phdr phdr_note(uint64_t offset, uint64_t size)
{
	return (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = offset, .p_filesz = size, .p_align = 4
	};
}

static int put_ehdr(struct tc_core *core, size_t n_phdrs)
{
	Elf64_Ehdr head = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = TC_ARCH_MACHINE,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(head),
		.e_ehsize = sizeof(head),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)n_phdrs,
	};
	return tc_core_put(core, &head, sizeof(head));
}

/* How many pages, from pages[i] on, follow each other without a gap in the target. */
static size_t run_length(const struct tc_core *core, size_t i)
{
	size_t n = 1;

	while (i + n < core->n_pages && core->pages[i + n] == core->pages[i] + n * TC_ARCH_PAGE)
		n++;
	return n;
}

static int put_phdrs(struct tc_core *core, uint64_t notes_at, uint64_t notes_size,
		     uint64_t pages_at)
{
	Elf64_Phdr phdr = phdr_note(notes_at, notes_size);
	uint64_t offset = pages_at;

	if (tc_core_put(core, &phdr, sizeof(phdr)) < 0)
		return -TC_EWRITE;
	for (size_t i = 0, n; i < core->n_pages; i += n) {
		n = run_length(core, i);
		phdr = (Elf64_Phdr){ .p_type = PT_LOAD,
				     .p_flags = PF_R,
				     .p_offset = offset,
				     .p_vaddr = core->pages[i],
				     .p_filesz = n * TC_ARCH_PAGE,
				     .p_memsz = n * TC_ARCH_PAGE,
				     .p_align = TC_ARCH_PAGE };
		offset += phdr.p_filesz;
		if (tc_core_put(core, &phdr, sizeof(phdr)) < 0)
			return -TC_EWRITE;
	}
	core->tail_phdr = core->at;
	core->tail_at = offset;
	phdr = phdr_note(offset, 0);
	return tc_core_put(core, &phdr, sizeof(phdr));
}

/* The pages go straight into the buffer, which is a whole number of them. */
static int put_pages(struct tc_core *core)
{
	if (tc_core_flush(core) < 0)
		return -TC_EWRITE;
	for (size_t i = 0; i < core->n_pages; i++) {
		size_t left = core->n_pages - i;
		if (i % HINTS == 0)
			tc_hint(core->mem, core->pages + i, left < HINTS ? left : HINTS);
		tc_core_read_page(core, core->pages[i], core->out + core->n_out);
		core->n_out += TC_ARCH_PAGE;
		core->at += TC_ARCH_PAGE;
		if (core->n_out == TC_CORE_OUT_SIZE && tc_core_flush(core) < 0)
			return -TC_EWRITE;
	}
	return tc_core_flush(core);
}

static int init(struct tc_core *core, int fd, struct tc_mem *mem, struct tc_arena *scratch)
{
	memset(core, 0, sizeof(*core));
	core->fd = fd;
	core->mem = mem;
	core->sink.chunk = take_chunk;
	core->max_pages = PAGES_MAX + tc_core_count_stacks(mem);
	for (size_t i = 0; i < mem->n_threads; i++)
		core->copied |= mem->threads[i].kept_bytes != NULL;
	core->out = tc_arena_take(scratch, TC_CORE_OUT_SIZE);
	core->pages = tc_arena_take(scratch, core->max_pages * sizeof(*core->pages));
	void *buf = tc_arena_take(scratch, TC_RECORDS_BUFFER);
	if (!core->out || !core->pages || !buf)
		return -TC_ENOSPACE;
	tc_records_init(&core->rec, buf, &core->sink, 0);
	return 0;
}

int tc_core_begin(struct tc_core *core, int fd, struct tc_mem *mem, const struct tc_maps *maps,
		  const struct tc_process *process, struct tc_arena *scratch)
{
	size_t n_loads = 0;
	int r = init(core, fd, mem, scratch);

	if (r < 0)
		return r;
	tc_core_find_pages(core, process);
	if (maps)
		tc_core_find_secret(core, maps, process);
	for (size_t i = 0; i < core->n_pages; i += run_length(core, i))
		n_loads++;
	tc_core_head_records(core, maps, process);
	uint64_t notes_at = sizeof(Elf64_Ehdr) + (n_loads + 2) * sizeof(Elf64_Phdr);
	uint64_t notes_size = tc_core_head_notes_size(core, maps, process);
	uint64_t pages_at = (notes_at + notes_size + TC_ARCH_PAGE - 1) & -(uint64_t)TC_ARCH_PAGE;

	if (put_ehdr(core, n_loads + 2) < 0 ||
	    put_phdrs(core, notes_at, notes_size, pages_at) < 0 ||
	    tc_core_put_head_notes(core, maps, process) < 0)
		return -TC_EWRITE;
	if (core->at != notes_at + notes_size)
		return -TC_EINTERNAL;
	if (tc_core_pad(core, pages_at) < 0 || put_pages(core) < 0)
		return -TC_EWRITE;
	return tc_core_more_head_records(core);
}

static uint32_t status_flags(const struct tc_core_status *s)
{
	const struct tc_counts *counts = &s->walk->counts;

	return s->flags | (counts->cut || counts->objects_cut ? TC_STATUS_CUT : 0u) |
	       (counts->disagreed ? TC_STATUS_DISAGREED : 0u);
}

static void put_crash_place(struct tc_records *rec, const struct tc_crash_place *place)
{
	tc_put_b(rec, place->task, strlen(place->task));
	tc_put_b(rec, place->function, strlen(place->function));
	tc_put_b(rec, place->file, strlen(place->file));
	tc_put_u(rec, place->line);
}

static void put_status(struct tc_records *rec, const struct tc_core_status *s)
{
	const struct tc_counts *counts = &s->walk->counts;
	const struct tc_notices *notices = &s->walk->notices;

	tc_record_begin(rec, TC_REC_STATUS);
	tc_put_u(rec, counts->found);
	tc_put_u(rec, counts->read);
	tc_put_u(rec, counts->torn);
	tc_put_u(rec, counts->cut);
	tc_put_u(rec, counts->done);
	tc_put_u(rec, counts->faults);
	tc_put_u(rec, counts->objects);
	tc_put_u(rec, counts->objects_cut);
	tc_put_u(rec, status_flags(s));
	tc_put_u(rec, s->pause_ns);
	tc_put_u(rec, s->duration_ns);
	tc_put_u(rec, notices->n);
	for (unsigned i = 0; i < notices->n; i++)
		tc_put_b(rec, notices->lines[i], strlen(notices->lines[i]));
	tc_put_u(rec, s->pages_swapped);
	tc_put_u(rec, s->bytes_read);
	tc_put_u(rec, counts->retaken);
	tc_put_u(rec, s->stopping_ns);
	tc_put_u(rec, s->releasing_ns);
	if (s->walk->crash.file[0])
		put_crash_place(rec, &s->walk->crash);
	tc_record_end(rec);
}

int tc_core_seal(struct tc_core *core, const struct tc_core_status *status)
{
	if (tc_records_flush(&core->rec, TC_NOTE_RECORDS) < 0)
		return -TC_EWRITE;
	put_status(&core->rec, status);
	if (tc_records_flush(&core->rec, TC_NOTE_STATUS) < 0)
		return -TC_EWRITE;
	uint64_t size = core->at - core->tail_at;
	int r = tc_sys_pwrite(core->fd, &size, sizeof(size),
			      core->tail_phdr + offsetof(Elf64_Phdr, p_filesz));
	if (r < 0)
		core->sys = -r;
	return r < 0 ? -TC_EWRITE : 0;
}
