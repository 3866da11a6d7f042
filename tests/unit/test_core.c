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
#include "lib/process/stacks.h"
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

/* Offset in the file of the descriptor of the n-th head note of a type; *ret_size gets its size. */
static uint64_t head_note(int fd, uint32_t type, unsigned n, uint32_t *ret_size)
{
	Elf64_Phdr notes = phdr_at(fd, 0);
	uint64_t at = notes.p_offset;

	while (at < notes.p_offset + notes.p_filesz) {
		Elf64_Nhdr note;
		read_at(fd, at, &note, sizeof(note));
		at += sizeof(note) + ((note.n_namesz + 3u) & ~3u);
		*ret_size = note.n_descsz;
		if (note.n_type == type && n-- == 0)
			return at;
		at += (note.n_descsz + 3u) & ~3u;
	}
	ck_abort_msg("no such note");
}

static uint64_t word_at(int fd, uint64_t offset)
{
	uint64_t word;

	read_at(fd, offset, &word, sizeof(word));
	return word;
}

START_TEST(test_all_registers_are_written_where_they_are_known)
{
	uint64_t regs[27];
	uint32_t size;
	set_up(2);
	int fd = new_file();

	for (unsigned i = 0; i < 27; i++)
		regs[i] = 0x1000 + i;
	threads[1].regs = regs;
	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, NULL, &process, &arena), 0);
	uint64_t one = head_note(fd, NT_PRSTATUS, 0, &size);
	uint64_t two = head_note(fd, NT_PRSTATUS, 1, &size);
	ck_assert_uint_eq(word_at(fd, one + 112 + 4 * 8), 0);
	for (unsigned i = 0; i < 27; i++)
		ck_assert_uint_eq(word_at(fd, two + 112 + i * 8), 0x1000 + i);
	close(fd);
}
END_TEST

START_TEST(test_a_crash_has_its_signal)
{
	uint8_t siginfo[TC_CORE_SIGINFO] = { 11, [127] = 0x5a };
	struct tc_crash crash = { .tid = 100, .code = 2, .siginfo = siginfo };
	struct tc_process crashed = process;
	uint32_t size;
	uint8_t byte;
	set_up(2);
	int fd = new_file();

	crashed.crash = &crash;
	crashed.signal = 11;
	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, NULL, &crashed, &arena), 0);
	uint64_t one = head_note(fd, NT_PRSTATUS, 0, &size);
	uint64_t two = head_note(fd, NT_PRSTATUS, 1, &size);
	uint64_t info = head_note(fd, NT_SIGINFO, 0, &size);
	ck_assert_uint_eq(size, TC_CORE_SIGINFO);
	ck_assert(one < info && info < two);
	read_at(fd, info + 127, &byte, 1);
	ck_assert_uint_eq(byte, 0x5a);
	ck_assert_uint_eq(word_at(fd, one), 2ull << 32 | 11); /* si_signo, si_code */
	ck_assert_uint_eq((uint16_t)(word_at(fd, one + 8) >> 32), 11); /* pr_cursig */
	ck_assert_uint_eq(word_at(fd, two), 11);
	ck_assert_uint_eq((uint16_t)(word_at(fd, two + 8) >> 32), 11);
	close(fd);
}
END_TEST

/* Three pages of the fake target are a stack. */
#define STACK (BASE + 0xc000)

static struct tc_region regions[] = {
	{ .start = BASE, .end = STACK, .prot = TC_PROT_READ, .path = "" },
	{ .start = STACK, .end = STACK + 0x3000, .prot = TC_PROT_READ | TC_PROT_WRITE, .path = "" },
};
static const struct tc_maps maps = { regions, ROWS(regions) };

static size_t choose(uint64_t bytes)
{
	struct tc_stack_limits limits = tc_stack_limits(bytes);

	return tc_stacks_choose(threads, fake.mem.n_threads, &maps, 0, &limits);
}

/* All segments with memory: ascending, each after the one before, whole in the file. */
static uint64_t check_loads(int fd)
{
	uint64_t last = 0, size = 0;
	unsigned n = count_phdrs(fd);

	for (unsigned i = 1; i + 1 < n; i++) {
		Elf64_Phdr phdr = phdr_at(fd, i);
		ck_assert_uint_eq(phdr.p_type, PT_LOAD);
		ck_assert_uint_ge(phdr.p_vaddr, last);
		ck_assert_uint_eq(phdr.p_filesz, phdr.p_memsz);
		ck_assert_uint_eq(phdr.p_offset % 4096, 0);
		last = phdr.p_vaddr + phdr.p_memsz;
		size += phdr.p_filesz;
	}
	return size;
}

