/* SPDX-License-Identifier: Apache-2.0
 * The container of a dump (docs/format.md sections 1 to 3), as it is written and at each moment
 * before. */
#define _GNU_SOURCE
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/run_suite.h"
#include "lib/core/core.h"
#include "tests/unit/fake_mem.h"

#define BASE 0x10000
#define N_PAGES 16
#define ARENA (16u << 20)

static uint8_t pages[N_PAGES * 4096];
static struct tc_module modules[3];
static struct tc_os_thread *threads;
static struct fake_mem fake;
static struct tc_arena arena;
static struct tc_core core;
static const struct tc_walk_result walk = { .counts = { .found = 3, .read = 2, .torn = 1 } };

static const struct tc_process process = {
	.pid = 4711, .exe = "/usr/bin/prog", .args = "prog\0-x", .args_size = 8, .reason = "attach",
	.host = "here", .release = "6.1", .cgroup = "/", .state = 'S',
};

/* Three modules, the last two side by side, and n threads. */
static void set_up(size_t n_threads)
{
	static const tc_addr bases[] = { BASE + 0x3000, BASE + 0x8000, BASE + 0x9000 };

	memset(pages, 0x5a, sizeof(pages));
	fake_mem_init(&fake, BASE, pages, sizeof(pages));
	for (int i = 0; i < ROWS(bases); i++)
		modules[i] = (struct tc_module){ .base = bases[i], .end = bases[i] + 4096,
						 .path = "/lib/some.so" };
	threads = calloc(n_threads, sizeof(*threads));
	for (size_t i = 0; i < n_threads; i++)
		threads[i] = (struct tc_os_thread){ .tid = (uint32_t)(100 + i), .state = 'S',
						    .how = TC_REGS_SYSCALL, .pc = 0x1234,
						    .sp = 0x7000 + i, .syscall = 7 };
	fake.mem.modules = modules;
	fake.mem.n_modules = ROWS(bases);
	fake.mem.threads = threads;
	fake.mem.n_threads = n_threads;
	tc_arena_init(&arena, calloc(1, ARENA), ARENA);
}

static int new_file(void)
{
	char path[] = "/tmp/test_core.XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	return fd;
}

static void read_at(int fd, uint64_t offset, void *to, size_t size)
{
	ck_assert_int_eq(pread(fd, to, size, (off_t)offset), (ssize_t)size);
}

static Elf64_Phdr phdr_at(int fd, unsigned i)
{
	Elf64_Phdr phdr;

	read_at(fd, sizeof(Elf64_Ehdr) + i * sizeof(phdr), &phdr, sizeof(phdr));
	return phdr;
}

static unsigned count_phdrs(int fd)
{
	Elf64_Ehdr head;

	read_at(fd, 0, &head, sizeof(head));
	ck_assert(!memcmp(head.e_ident, ELFMAG, SELFMAG));
	ck_assert_uint_eq(head.e_type, ET_CORE);
	return head.e_phnum;
}

/* The number of notes of a type from offset to end; they must fill the range exactly. */
static unsigned count_notes(int fd, uint64_t at, uint64_t end, uint32_t type, uint64_t *ret_last)
{
	unsigned n = 0;

	while (at < end) {
		Elf64_Nhdr note;
		read_at(fd, at, &note, sizeof(note));
		n += note.n_type == type;
		*ret_last = note.n_type;
		at += sizeof(note) + ((note.n_namesz + 3u) & ~3u) + ((note.n_descsz + 3u) & ~3u);
	}
	ck_assert_uint_eq(at, end);
	return n;
}

static void add_record(void)
{
	tc_record_begin(&core.rec, TC_REC_FAULT);
	tc_put_u(&core.rec, 1);
	ck_assert_int_eq(tc_record_end(&core.rec), 0);
}

START_TEST(test_pages_ascend_and_hold_what_the_target_holds)
{
	set_up(2);
	int fd = new_file();

	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, NULL, &process, &arena), 0);
	ck_assert_uint_eq(count_phdrs(fd), 4); /* notes, two runs of pages, tail */
	Elf64_Phdr one = phdr_at(fd, 1), two = phdr_at(fd, 2);
	ck_assert_uint_eq(one.p_vaddr, BASE + 0x3000);
	ck_assert_uint_eq(one.p_filesz, 4096);
	ck_assert_uint_eq(two.p_vaddr, BASE + 0x8000);
	ck_assert_uint_eq(two.p_filesz, 8192);
	ck_assert_uint_eq(two.p_memsz, 8192);
	ck_assert_uint_eq(one.p_offset % 4096, 0);
	uint8_t byte;
	read_at(fd, two.p_offset + 8191, &byte, 1);
	ck_assert_uint_eq(byte, 0x5a);
	close(fd);
}
END_TEST

START_TEST(test_the_tail_has_no_size_until_it_is_sealed)
{
	set_up(1);
	int fd = new_file();
	uint64_t last;

	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, NULL, &process, &arena), 0);
	unsigned tail = count_phdrs(fd) - 1;
	ck_assert_uint_eq(phdr_at(fd, tail).p_filesz, 0);
	ck_assert_uint_eq(phdr_at(fd, tail).p_offset, (uint64_t)lseek(fd, 0, SEEK_END));
	add_record();
	struct tc_core_status status = { .walk = &walk };
	ck_assert_int_eq(tc_core_seal(&core, &status), 0);
	Elf64_Phdr phdr = phdr_at(fd, tail);
	uint64_t end = (uint64_t)lseek(fd, 0, SEEK_END);
	ck_assert_uint_eq(phdr.p_offset + phdr.p_filesz, end);
	ck_assert_uint_eq(count_notes(fd, phdr.p_offset, end, TC_NOTE_RECORDS, &last), 1);
	ck_assert_uint_eq(last, TC_NOTE_STATUS);
	close(fd);
}
END_TEST

