/* SPDX-License-Identifier: Apache-2.0
 * /proc/PID/maps, whole, odd and damaged, and the ELF files in it. */
#include <check.h>
#include <elf.h>
#include <stdlib.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/fake_mem.h"
#include "lib/process/maps.h"

static uint8_t memory[1u << 20];
static struct tc_arena arena;

static struct tc_maps parse(char *text)
{
	struct tc_maps maps;

	memset(memory, 0, sizeof(memory));
	tc_arena_init(&arena, memory, sizeof(memory));
	ck_assert_int_eq(tc_maps_parse(text, strlen(text), &arena, &maps), 0);
	return maps;
}

START_TEST(test_every_field_of_a_line_is_read)
{
	char text[] = "00400000-00452000 r-xp 00001000 fd:0a 173521      /usr/bin/a b (deleted)\n"
		      "7f0000000000-7f0000001000 rw-s 00000000 00:00 0 \n"
		      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]\n";
	struct tc_maps maps = parse(text);

	ck_assert_uint_eq(maps.n_regions, 3);
	const struct tc_region *r = maps.regions;
	ck_assert_uint_eq(r[0].start, 0x400000);
	ck_assert_uint_eq(r[0].end, 0x452000);
	ck_assert_uint_eq(r[0].prot, TC_PROT_READ | TC_PROT_EXEC);
	ck_assert(!r[0].shared);
	ck_assert_uint_eq(r[0].offset, 0x1000);
	ck_assert_uint_eq(r[0].dev, (uint64_t)0xfd << 32 | 0x0a);
	ck_assert_uint_eq(r[0].inode, 173521);
	ck_assert_str_eq(r[0].path, "/usr/bin/a b (deleted)");
	ck_assert_str_eq(r[1].path, "");
	ck_assert(r[1].shared);
	ck_assert_str_eq(r[2].path, "[vsyscall]");
	ck_assert_uint_eq(r[2].end, 0xffffffffff601000);
}
END_TEST

/* Texts of which only the line 1000-2000 is good. */
static const char *const damaged[] = {
	"1000-2000 r--p 0 0:0 0\n",
	"1000-2000 r--p 0 0:0 0",
	"\n\n1000-2000 r--p 0 0:0 0\n\n",
	"1000-2000 r--p 0 0:0 0\n3000\n3000-\n3000-4000\n3000-4000 r\n3000-4000 r--p 0 0\n",
	"1000-2000 r--p 0 0:0 0\n1800-3000 r--p 0 0:0 0\n0-1000 r--p 0 0:0 0\n",
	"5000-4000 r--p 0 0:0 0\n1000-2000 r--p 0 0:0 0\n",
	"zzzz-yyyy r--p 0 0:0 0\n1000-2000 r--p 0 0:0 0\n",
};

START_TEST(test_lines_that_are_damaged_or_out_of_order_are_left_out)
{
	char text[256];

	strcpy(text, damaged[_i]);
	struct tc_maps maps = parse(text);
	ck_assert_uint_eq(maps.n_regions, 1);
	ck_assert_uint_eq(maps.regions[0].start, 0x1000);
	ck_assert_uint_eq(maps.regions[0].end, 0x2000);
}
END_TEST

static const struct {
	tc_addr addr;
	int region; /* -1: none */
} finds[] = {
	{ 0, -1 },     { 0xfff, -1 }, { 0x1000, 0 },  { 0x1fff, 0 },
	{ 0x2000, 1 }, { 0x2fff, 1 }, { 0x3000, -1 }, { 0x8fff, -1 },
	{ 0x9000, 2 }, { 0x9fff, 2 }, { 0xa000, -1 }, { UINT64_MAX, -1 },
};

START_TEST(test_find_gives_the_region_that_holds_the_address)
{
	char text[] = "1000-2000 r--p 0 0:0 0\n2000-3000 rw-p 0 0:0 0\n9000-a000 rw-p 0 0:0 0\n";
	struct tc_maps maps = parse(text);
	const struct tc_region *want =
		finds[_i].region < 0 ? NULL : &maps.regions[finds[_i].region];

	ck_assert_ptr_eq(tc_maps_find(&maps, finds[_i].addr), want);
}
END_TEST

START_TEST(test_an_arena_too_small_is_said)
{
	char text[] = "1000-2000 r--p 0 0:0 0\n";
	struct tc_maps maps;

	tc_arena_init(&arena, memory, 16);
	ck_assert_int_eq(tc_maps_parse(text, strlen(text), &arena, &maps), -TC_ENOSPACE);
}
END_TEST

#define BASE 0x10000u