/* The byte that the file has for an address. */
static int byte_at(int fd, tc_addr addr)
{
	for (unsigned i = 1; i + 1 < count_phdrs(fd); i++) {
		Elf64_Phdr phdr = phdr_at(fd, i);
		uint8_t byte;
		if (addr < phdr.p_vaddr || addr >= phdr.p_vaddr + phdr.p_filesz)
			continue;
		read_at(fd, phdr.p_offset + (addr - phdr.p_vaddr), &byte, 1);
		return byte;
	}
	return -1;
}

START_TEST(test_stacks_are_kept_from_the_red_zone_up)
{
	set_up(3);
	int fd = new_file();

	pages[0xd000] = 0x77;
	threads[0].sp = STACK + 0x1040; /* its red zone begins in the page below */
	threads[1].sp = STACK + 0x2100;
	threads[2].sp = 0;
	ck_assert_uint_eq(choose(TC_STACK_BYTES), 0);
	ck_assert_uint_eq(threads[0].stack.start, STACK);
	ck_assert_uint_eq(threads[0].stack.end, STACK + 0x3000);
	ck_assert_uint_eq(threads[0].kept.start, STACK);
	ck_assert_uint_eq(threads[0].kept.end, STACK + 0x3000);
	ck_assert_uint_eq(threads[1].kept.start, STACK + 0x2000);
	ck_assert_uint_eq(threads[2].kept.end, 0);
	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, &maps, &process, &arena), 0);
	ck_assert_uint_eq(check_loads(fd), 6 * 4096); /* three of modules, three of the stack */
	ck_assert_int_eq(byte_at(fd, BASE + 0xd000), 0x77);
	ck_assert_int_eq(byte_at(fd, STACK + 0x2fff), 0x5a);
	close(fd);
}
END_TEST

START_TEST(test_without_stack_bytes_only_the_mapping_is_told)
{
	set_up(1);
	int fd = new_file();

	threads[0].sp = STACK + 0x1040;
	ck_assert_uint_eq(choose(0), 0);
	ck_assert_uint_eq(threads[0].stack.start, STACK);
	ck_assert_uint_eq(threads[0].kept.end, 0);
	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, &maps, &process, &arena), 0);
	ck_assert_uint_eq(check_loads(fd), 3 * 4096);
	close(fd);
}
END_TEST

START_TEST(test_copies_are_written_instead_of_memory)
{
	set_up(2);
	int fd = new_file();

	threads[0].sp = STACK + 0x1200;
	threads[1].sp = STACK + 0x2200;
	choose(TC_STACK_BYTES);
	ck_assert_uint_eq(tc_stacks_copy(threads, 2, &fake.mem, &arena), 0);
	memset(pages, 0x11, sizeof(pages)); /* the process goes on */
	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, &maps, &process, &arena), 0);
	ck_assert_int_eq(byte_at(fd, STACK + 0x1000), 0x5a);
	ck_assert_int_eq(byte_at(fd, STACK + 0x2fff), 0x5a);
	ck_assert_int_eq(byte_at(fd, BASE + 0x3000), 0x11);
	arena.left = 100;
	ck_assert_uint_eq(tc_stacks_copy(threads, 2, &fake.mem, &arena), 2);
	ck_assert_uint_eq(threads[0].kept.end, 0);
	close(fd);
}
END_TEST

START_TEST(test_pages_of_stacks_that_cannot_be_read_are_zeros)
{
	set_up(1);
	int fd = new_file();

	fake.size = 0xd000; /* the first page of the stack is the last that can be read */
	threads[0].sp = STACK + 0x200;
	choose(TC_STACK_BYTES);
	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, &maps, &process, &arena), 0);
	ck_assert_uint_eq(check_loads(fd), 6 * 4096);
	ck_assert_int_eq(byte_at(fd, STACK), 0x5a);
	ck_assert_int_eq(byte_at(fd, STACK + 0x1000), 0);
	close(fd);
}
END_TEST

START_TEST(test_arguments_and_environment_are_not_written)
{
	uint64_t auxv[4] = { AT_RANDOM, STACK + 0x2100, AT_NULL, 0 };
	struct tc_process first = process;
	set_up(1);
	int fd = new_file();

	memcpy(first.auxv, auxv, sizeof(auxv));
	first.auxv_size = sizeof(auxv);
	threads[0].sp = STACK + 0x200;
	choose(TC_STACK_BYTES);
	ck_assert_int_eq(tc_core_begin(&core, fd, &fake.mem, &maps, &first, &arena), 0);
	ck_assert_int_eq(byte_at(fd, STACK + 0x20ff), 0x5a);
	ck_assert_int_eq(byte_at(fd, STACK + 0x2100), 0);
	ck_assert_int_eq(byte_at(fd, STACK + 0x2fff), 0);
	close(fd);
}
END_TEST

/* Stacks of 1 MiB, a guard page below each, as pthread_create makes them. */
#define DEEP 0x100000u
#define DEEP_MAX 80u
static struct tc_region deep[2 * DEEP_MAX];
static const struct tc_maps deep_maps = { deep, 2 * DEEP_MAX };