START_TEST(test_each_thread_has_its_registers)
{
	set_up(3);
	int fd = new_file();
	uint64_t last, reg;
	uint32_t pid;

	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, NULL, &process, &arena), 0);
	Elf64_Phdr notes = phdr_at(fd, 0);
	ck_assert_uint_eq(count_notes(fd, notes.p_offset, notes.p_offset + notes.p_filesz,
				      NT_PRSTATUS, &last), 3);
	ck_assert_uint_eq(last, TC_NOTE_HEAD);
	uint64_t second = notes.p_offset + (12 + 8 + 336) + 12 + 8;
	read_at(fd, second + 32, &pid, 4);
	ck_assert_uint_eq(pid, 101);
	read_at(fd, second + 112 + 16 * 8, &reg, 8);
	ck_assert_uint_eq(reg, 0x1234);
	read_at(fd, second + 112 + 19 * 8, &reg, 8);
	ck_assert_uint_eq(reg, 0x7001);
	close(fd);
}
END_TEST

START_TEST(test_threads_beyond_one_chunk_go_to_the_tail)
{
	set_up(60000);
	int fd = new_file();
	uint64_t last;

	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, NULL, &process, &arena), 0);
	struct tc_core_status status = { .walk = &walk };
	ck_assert_int_eq(tc_core_seal(&core, &status), 0);
	Elf64_Phdr notes = phdr_at(fd, 0), tail = phdr_at(fd, count_phdrs(fd) - 1);
	ck_assert_uint_eq(count_notes(fd, notes.p_offset, notes.p_offset + notes.p_filesz,
				      NT_PRSTATUS, &last), 60000);
	ck_assert_uint_ge(count_notes(fd, tail.p_offset, tail.p_offset + tail.p_filesz,
				      TC_NOTE_RECORDS, &last), 1);
	ck_assert_uint_eq(core.next_thread, 60000);
	close(fd);
}
END_TEST

START_TEST(test_a_page_that_cannot_be_read_is_left_out)
{
	set_up(1);
	int fd = new_file();

	modules[1].base = 0x500000; /* not in the target */
	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, NULL, &process, &arena), 0);
	ck_assert_uint_eq(count_phdrs(fd), 4);
	ck_assert_uint_eq(phdr_at(fd, 2).p_vaddr, BASE + 0x9000);
	close(fd);
}
END_TEST

/* A damaged target: the dynamic linker's list is a ring, names never end. */
START_TEST(test_a_forged_link_map_ends)
{
	set_up(1);
	int fd = new_file();
	static struct tc_process forged;
	Elf64_Phdr phdr[2] = { { .p_type = PT_PHDR, .p_vaddr = BASE },
			       { .p_type = PT_DYNAMIC, .p_vaddr = BASE + 0x1000, .p_memsz = 64 } };
	Elf64_Dyn dynamic[2] = { { .d_tag = DT_DEBUG, .d_un.d_ptr = BASE + 0x2000 } };
	uint64_t debug[2] = { 1, BASE + 0x2800 };
	uint64_t link[5] = { 0, BASE + 0x4000, 0, BASE + 0x2800, 0 };
	uint64_t auxv[6] = { AT_PHDR, BASE, AT_PHNUM, UINT64_MAX, AT_NULL, 0 };

	memcpy(pages, phdr, sizeof(phdr));
	memcpy(pages + 0x1000, dynamic, sizeof(dynamic));
	memcpy(pages + 0x2000, debug, sizeof(debug));
	memcpy(pages + 0x2800, link, sizeof(link));
	forged = process;
	memcpy(forged.auxv, auxv, sizeof(auxv));
	forged.auxv_size = sizeof(auxv);
	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, NULL, &forged, &arena), 0);
	ck_assert_uint_le(core.n_pages, N_PAGES);
	close(fd);
}
END_TEST

START_TEST(test_a_full_disk_is_an_error_with_its_number)
{
	set_up(1);
	int fd = open("/dev/full", O_WRONLY);

	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, NULL, &process, &arena), -TC_EWRITE);
	ck_assert_int_eq(core.sys, ENOSPC);
	close(fd);
}
END_TEST

START_TEST(test_an_arena_too_small_is_said)
{
	set_up(1);
	arena.left = 1u << 20;
	ck_assert_int_eq(tc_core_begin(&core, 1, &fake.mem, NULL, &process, &arena), -TC_ENOSPACE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("core");
	TCase *c = tcase_create("all");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, test_pages_ascend_and_hold_what_the_target_holds);
	tcase_add_test(c, test_the_tail_has_no_size_until_it_is_sealed);
	tcase_add_test(c, test_each_thread_has_its_registers);
	tcase_add_test(c, test_threads_beyond_one_chunk_go_to_the_tail);
	tcase_add_test(c, test_a_page_that_cannot_be_read_is_left_out);
	tcase_add_test(c, test_a_forged_link_map_ends);
	tcase_add_test(c, test_a_full_disk_is_an_error_with_its_number);
	tcase_add_test(c, test_an_arena_too_small_is_said);
	suite_add_tcase(s, c);
	return run_suite(s);
}