/* An ELF file of 12 KiB with a build-id note of size bytes at 0x100. */
static void make_elf(uint8_t *image, uint32_t id_size)
{
	Elf64_Ehdr head = { .e_phoff = sizeof(head),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 3 };
	Elf64_Phdr phdrs[3] = {
		{ .p_type = PT_NOTE, .p_vaddr = 0x100, .p_memsz = 16 + id_size },
		{ .p_type = PT_LOAD, .p_vaddr = 0, .p_memsz = 0x1000 },
		{ .p_type = PT_LOAD, .p_vaddr = 0x2000, .p_memsz = 0xf01 },
	};
	Elf64_Nhdr note = { .n_namesz = 4, .n_descsz = id_size, .n_type = NT_GNU_BUILD_ID };

	memcpy(head.e_ident, ELFMAG, SELFMAG);
	head.e_ident[EI_CLASS] = ELFCLASS64;
	memcpy(image, &head, sizeof(head));
	memcpy(image + sizeof(head), phdrs, sizeof(phdrs));
	memcpy(image + 0x100, &note, sizeof(note));
	memcpy(image + 0x10c, "GNU", 4);
	for (uint32_t i = 0; i < id_size; i++)
		image[0x110 + i] = (uint8_t)(i + 1);
}

static size_t modules_of(uint8_t *image, size_t size, struct tc_module **ret)
{
	static char text[256];
	struct fake_mem fake;
	size_t n;

	strcpy(text, "10000-11000 r--p 00000000 08:01 42 /lib/a.so\n"
		     "11000-12000 r-xp 00001000 08:01 42 /lib/a.so\n"
		     "20000-21000 rw-p 00000000 00:00 0 \n");
	struct tc_maps maps = parse(text);
	fake_mem_init(&fake, BASE, image, size);
	ck_assert_int_eq(tc_maps_modules(&maps, &fake.mem, &arena, ret, &n), 0);
	return n;
}

START_TEST(test_a_module_spans_its_segments_and_has_its_build_id)
{
	static uint8_t image[0x3000];
	struct tc_module *module;

	make_elf(image, 20);
	ck_assert_uint_eq(modules_of(image, sizeof(image), &module), 1);
	ck_assert_uint_eq(module->base, BASE);
	ck_assert_uint_eq(module->end, BASE + 0x3000);
	ck_assert_uint_eq(module->inode, 42);
	ck_assert_str_eq(module->path, "/lib/a.so");
	ck_assert_uint_eq(module->build_id_size, 20);
	ck_assert_uint_eq(module->build_id[19], 20);
}
END_TEST

START_TEST(test_a_build_id_longer_than_its_room_is_left_out)
{
	static uint8_t image[0x3000];
	struct tc_module *module;

	make_elf(image, TC_BUILD_ID_MAX + 4);
	ck_assert_uint_eq(modules_of(image, sizeof(image), &module), 1);
	ck_assert_uint_eq(module->build_id_size, 0);
}
END_TEST

START_TEST(test_forged_elf_headers_never_read_or_write_out_of_bounds)
{
	static uint8_t image[0x3000], whole[0x3000];
	uint64_t state = 88172645463325252u;
	struct tc_module *module;

	make_elf(whole, 20);
	for (int round = 0; round < 20000; round++) {
		memcpy(image, whole, sizeof(image));
		for (int i = 0; i < 4; i++) {
			size_t at = fake_random(&state) % 0x130;
			uint64_t word = fake_random(&state) >> (fake_random(&state) % 64);
			memcpy(image + at, &word, 1 + fake_random(&state) % 8);
		}
		size_t n = modules_of(image, 0x200 + fake_random(&state) % 0x2e00, &module);
		ck_assert_uint_le(n, 1);
		if (n)
			ck_assert_uint_le(module->build_id_size, TC_BUILD_ID_MAX);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("maps");
	TCase *c = tcase_create("all");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, test_every_field_of_a_line_is_read);
	tcase_add_loop_test(c, test_lines_that_are_damaged_or_out_of_order_are_left_out, 0,
			    ROWS(damaged));
	tcase_add_loop_test(c, test_find_gives_the_region_that_holds_the_address, 0, ROWS(finds));
	tcase_add_test(c, test_an_arena_too_small_is_said);
	tcase_add_test(c, test_a_module_spans_its_segments_and_has_its_build_id);
	tcase_add_test(c, test_a_build_id_longer_than_its_room_is_left_out);
	tcase_add_test(c, test_forged_elf_headers_never_read_or_write_out_of_bounds);
	suite_add_tcase(s, c);
	return run_suite(s);
}