static tc_addr deep_stack(size_t i)
{
	return 0x7f0000000000 + i * (DEEP + 0x1000) + 0x1000;
}

static void set_up_deep(size_t n)
{
	set_up(n);
	for (size_t i = 0; i < DEEP_MAX; i++) {
		deep[2 * i] = (struct tc_region){ .start = deep_stack(i) - 0x1000,
						  .end = deep_stack(i), .path = "" };
		deep[2 * i + 1] = (struct tc_region){ .start = deep_stack(i),
						      .end = deep_stack(i) + DEEP,
						      .prot = TC_PROT_READ | TC_PROT_WRITE,
						      .path = "" };
	}
	for (size_t i = 0; i < n; i++)
		threads[i].sp = deep_stack(i) + 0x1800;
}

static uint64_t kept(size_t i)
{
	return threads[i].kept.end - threads[i].kept.start;
}

START_TEST(test_each_stack_has_its_limit)
{
	struct tc_stack_limits limits = tc_stack_limits(10000); /* three pages */
	set_up_deep(3);

	ck_assert_uint_eq(tc_stacks_choose(threads, 3, &deep_maps, 101, &limits), 0);
	ck_assert_uint_eq(threads[0].kept.start, deep_stack(0) + 0x1000);
	ck_assert_uint_eq(kept(0), 4 * 4096); /* sp is in the middle of a page */
	ck_assert_uint_eq(kept(1), 25 * 4096);
	ck_assert_uint_eq(threads[2].stack.end, deep_stack(2) + DEEP);
}
END_TEST

START_TEST(test_what_the_limit_for_all_cuts_is_counted_and_said)
{
	struct tc_stack_limits limits = { 0x10000, 0x80000, 0x80000 + 0x11000 * 2 + 0x2000 };
	struct tc_notices notices = { .n = 0 };
	set_up_deep(6);

	threads[4].how = TC_REGS_CONTEXT;
	ck_assert_uint_eq(tc_stacks_choose(threads, 6, &deep_maps, 105, &limits), 3);
	ck_assert_uint_eq(kept(5), 0x81000); /* the one that crashed comes first, */
	ck_assert_uint_eq(kept(4), 0x11000); /* then the one that was interrupted */
	ck_assert_uint_eq(kept(0), 0x11000);
	ck_assert_uint_eq(kept(1), 0x1000);
	ck_assert_uint_eq(kept(2), 0);
	tc_stacks_note(&notices, 0, "TASKCORE_STACK_BYTES");
	ck_assert_uint_eq(notices.n, 0);
	tc_stacks_note(&notices, 3, "TASKCORE_STACK_BYTES");
	ck_assert_str_eq(notices.lines[0], "the stacks of 3 threads are left out, or a part of "
					   "them: TASKCORE_STACK_BYTES");
}
END_TEST

START_TEST(test_a_stack_pointer_below_or_beside_its_stack)
{
	const struct {
		tc_addr sp, start;
	} rows[] = {
		{ deep_stack(1) - 0x800, deep_stack(1) },	  /* in its guard page */
		{ deep_stack(0) - 0x10000, deep_stack(0) },	  /* below the first mapping */
		{ deep_stack(0) - 0x200000, 0 },		  /* far below */
		{ deep_stack(DEEP_MAX) + 0x1000, 0 },		  /* above all */
		{ deep_stack(1), deep_stack(1) },		  /* red zone in the guard */
		{ 8, 0 },
		{ UINT64_MAX, 0 },
	};
	struct tc_stack_limits limits = tc_stack_limits(TC_STACK_BYTES);
	set_up_deep(1);

	for (int i = 0; i < ROWS(rows); i++) {
		threads[0].sp = rows[i].sp;
		ck_assert_uint_eq(tc_stacks_choose(threads, 1, &deep_maps, 0, &limits), 0);
		ck_assert_uint_eq(threads[0].kept.start, rows[i].start);
		ck_assert_uint_eq(kept(0), rows[i].start ? TC_STACK_BYTES : 0);
	}
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
	tcase_add_test(c, test_all_registers_are_written_where_they_are_known);
	tcase_add_test(c, test_a_crash_has_its_signal);
	tcase_add_test(c, test_stacks_are_kept_from_the_red_zone_up);
	tcase_add_test(c, test_without_stack_bytes_only_the_mapping_is_told);
	tcase_add_test(c, test_copies_are_written_instead_of_memory);
	tcase_add_test(c, test_pages_of_stacks_that_cannot_be_read_are_zeros);
	tcase_add_test(c, test_arguments_and_environment_are_not_written);
	tcase_add_test(c, test_each_stack_has_its_limit);
	tcase_add_test(c, test_what_the_limit_for_all_cuts_is_counted_and_said);
	tcase_add_test(c, test_a_stack_pointer_below_or_beside_its_stack);
	suite_add_tcase(s, c);
	return run_suite(s);
}
