/* SPDX-License-Identifier: Apache-2.0
 * taskcore list: reads the head and the status of each dump in a directory, nothing in between. */
#define _GNU_SOURCE
#include "list.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../lib/format.h"
#include "../lib/sys.h"
#include "exit.h"
#include "plain.h"

#define SUFFIX ".tcore"
#define NOTES_MAX 100000 /* notes stepped over in one file */
#define HEAD_BYTES 16384 /* of the head chunk: its first record is enough */

struct row {
	char name[256];
	uint64_t wall_ns, tasks, torn, cut;
	uint32_t pid;
	char program[64], reason[32];
	bool head, whole;
};

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

/* The first record of a chunk when it is of this kind: its payload. */
static bool first_record(const uint8_t *chunk, size_t size, enum tc_rec kind, struct fields *ret)
{
	struct fields f = { chunk + sizeof(struct tc_chunk), chunk + size };

	if (size < sizeof(struct tc_chunk) || get_u(&f) != (uint64_t)kind)
		return false;
	*ret = get_b(&f);
	return true;
}

static void take_head(struct row *row, const uint8_t *chunk, size_t size)
{
	struct fields f;

	if (!first_record(chunk, size, TC_REC_HEAD, &f))
		return;
	row->pid = (uint32_t)get_u(&f);
	for (int i = 0; i < 4; i++) /* pid in its namespace, parent, uid, gid */
		get_u(&f);
	copy_text(row->reason, sizeof(row->reason), get_b(&f));
	for (int i = 0; i < 3; i++) /* signal, sender's pid and uid */
		get_u(&f);
	row->wall_ns = get_u(&f);
	for (int i = 0; i < 3; i++) /* clocks */
		get_u(&f);
	struct fields exe = get_b(&f);
	for (const uint8_t *p = exe.at; p < exe.end; p++)
		if (*p == '/')
			exe.at = p + 1;
	copy_text(row->program, sizeof(row->program), exe);
	row->head = true;
}

static void take_status(struct row *row, const uint8_t *chunk, size_t size)
{
	struct fields f;

	if (!first_record(chunk, size, TC_REC_STATUS, &f))
		return;
	row->tasks = get_u(&f);
	get_u(&f);
	row->torn = get_u(&f);
	row->cut = get_u(&f);
	row->whole = true;
}

/* Step over the notes from offset to end. */
static void read_notes(struct row *row, int fd, uint64_t at, uint64_t end)
{
	uint8_t chunk[HEAD_BYTES];

	for (int i = 0; i < NOTES_MAX && at + sizeof(Elf64_Nhdr) < end; i++) {
		Elf64_Nhdr note;
		if (tc_sys_pread(fd, &note, sizeof(note), at) != sizeof(note))
			return;
		uint64_t desc = at + sizeof(note) + ((note.n_namesz + 3ull) & ~3ull);
		uint64_t next = desc + ((note.n_descsz + 3ull) & ~3ull);
		if (next > end)
			return;
		if (note.n_type == TC_NOTE_HEAD || note.n_type == TC_NOTE_STATUS) {
			size_t size = note.n_descsz < sizeof(chunk) ? note.n_descsz : sizeof(chunk);
			long n = tc_sys_pread(fd, chunk, size, desc);
			if (n == (long)size && note.n_type == TC_NOTE_HEAD)
				take_head(row, chunk, size);
			else if (n == (long)size)
				take_status(row, chunk, size);
		}
		at = next;
	}
}

/* False: no dump of ours. */
static bool read_dump(int dir, struct row *row)
{
	Elf64_Ehdr head;
	Elf64_Phdr first, last;
	struct stat st;
	int fd = openat(dir, row->name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    tc_sys_pread(fd, &head, sizeof(head), 0) == sizeof(head) &&
	    memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_type == ET_CORE &&
	    head.e_phnum >= 2 && head.e_phentsize == sizeof(first) &&
	    tc_sys_pread(fd, &first, sizeof(first), head.e_phoff) == sizeof(first) &&
	    tc_sys_pread(fd, &last, sizeof(last),
			 head.e_phoff + (head.e_phnum - 1u) * sizeof(last)) == sizeof(last) &&
	    first.p_offset < (uint64_t)st.st_size && first.p_filesz < (uint64_t)st.st_size) {
		read_notes(row, fd, first.p_offset, first.p_offset + first.p_filesz);
		if (row->head && last.p_offset < (uint64_t)st.st_size)
			read_notes(row, fd, last.p_offset, (uint64_t)st.st_size);
	}
	close(fd);
	return row->head;
}

static int by_time(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->wall_ns != y->wall_ns)
		return x->wall_ns < y->wall_ns ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void print_row(const struct row *row)
{
	time_t seconds = (time_t)(row->wall_ns / 1000000000u);
	char stamp[32], tasks[64];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%SZ", &tm);
	if (!row->whole)
		snprintf(tasks, sizeof(tasks), "cut");
	else if (row->torn || row->cut)
		snprintf(tasks, sizeof(tasks), "%" PRIu64 " (%" PRIu64 " torn or cut)", row->tasks,
			 row->torn + row->cut);
	else
		snprintf(tasks, sizeof(tasks), "%" PRIu64, row->tasks);
	printf("%s  %7u  %-16s  %-8s  %8s  %s\n", stamp, row->pid, row->program, row->reason, tasks,
	       row->name);
}

int tc_list_print(const char *path)
{
	DIR *dir = opendir(path);
	struct row *rows = NULL;
	size_t n = 0, max = 0;

	if (!dir) {
		fprintf(stderr, "taskcore: %s: %s\n", path, strerror(errno));
		return TC_EXIT_INPUT;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		size_t length = strlen(entry->d_name);
		struct row row = { .pid = 0 };
		if (length < sizeof(SUFFIX) ||
		    strcmp(entry->d_name + length - (sizeof(SUFFIX) - 1), SUFFIX) != 0)
			continue;
		memcpy(row.name, entry->d_name,
		       length < sizeof(row.name) ? length : sizeof(row.name) - 1);
		if (!read_dump(dirfd(dir), &row))
			continue;
		tc_plain(row.name);
		if (n == max) {
			max = max ? 2 * max : 64;
			struct row *more = realloc(rows, max * sizeof(*rows));
			if (!more)
				break;
			rows = more;
		}
		rows[n++] = row;
	}
	closedir(dir);
	if (n)
		qsort(rows, n, sizeof(*rows), by_time);
	if (n)
		printf("%-20s  %7s  %-16s  %-8s  %8s  %s\n", "TIME", "PID", "PROGRAM", "REASON",
		       "TASKS", "FILE");
	else
		printf("no dumps in %s\n", path);
	for (size_t i = 0; i < n; i++)
		print_row(&rows[i]);
	free(rows);
	return TC_EXIT_OK;
}
