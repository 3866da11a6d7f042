/* SPDX-License-Identifier: Apache-2.0
 * Reads the head and the status of a dump file, and steps over everything else. */
#include "dumper/ask/dump_head.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/dump_name.h"
#include "lib/format/format.h"
#include "lib/sys/sys.h"
#include "lib/base/plain.h"

#define NOTES_MAX 100000 /* notes stepped over in one file */
#define HEAD_BYTES 16384 /* that are read of a chunk: its first record is enough */

struct fields {
	const uint8_t *at, *end;
};

static uint64_t get_u(struct fields *f)
{
	uint64_t value = 0;

	for (unsigned shift = 0; f->at < f->end && shift < 64; shift += 7) {
		uint8_t byte = *f->at++;
		value |= (uint64_t)(byte & 127) << shift;
		if (!(byte & 128))
			break;
	}
	return value;
}

static struct fields get_b(struct fields *f)
{
	uint64_t size = get_u(f);
	uint64_t left = (uint64_t)(f->end - f->at);
	struct fields bytes = { f->at, f->at + (size < left ? size : left) };

	f->at = bytes.end;
	return bytes;
}

static void copy_text(char *to, size_t size, struct fields from)
{
	size_t n = 0;

	for (; from.at < from.end && n + 1 < size; from.at++)
		to[n++] = *from.at ? (char)*from.at : '?';
	to[n] = 0;
	tc_plain(to);
}

/* *ret gets the payload of the first record of a chunk. False: the record is of another kind. */
static bool first_record(const uint8_t *chunk, size_t size, enum tc_rec kind, struct fields *ret)
{
	struct fields f = { NULL, chunk + size };
	struct tc_chunk head;

	if (size < sizeof(head))
		return false;
	memcpy(&head, chunk, sizeof(head));
	if (head.version != TC_FORMAT_VERSION || head.header_size > size)
		return false;
	f.at = chunk + head.header_size;
	if (get_u(&f) != (uint64_t)kind)
		return false;
	*ret = get_b(&f);
	return true;
}

/* Fields in the order of format.md section 8. */
static bool take_head(struct tc_dump_head *head, const uint8_t *chunk, size_t size)
{
	struct fields f;

	if (!first_record(chunk, size, TC_REC_HEAD, &f))
		return false;
	head->pid = (uint32_t)get_u(&f);
	head->pid_ns = (uint32_t)get_u(&f);
	for (int i = 0; i < 3; i++) /* parent, uid, gid */
		get_u(&f);
	copy_text(head->reason, sizeof(head->reason), get_b(&f));
	for (int i = 0; i < 3; i++) /* signal, sender's pid and uid */
		get_u(&f);
	head->wall_ns = get_u(&f);
	for (int i = 0; i < 3; i++) /* clocks */
		get_u(&f);
	struct fields exe = get_b(&f);
	for (const uint8_t *p = exe.at; p < exe.end; p++)
		if (*p == '/')
			exe.at = p + 1;
	copy_text(head->program, sizeof(head->program), exe);
	for (int i = 0; i < 4; i++) /* arguments, host, kernel, writer */
		get_b(&f);
	for (int i = 0; i < 3; i++) /* flags, state, page size */
		get_u(&f);
	get_b(&f); /* cgroup */
	head->cookie = get_u(&f);
	return true;
}

static void take_status(struct tc_dump_head *head, const uint8_t *chunk, size_t size)
{
	struct fields f;

	if (!first_record(chunk, size, TC_REC_STATUS, &f))
		return;
	head->tasks = get_u(&f);
	get_u(&f);
	head->torn = get_u(&f);
	head->cut = get_u(&f);
	for (int i = 0; i < 4; i++) /* done, faults, objects recorded and cut */
		get_u(&f);
	head->unknown_python = get_u(&f) & TC_STATUS_UNKNOWN_PYTHON;
	head->whole = true;
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
