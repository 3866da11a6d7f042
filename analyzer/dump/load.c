/* SPDX-License-Identifier: Apache-2.0
 * Reading the container. It is parsed by hand, not with libelf: a cut or damaged file must give its
 * place and whatever is behind it, and libelf gives neither. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif
#include "analyzer/dump/load.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/base/array.h"
#include "lib/format/chunk.h"
#include "lib/format/crc32c.h"
#include "lib/base/err.h"

#define OWNER_ROOM 12 /* the owner's name, padded to a multiple of 4 */

void tc_dump_problem(struct tc_dump *dump, uint64_t at, const char *format, ...)
{
	va_list args;

	dump->n_problems_all++;
	if (dump->n_problems == TC_PROBLEMS_MAX)
		return;
	struct tc_problem *problem = tc_push(dump->problems, dump->n_problems, dump->problems_room);
	problem->at = at;
	va_start(args, format);
	vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
}

static uint32_t word_at(const struct tc_dump *dump, size_t at)
{
	uint32_t word;

	memcpy(&word, dump->map + at, sizeof(word));
	return word;
}

/* True when a note of ours may begin here. */
static bool is_our_note(const struct tc_dump *dump, size_t at, size_t end)
{
	return end - at >= 12 + OWNER_ROOM && word_at(dump, at) == TC_NOTE_OWNER_SIZE &&
	       memcmp(dump->map + at + 12, TC_NOTE_OWNER, TC_NOTE_OWNER_SIZE) == 0;
}

/* The next place from at on where a note of ours begins; end when there is none. */
static size_t next_note(const struct tc_dump *dump, size_t at, size_t end)
{
	for (;;) {
		const uint8_t *found = at < end ? memmem(dump->map + at, end - at, TC_NOTE_OWNER,
							 TC_NOTE_OWNER_SIZE) :
						  NULL;
		if (!found)
			return end;
		size_t owner = (size_t)(found - dump->map);
		if (owner >= at + 12 && is_our_note(dump, owner - 12, end))
			return owner - 12;
		at = owner + 1;
	}
}

static void keep_chunk(struct tc_dump *dump, struct tc_loaded_chunk chunk, size_t at, size_t size)
{
	chunk.size = (uint32_t)(size - chunk.head.header_size);
	chunk.records = dump->map + at + chunk.head.header_size;
	*tc_push(dump->chunks, dump->n_chunks, dump->chunks_room) = chunk;
}

/* The version of a chunk whose checksum is right; 0: it is wrong. Version 1, of before the first
 * release, had the two words the other way round. */
static uint32_t version_of(const uint8_t *chunk, size_t size)
{
	uint32_t words[2];

	memcpy(words, chunk, sizeof(words));
	if (tc_crc32c(chunk + TC_CHUNK_SUMMED, size - TC_CHUNK_SUMMED) == words[0])
		return words[1];
	return words[0] == 1 && tc_crc32c(chunk + 8, size - 8) == words[1] ? 1 : 0;
}

/* Check one chunk and keep it. */
static void take_chunk(struct tc_dump *dump, uint32_t note, size_t at, size_t size)
{
	struct tc_loaded_chunk chunk = { .note = note };
	uint32_t version;

	if (size < TC_CHUNK_BASES || size > TC_CHUNK_MAX) {
		tc_dump_problem(dump, at, "a chunk of %zu bytes: too %s", size,
				size < TC_CHUNK_BASES ? "short" : "long");
		return;
	}
	version = version_of(dump->map + at, size);
	if (version == 0)
		tc_dump_problem(dump, at, "chunk of %zu bytes: wrong checksum, skipped", size);
	else if (version != TC_FORMAT_VERSION)
		dump->other = version;
	else if (!tc_chunk_head(dump->map + at, size, &chunk.head))
		tc_dump_problem(dump, at, "chunk of %zu bytes: its header does not fit, skipped",
				size);
	else
		keep_chunk(dump, chunk, at, size);
}

/* The beginning of a chunk whose end is lost: up to end, or to the next note of ours. */
static void take_cut_chunk(struct tc_dump *dump, uint32_t note, size_t at, size_t end)
{
	struct tc_loaded_chunk chunk = { .note = note, .cut = true };
	size_t size = next_note(dump, at, end) - at;

	if (note < TC_NOTE_HEAD || note > TC_NOTE_RECORDS ||
	    !tc_chunk_head(dump->map + at, size, &chunk.head))
		return;
	if (chunk.head.version == TC_FORMAT_VERSION)
		keep_chunk(dump, chunk, at, size < TC_CHUNK_MAX ? size : TC_CHUNK_MAX);
}

