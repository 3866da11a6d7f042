/* SPDX-License-Identifier: Apache-2.0
 * Reads the head and the status of a dump file, and steps over everything else. Unlike the
 * analyzer, which checks every byte of a mapped file, this reads a few kilobytes of many files,
 * some of which are still being written: it looks for one's own dump, and believes no more than it
 * needs. Chunks and fields are read by lib/format, as the analyzer reads them. */
#include "dumper/ask/dump_head.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/dump_name.h"
#include "lib/format/chunk.h"
#include "lib/format/cursor.h"
#include "lib/format/fatal_signal.h"
#include "lib/format/format.h"
#include "lib/sys/sys.h"
#include "lib/base/plain.h"

#define NOTICES_MAX 1000 /* many more than a dump has */
#define NOTES_MAX 100000 /* notes stepped over in one file */
#define HEAD_BYTES 16384 /* that are read of a chunk: its first record is enough */

/* Make text of the next field, fit for a terminal. path: only what is behind its last slash. */
static void take_text(struct tc_cursor *cur, char *to, size_t room, bool path)
{
	size_t size, n = 0;
	const uint8_t *at = tc_cur_b(cur, &size), *end = at + size;

	for (const uint8_t *p = at; path && p < end; p++)
		if (*p == '/')
			at = p + 1;
	for (; at < end && n + 1 < room; at++)
		to[n++] = *at ? (char)*at : '?';
	to[n] = 0;
	tc_plain(to);
}

static void skip_numbers(struct tc_cursor *cur, unsigned n)
{
	while (n-- > 0)
		tc_cur_u(cur);
}

static void skip_texts(struct tc_cursor *cur, unsigned n)
{
	size_t size;

	while (n-- > 0)
		tc_cur_b(cur, &size);
}

/* *ret gets the payload of the first record of a chunk. False: the record is of another kind, or it
 * does not fit. */
static bool first_record(const uint8_t *chunk, size_t size, enum tc_rec kind,
			 struct tc_cursor *ret)
{
	struct tc_chunk head;

	if (!tc_chunk_head(chunk, size, &head) || head.version != TC_FORMAT_VERSION)
		return false;
	*ret = (struct tc_cursor){ .at = chunk + head.header_size, .end = chunk + size };
	if (tc_cur_u(ret) != (uint64_t)kind)
		return false;
	ret->at = tc_cur_b(ret, &size);
	ret->end = ret->at + size;
	return !ret->bad;
}

/* Fields in the order of format.md section 8. */
static bool take_head(struct tc_dump_head *head, const uint8_t *chunk, size_t size)
{
	struct tc_cursor cur;

	if (!first_record(chunk, size, TC_REC_HEAD, &cur))
		return false;
	head->pid = tc_cur_u32(&cur);
	head->pid_ns = tc_cur_u32(&cur);
	skip_numbers(&cur, 3); /* parent, uid, gid */
	take_text(&cur, head->reason, sizeof(head->reason), false);
	head->crash = tc_fatal_signal_name(tc_cur_u32(&cur));
	skip_numbers(&cur, 2); /* sender's pid and uid */
	head->wall_ns = tc_cur_u(&cur);
	skip_numbers(&cur, 3); /* clocks */
	take_text(&cur, head->program, sizeof(head->program), true);
	skip_texts(&cur, 4);   /* arguments, host, kernel, writer */
	skip_numbers(&cur, 3); /* flags, state, page size */
	skip_texts(&cur, 1);   /* cgroup */
	head->cookie = tc_cur_u(&cur);
	return !cur.bad;
}

/* The task and the place of a crash, the last fields. */
static void take_place(struct tc_dump_head *head, struct tc_cursor *cur)
{
	char function[64], file[64];

	take_text(cur, head->task, sizeof(head->task), false);
	take_text(cur, function, sizeof(function), false);
	take_text(cur, file, sizeof(file), true);
	uint32_t line = tc_cur_u32(cur);
	if (!cur->bad && file[0])
		snprintf(head->place, sizeof(head->place), "%s %s:%u", function, file, line);
	else
		head->task[0] = 0;
}

