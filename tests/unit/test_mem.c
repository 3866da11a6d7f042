/* SPDX-License-Identifier: Apache-2.0
 * What stands under the walker: bounded reads, the arena, the hash table. */
#include <check.h>
#include <stdlib.h>

#include "tests/unit/run_suite.h"
#include "lib/base/arena.h"
#include "tests/unit/fake_mem.h"
#include "lib/base/intern.h"
#include "lib/base/notices.h"
#include "lib/base/seen.h"

#define BASE 0x10000u

static const struct {
	tc_addr from;
	size_t size;
	int want;
} reads[] = {
	{ BASE, 1, 0 },
	{ BASE, 64, 0 },
	{ BASE + 60, 4, 0 },
	{ BASE + 64, 0, 0 },
	{ BASE, 65, -TC_EFAULT },
	{ BASE + 61, 4, -TC_EFAULT },
	{ BASE - 1, 1, -TC_EFAULT },
	{ 0, 1, -TC_EFAULT },
	{ 0, 0, -TC_EFAULT },
	{ 4095, 8, -TC_EFAULT }, /* the first page is never mapped, and NULL + offset is a NULL */
	{ UINT64_MAX, 1, -TC_EFAULT },
	{ UINT64_MAX - 2, 8, -TC_EFAULT },
};

START_TEST(test_read_refuses_what_is_not_there_and_counts_it)
{
	uint8_t bytes[64] = { 0 }, to[128];
	struct fake_mem fake;

	fake_mem_init(&fake, BASE, bytes, sizeof(bytes));
	ck_assert_int_eq(tc_read(&fake.mem, reads[_i].from, to, reads[_i].size), reads[_i].want);
	ck_assert_uint_eq(fake.mem.n_faults, reads[_i].want != 0);
}
END_TEST

START_TEST(test_arena_gives_aligned_zeroed_pieces_until_it_is_full)
{
	_Alignas(16) static uint8_t memory[1024];
	struct tc_arena arena;
	size_t taken = 0;
	uint8_t *p, *end = memory;

	tc_arena_init(&arena, memory + 3, sizeof(memory) - 3);
	while ((p = tc_arena_take(&arena, 17)) != NULL) {
		ck_assert_uint_eq((uintptr_t)p % 16, 0);
		ck_assert(p >= end);
		for (int i = 0; i < 17; i++)
			ck_assert_uint_eq(p[i], 0);
		memset(p, 0xff, 17);
		end = p + 17;
		taken++;
	}
	ck_assert(end <= memory + sizeof(memory));
	ck_assert_uint_eq(taken, 31); /* 32 slots of 32 bytes, the first lost to the odd start */
	ck_assert_ptr_null(tc_arena_take(&arena, SIZE_MAX));
	ck_assert_ptr_null(tc_arena_take(&arena, SIZE_MAX - 8));
}
END_TEST

START_TEST(test_hash_keeps_every_key_while_it_grows)
{
	size_t size = 8u << 20;
	void *memory = calloc(1, size);
	struct tc_arena arena;
	struct tc_hash hash;

	tc_arena_init(&arena, memory, size);
	tc_hash_init(&hash, &arena);
	for (uint64_t key = 0; key < 50000; key++) {
		uint64_t *value = tc_hash_at(&hash, key * 16 + 7);
		ck_assert_ptr_nonnull(value);
		ck_assert_uint_eq(*value, 0);
		*value = key + 1;
	}
	for (uint64_t key = 0; key < 50000; key++)
		ck_assert_uint_eq(*tc_hash_at(&hash, key * 16 + 7), key + 1);
	ck_assert_uint_eq(hash.n, 50000);
	free(memory);
}
END_TEST

START_TEST(test_hash_in_a_full_arena_refuses_new_keys)
{
	size_t size = 20000;
	void *memory = calloc(1, size);
	struct tc_arena arena;
	struct tc_hash hash;
	uint64_t n = 0;

	tc_arena_init(&arena, memory, size);
	tc_hash_init(&hash, &arena);
	for (uint64_t *value; n < 100000 && (value = tc_hash_at(&hash, n + 1)) != NULL; n++)
		*value = n + 1;
	ck_assert_uint_gt(n, 100);
	ck_assert_uint_lt(n, 2000);
	ck_assert_uint_le(hash.n, hash.mask);
	free(memory);
}
END_TEST

START_TEST(test_seen_tells_the_first_mark_of_each_address_from_later_ones)
{
	size_t size = 64u << 20;
	void *memory = calloc(1, size);
	struct tc_arena arena;
	struct tc_seen seen;
	uint64_t state = 88172645463325252u;

	tc_arena_init(&arena, memory, size);
	tc_seen_init(&seen, &arena);
	for (uint64_t i = 0; i < 100000; i++)
		ck_assert_int_eq(tc_seen_mark(&seen, 0x7f0000000000 + 48 * i), 1);
	for (uint64_t i = 0; i < 100000; i++) {
		uint64_t n = fake_random(&state) % 300000;
		ck_assert_int_eq(tc_seen_mark(&seen, 0x7f0000000000 + 16 * n) == 0 || n % 3 != 0,
				 1);
	}
	ck_assert_int_eq(tc_seen_mark(&seen, 0), 1);
	ck_assert_int_eq(tc_seen_mark(&seen, 0), 0);
	ck_assert_int_eq(tc_seen_mark(&seen, UINT64_MAX & ~15ul), 1);
	ck_assert_int_eq(tc_seen_mark(&seen, UINT64_MAX & ~15ul), 0);
	free(memory);
}
END_TEST

START_TEST(test_seen_in_a_full_arena_says_so)
{
	size_t size = 100000;
	void *memory = calloc(1, size);
	struct tc_arena arena;
	struct tc_seen seen;
	int r = 1;

	tc_arena_init(&arena, memory, size);
	tc_seen_init(&seen, &arena);
	for (uint64_t i = 0; i < 100000 && r == 1; i++)
		r = tc_seen_mark(&seen, i << 20);
	ck_assert_int_eq(r, -1);
	free(memory);
}
END_TEST

START_TEST(test_notices_are_said_once_and_cut)
{
	struct tc_notices notices = { .n = 0 };
	char line[TC_NOTICE_SIZE + 10];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = 0;
	for (int i = 0; i < 2; i++) {
		tc_notices_add(&notices, "one");
		tc_notices_add(&notices, line);
	}
	ck_assert_uint_eq(notices.n, 2);
	ck_assert_str_eq(notices.lines[0], "one");
	ck_assert_uint_eq(strlen(notices.lines[1]), TC_NOTICE_SIZE - 1);
	while (tc_notices_next(&notices))
		;
	ck_assert_uint_eq(notices.n, TC_NOTICES_MAX);
	tc_notices_add(&notices, "one too many");
	ck_assert_uint_eq(notices.n, TC_NOTICES_MAX);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("mem");
	TCase *c = tcase_create("all");

	tcase_add_loop_test(c, test_read_refuses_what_is_not_there_and_counts_it, 0, ROWS(reads));
	tcase_add_test(c, test_arena_gives_aligned_zeroed_pieces_until_it_is_full);
	tcase_add_test(c, test_hash_keeps_every_key_while_it_grows);
	tcase_add_test(c, test_hash_in_a_full_arena_refuses_new_keys);
	tcase_add_test(c, test_seen_tells_the_first_mark_of_each_address_from_later_ones);
	tcase_add_test(c, test_seen_in_a_full_arena_says_so);
	tcase_add_test(c, test_notices_are_said_once_and_cut);
	suite_add_tcase(s, c);
	return run_suite(s);
}