/* Read the notes from at to end; only_ours: notes of other owners are damage, and what is behind
 * them is searched. Returns the number of notes of ours; *ret_status is set when the last one is
 * the status. */
static size_t read_notes(struct tc_dump *dump, size_t at, size_t end, bool only_ours,
			 bool *ret_status)
{
	size_t n_ours = 0;

	*ret_status = false;
	while (at < end) {
		if (end - at < 12) {
			tc_dump_problem(dump, at, "%zu bytes that are no note", end - at);
			break;
		}
		uint64_t name_room = ((uint64_t)word_at(dump, at) + 3) & ~3ull;
		uint64_t size = word_at(dump, at + 4);
		uint32_t type = word_at(dump, at + 8);
		uint64_t next = 12 + name_room + ((size + 3) & ~3ull);
		bool ours = is_our_note(dump, at, end);
		bool fits = 12 + name_room + size <= end - at && (!ours || size <= TC_CHUNK_MAX);
		if (!fits || (!ours && only_ours)) {
			tc_dump_problem(
				dump, at,
				fits ? "a note that is not ours, searched for the next one" :
				       "a note that does not fit in the file");
			if (ours)
				take_cut_chunk(dump, type, at + 12 + OWNER_ROOM, end);
			n_ours += ours;
			at = next_note(dump, at + 4, end);
			continue;
		}
		*ret_status = ours && type == TC_NOTE_STATUS;
		n_ours += ours;
		if (ours && type >= TC_NOTE_HEAD && type <= TC_NOTE_STATUS)
			take_chunk(dump, type, at + 12 + OWNER_ROOM, (size_t)size);
		at = next > end - at ? end : at + (size_t)next;
	}
	return n_ours;
}

static bool is_elf_core(const struct tc_dump *dump, Elf64_Ehdr *ret_head)
{
	if (dump->size < sizeof(*ret_head))
		return false;
	memcpy(ret_head, dump->map, sizeof(*ret_head));
	return memcmp(ret_head->e_ident, ELFMAG, SELFMAG) == 0 &&
	       ret_head->e_ident[EI_CLASS] == ELFCLASS64 &&
	       ret_head->e_ident[EI_DATA] == ELFDATA2LSB && ret_head->e_type == ET_CORE;
}

static Elf64_Phdr program_header(const struct tc_dump *dump, const Elf64_Ehdr *head, size_t i)
{
	Elf64_Phdr phdr;

	memcpy(&phdr, dump->map + head->e_phoff + i * sizeof(phdr), sizeof(phdr));
	return phdr;
}

/* The notes before the pages. */
static size_t read_head(struct tc_dump *dump, const Elf64_Phdr *phdr)
{
	bool status;
	uint64_t end = phdr->p_offset + phdr->p_filesz;

	if (phdr->p_type != PT_NOTE || phdr->p_offset > dump->size || end < phdr->p_offset)
		return 0;
	return read_notes(dump, phdr->p_offset, end > dump->size ? dump->size : end, false,
			  &status);
}

/* The notes behind the pages; sets sealed. */
static size_t read_tail(struct tc_dump *dump, const Elf64_Phdr *phdr)
{
	uint64_t size = phdr->p_filesz;
	bool status = false;

	if (phdr->p_offset > dump->size) {
		tc_dump_problem(dump, dump->size, "the file ends before its records begin");
		return 0;
	}
	bool cut = size == 0 || size > dump->size - phdr->p_offset;
	uint64_t end = cut ? dump->size : phdr->p_offset + size;
	size_t n = read_notes(dump, phdr->p_offset, end, true, &status);

	dump->sealed = !cut && status;
	if (cut)
		tc_dump_problem(dump, dump->size,
				"the file is cut: it was never completed, or its end was lost");
	else if (!status)
		tc_dump_problem(dump, end, "the last note is not the status");
	if (end < dump->size)
		tc_dump_problem(dump, end, "%zu bytes behind the end of the records",
				dump->size - (size_t)end);
	return n;
}