static void take_status(struct tc_dump_head *head, const uint8_t *chunk, size_t size)
{
	struct tc_cursor cur;

	if (!first_record(chunk, size, TC_REC_STATUS, &cur))
		return;
	head->tasks = tc_cur_u(&cur);
	skip_numbers(&cur, 1); /* read */
	head->torn = tc_cur_u(&cur);
	head->cut = tc_cur_u(&cur);
	skip_numbers(&cur, 4); /* done, faults, objects recorded and cut */
	head->unknown_python = tc_cur_u(&cur) & TC_STATUS_UNKNOWN_PYTHON;
	head->whole = !cur.bad;
	skip_numbers(&cur, 2); /* how long it stood still, how long the dump took */
	const uint64_t n_notices = tc_cur_u(&cur);
	if (n_notices > NOTICES_MAX)
		return;
	skip_texts(&cur, (unsigned)n_notices);
	skip_numbers(&cur, 5); /* pages swapped, bytes read, read again, stopping, releasing */
	take_place(head, &cur);
}

/* Step over the notes from offset to end. True: the head was among them. */
static bool read_notes(struct tc_dump_head *head, int fd, uint64_t at, uint64_t end)
{
	uint8_t chunk[HEAD_BYTES];
	bool found = false;

	for (int i = 0; i < NOTES_MAX && at + sizeof(Elf64_Nhdr) < end; i++) {
		Elf64_Nhdr note;
		if (tc_sys_pread(fd, &note, sizeof(note), at) != sizeof(note))
			break;
		uint64_t desc = at + sizeof(note) + ((note.n_namesz + 3ull) & ~3ull);
		uint64_t next = desc + ((note.n_descsz + 3ull) & ~3ull);
		if (next > end)
			break;
		if (note.n_type == TC_NOTE_HEAD || note.n_type == TC_NOTE_STATUS) {
			size_t size = note.n_descsz < sizeof(chunk) ? note.n_descsz : sizeof(chunk);
			long n = tc_sys_pread(fd, chunk, size, desc);
			if (n == (long)size && note.n_type == TC_NOTE_HEAD)
				found |= take_head(head, chunk, size);
			else if (n == (long)size)
				take_status(head, chunk, size);
		}
		at = next;
	}
	return found;
}

/* The first and the last program header of a core file of st_size bytes. */
static bool read_headers(int fd, uint64_t st_size, Elf64_Phdr *first, Elf64_Phdr *last)
{
	Elf64_Ehdr head;

	return tc_sys_pread(fd, &head, sizeof(head), 0) == sizeof(head) &&
	       memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_type == ET_CORE &&
	       head.e_phnum >= 2 && head.e_phentsize == sizeof(*first) &&
	       tc_sys_pread(fd, first, sizeof(*first), head.e_phoff) == sizeof(*first) &&
	       tc_sys_pread(fd, last, sizeof(*last),
			    head.e_phoff + (head.e_phnum - 1u) * sizeof(*last)) == sizeof(*last) &&
	       first->p_offset < st_size && first->p_filesz < st_size;
}

bool tc_dump_head_named(const char *name)
{
	size_t length = strlen(name), suffix = strlen(TC_DUMP_SUFFIX);

	return length > suffix && strcmp(name + length - suffix, TC_DUMP_SUFFIX) == 0;
}

bool tc_dump_head_read(int dir, const char *name, int flags, struct tc_dump_head *ret)
{
	Elf64_Phdr first, last;
	struct stat st;
	bool found = false;
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);

	*ret = (struct tc_dump_head){ .pid = 0 };
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    read_headers(fd, (uint64_t)st.st_size, &first, &last)) {
		found = read_notes(ret, fd, first.p_offset, first.p_offset + first.p_filesz);
		if (found && last.p_offset < (uint64_t)st.st_size)
			read_notes(ret, fd, last.p_offset, (uint64_t)st.st_size);
	}
	close(fd);
	return found;
}