/* A dump whose program headers are damaged: its notes can still be found by their owner's name. */
static size_t read_by_name(struct tc_dump *dump)
{
	bool status;
	size_t at = next_note(dump, 0, dump->size);

	if (at == dump->size)
		return 0;
	tc_dump_problem(dump, 0,
			"the program headers are damaged; records were found by their name");
	return read_notes(dump, at, dump->size, true, &status);
}

static bool has_chunk(const struct tc_dump *dump, enum tc_note note)
{
	for (size_t i = 0; i < dump->n_chunks; i++)
		if (dump->chunks[i].note == note)
			return true;
	return false;
}

/* The sequence numbers name chunks that are missing altogether. */
static void check_sequence(struct tc_dump *dump)
{
	uint32_t want = 0;

	for (size_t i = 0; i < dump->n_chunks; i++) {
		uint32_t seq = dump->chunks[i].head.seq;
		uint64_t at = (uint64_t)(dump->chunks[i].records - dump->map);
		if (seq > want && dump->n_problems_all == 0)
			tc_dump_problem(dump, at, "chunk %u is missing before chunk %u", want, seq);
		else if (seq < want)
			tc_dump_problem(dump, at, "chunk %u comes after chunk %u", seq, want - 1);
		want = seq + 1;
	}
}

static int read_container(struct tc_dump *dump)
{
	Elf64_Ehdr head;
	size_t n_notes = 0;

	dump->kind = TC_FILE_FOREIGN;
	if (!is_elf_core(dump, &head))
		return -TC_EDATA;
	dump->kind = TC_FILE_CUT;
	bool headers = head.e_phentsize == sizeof(Elf64_Phdr) && head.e_phnum > 0 &&
		       head.e_phoff < dump->size &&
		       head.e_phnum <= (dump->size - head.e_phoff) / sizeof(Elf64_Phdr);
	if (headers) {
		Elf64_Phdr first = program_header(dump, &head, 0);
		Elf64_Phdr last = program_header(dump, &head, head.e_phnum - 1u);
		n_notes = read_head(dump, &first);
		if (first.p_offset + first.p_filesz <= dump->size && dump->n_problems_all == 0)
			dump->kind = TC_FILE_CORE;
		if (n_notes && head.e_phnum > 1 && last.p_type == PT_NOTE)
			n_notes += read_tail(dump, &last);
		else if (n_notes)
			n_notes += read_by_name(dump);
	}
	if (n_notes == 0)
		n_notes = read_by_name(dump);
	if (dump->other)
		dump->kind = TC_FILE_OTHER;
	else if (n_notes)
		dump->kind = TC_FILE_OURS;
	if (dump->kind == TC_FILE_OURS && !has_chunk(dump, TC_NOTE_HEAD))
		tc_dump_problem(dump, 0, "the head of the dump is lost");
	check_sequence(dump);
	return dump->kind == TC_FILE_OURS ? 0 : dump->other ? -TC_EVERSION : -TC_EDATA;
}

int tc_dump_open_bytes(const char *path, const void *map, size_t size, struct tc_dump *ret)
{
	*ret = (struct tc_dump){
		.kind = TC_FILE_UNREADABLE, .path = path, .map = map, .size = size
	};
	return read_container(ret);
}

static int unreadable(struct tc_dump *dump, const char *why)
{
	dump->kind = TC_FILE_UNREADABLE;
	tc_dump_problem(dump, 0, "%s", why);
	return -TC_EDATA;
}

int tc_dump_open(const char *path, struct tc_dump *ret)
{
	struct stat st;

	*ret = (struct tc_dump){ .path = path };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return unreadable(ret, strerror(errno));
	int r = fstat(fd, &st);
	if (r < 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
		close(fd);
		return unreadable(ret, r < 0		   ? strerror(errno) :
				       S_ISREG(st.st_mode) ? "the file is empty" :
				       S_ISDIR(st.st_mode) ? "it is a directory" :
							     "not a regular file");
	}
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return unreadable(ret, strerror(errno));
	ret->map = map;
	ret->mapped = true;
	ret->size = (size_t)st.st_size;
	return read_container(ret);
}

void tc_dump_close(struct tc_dump *dump)
{
	if (dump->mapped)
		munmap((void *)(uintptr_t)dump->map, dump->size);
	free(dump->chunks);
	free(dump->problems);
	dump->mapped = false;
	dump->chunks = NULL;
	dump->problems = NULL;
	dump->n_chunks = dump->n_problems = 0;
}
