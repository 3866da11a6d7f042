/* SPDX-License-Identifier: Apache-2.0
 * Where with blocks begin, by tables of handlers and stacks of blocks that are right, damaged and
 * forged. */
#include <check.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/fake_python.h"
#include "lib/python/pywith.h"

enum { EXCEPTION_TABLE = 40, N_BLOCKS_AT = 8, BLOCK_BYTES = 12, MAX_BLOCKS = 20 };
enum { SETUP_FINALLY = 122, SETUP_WITH = 143, SETUP_ASYNC_WITH = 154, EXTENDED_ARG = 144 };
enum { EXCEPT_HANDLER = 257, FIRST_NEW = 3 }; /* of minors: 3.11 */

static const unsigned old_minors[] = { 8, 9, 10 };

/* From 3.11 on: the exception table. */

struct entry {
	unsigned start, length, target, depth;
	bool lasti;
};

struct table {
	uint8_t bytes[512];
	size_t size;
};

/* Six bits at a time, the highest first; bit 6: more follow; bit 7: an entry begins. */
static void put_varint(struct table *table, unsigned value, unsigned begin)
{
	for (int shift = 30; shift >= 0; shift -= 6) {
		if (shift && !(value >> shift))
			continue;
		table->bytes[table->size++] =
			(uint8_t)((value >> shift & 63) | (shift ? 64 : 0) | begin);
		begin = 0;
	}
}

static struct table table_of(const struct entry *entries)
{
	struct table table = { .size = 0 };

	for (; entries->length; entries++) {
		put_varint(&table, entries->start, 128);
		put_varint(&table, entries->length, 0);
		put_varint(&table, entries->target, 0);
		put_varint(&table, entries->depth << 1 | entries->lasti, 0);
	}
	return table;
}

static int64_t begin_of(struct fake *f, tc_addr table, int64_t unit, uint32_t depth)
{
	tc_addr code = fake_code(f, (struct fake_code){ 0 });
	struct tc_frame_view frame = { .addr = code, .code = code, .lasti = 2 * unit };

	fake_put(f, code + EXCEPTION_TABLE, table);
	return tc_with_begin(&f->py, &frame, depth);
}

static int64_t begin_by(struct fake *f, const struct table *table, int64_t unit, uint32_t depth)
{
	return begin_of(f, fake_bytes(f, table->bytes, table->size), unit, depth);
}

#define TRY_INSIDE \
	{ { 16, 26, 231, 1, true }, { 44, 90, 190, 1, false }, { 135, 36, 231, 1, true }, \
	  { 190, 38, 228, 2, true }, { 228, 3, 231, 1, true }, { 231, 10, 241, 3, true } }
/* two blocks of 3.14, the inner one being left because of an exception at 70 */
#define LEFT \
	{ { 4, 16, 90, 2, true }, { 20, 20, 60, 4, true }, { 40, 20, 90, 2, true }, \
	  { 60, 12, 80, 6, true }, { 80, 10, 90, 2, true }, { 90, 20, 120, 4, true } }

static const struct {
	struct entry entries[8];
	int64_t unit;
	uint32_t depth;
	int64_t begin; /* in units; −1: unknown */
} rows[] = {
	{ { { 4, 20, 30, 1, true } }, 4, 1, 4 },
	{ { { 4, 20, 30, 1, true } }, 23, 1, 4 },
	{ { { 4, 20, 30, 1, true } }, 24, 1, -1 },
	{ { { 4, 20, 30, 1, true } }, 3, 1, -1 },
	{ { { 4, 20, 30, 1, true } }, 10, 2, -1 },
	{ { { 4, 20, 30, 2, true } }, 10, 1, -1 },
	{ { { 4, 20, 30, 1, false } }, 10, 1, -1 }, /* of a try statement */
	{ { { 63, 64, 4096, 70, true } }, 100, 70, 63 },
	{ { { 300000, 5000000, 9000000, 1, true } }, 5000000, 1, 300000 },
	{ TRY_INSIDE, 50, 1, 16 },
	{ TRY_INSIDE, 140, 1, 16 },
	{ TRY_INSIDE, 200, 1, 16 },
	{ TRY_INSIDE, 235, 1, -1 }, /* it is being left */
	{ LEFT, 30, 4, 20 },
	{ LEFT, 30, 2, 4 },
	{ LEFT, 50, 2, 4 },
	{ LEFT, 70, 2, 4 },
	{ LEFT, 70, 4, -1 },
	{ { { 0, 100, 10, 5, true } }, 50, 1, -1 }, /* a handler in its own range */
	{ { { 0, 10, 10, 5, true }, { 10, 10, 0, 5, true } }, 5, 1, -1 }, /* a ring */
	{ { { 0 } }, 5, 1, -1 },
};

START_TEST(test_block_begins_where_its_handler_begins_to_count)
{
	for (int i = FIRST_NEW; i < ROWS(minors); i++) {
		struct fake *f = fake_new(minors[i]);
		struct table table = table_of(rows[_i].entries);
		int64_t begin = rows[_i].begin < 0 ? -1 : 2 * rows[_i].begin;
		ck_assert_int_eq(begin_by(f, &table, rows[_i].unit, rows[_i].depth), begin);
		fake_free(f);
	}
}
END_TEST

/* What is cut from a table is not there; nothing else is found for it. */
START_TEST(test_table_that_ends_early_says_less_and_nothing_else)
{
	struct fake *f = fake_new(12);
	struct table table = table_of(rows[_i].entries);

	for (size_t whole = table.size, size = 0; size < whole; size++) {
		table.size = size;
		int64_t begin = begin_by(f, &table, rows[_i].unit, rows[_i].depth);
		ck_assert(begin == -1 || begin == 2 * rows[_i].begin);
	}
	fake_free(f);
}
END_TEST

START_TEST(test_table_that_cannot_be_read_says_nothing)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr table = fake_bytes(f, "\x80\x20\x30\x03", 4);
	static const uint64_t sizes[] = { ~0ull, 1ull << 63, 1ull << 40, (16u << 20) + 1 };

	ck_assert_int_eq(begin_of(f, table, 5, 1), 0);
	ck_assert_int_eq(begin_of(f, 0, 5, 1), -1);
	ck_assert_int_eq(begin_of(f, f->none, 5, 1), -1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fake_put(f, table + TC_OB_SIZE, sizes[i]);
		ck_assert_int_eq(begin_of(f, table, 5, 1), -1);
	}
	struct tc_frame_view frame = { .lasti = 10 };
	ck_assert_int_eq(tc_with_begin(&f->py, &frame, 1), -1);
	fake_free(f);
}
END_TEST

/* Bytes at random, all of which may say that more follow. */
START_TEST(test_forged_table_takes_bounded_time)
{
	struct fake *f = fake_new(14);
	uint64_t random = 1 + (uint64_t)_i;
	uint8_t bytes[4096];

	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(fake_random(&random) & (round % 2 ? 255 : 15));
		if (round == 0)
			memset(bytes, 127, sizeof(bytes));
		tc_addr table = fake_bytes(f, bytes, sizeof(bytes));
		uint64_t n_reads = f->target.n_reads;
		int64_t begin = begin_of(f, table, round, 1 + (unsigned)round % 4);
		ck_assert_int_ge(begin, -1);
		ck_assert_uint_lt(f->target.n_reads - n_reads, 33 * (3 + sizeof(bytes) / 128));
	}
	fake_free(f);
}
END_TEST

/* Up to 3.10: the frame's stack of blocks, and the instruction that made the block. */

struct block {
	int32_t type, handler, level; /* handler: in units of 2 bytes, as arguments of code */
};

struct old_row {
	uint8_t code[40];
	struct block blocks[4];
	int64_t lasti; /* bytes */
	uint32_t depth;
	int64_t begin;
};

#define WITH_AT_2 { 100, 0, SETUP_WITH, 8 }
#define TWO { SETUP_WITH, 14, 1, 0, SETUP_WITH, 7 }
static const struct old_row old_rows[] = {
	{ WITH_AT_2, { { SETUP_FINALLY, 10, 1 } }, 8, 1, 2 },
	{ { 100, 0, SETUP_ASYNC_WITH, 8 }, { { SETUP_FINALLY, 10, 1 } }, 8, 1, 2 },
	{ WITH_AT_2, { { SETUP_FINALLY, 10, 1 } }, 8, 2, -1 },	/* of another depth */
	{ WITH_AT_2, { { SETUP_FINALLY, 11, 1 } }, 8, 1, -1 },	/* nothing leads there */
	{ WITH_AT_2, { { SETUP_FINALLY, 10, 1 } }, 2, 1, -1 },	/* not begun */
	{ WITH_AT_2, { { 0 } }, 8, 1, -1 },
	/* try statements inside, of the same depth */
	{ WITH_AT_2,
	  { { SETUP_FINALLY, 10, 1 }, { SETUP_FINALLY, 7, 1 }, { EXCEPT_HANDLER, -1, 1 } },
	  10, 1, 2 },
	/* two blocks, and then the inner one is being left, at its handler */
	{ TWO,
	  { { SETUP_FINALLY, 15, 1 }, { SETUP_FINALLY, 10, 2 } }, 8, 2, 4 },
	{ TWO,
	  { { SETUP_FINALLY, 15, 1 }, { SETUP_FINALLY, 10, 2 } }, 8, 1, 0 },
	{ TWO,
	  { { SETUP_FINALLY, 15, 1 }, { EXCEPT_HANDLER, -1, 2 } }, 24, 2, 4 },
};

/* Arguments and handlers are in bytes up to 3.9, in units in 3.10. */
static int32_t scale(const struct fake *f)
{
	return 2 / f->py.at.lasti_unit;
}

static tc_addr put_code(struct fake *f, const uint8_t *units, size_t size)
{
	uint8_t code[64];
	tc_addr at = fake_code(f, (struct fake_code){ 0 });

	memcpy(code, units, size);
	for (size_t i = 0; i < size; i += 2)
		if (code[i] != EXTENDED_ARG)
			code[i + 1] = (uint8_t)(code[i + 1] * scale(f));
	fake_put(f, at + f->py.at.co_code, fake_bytes(f, code, size));
	return at;
}

static struct tc_frame_view put_old_frame(struct fake *f, const struct old_row *row)
{
	tc_addr at = fake_alloc(f, 1024), blocks = at + f->py.at.fo_locals;
	int32_t n = 0;

	blocks -= MAX_BLOCKS * BLOCK_BYTES;
	for (; n < 4 && row->blocks[n].type; n++) {
		struct block block = row->blocks[n];
		if (block.handler > 0)
			block.handler *= scale(f);
		fake_put_bytes(f, blocks + (uint64_t)n * BLOCK_BYTES, &block, sizeof(block));
	}
	fake_put32(f, at + f->py.at.fo_lasti + N_BLOCKS_AT, (uint32_t)n);
	return (struct tc_frame_view){ .addr = at,
				       .code = put_code(f, row->code, sizeof(row->code)),
				       .lasti = row->lasti,
				       .locals = at + f->py.at.fo_locals };
}

START_TEST(test_block_begins_at_the_instruction_that_made_it)
{
	for (int i = 0; i < ROWS(old_minors); i++) {
		struct fake *f = fake_new(old_minors[i]);
		struct tc_frame_view frame = put_old_frame(f, &old_rows[_i]);
		ck_assert_int_eq(tc_with_begin(&f->py, &frame, old_rows[_i].depth),
				 old_rows[_i].begin);
		fake_free(f);
	}
}
END_TEST

START_TEST(test_argument_of_the_instruction_may_have_prefixes)
{
	struct fake *f = fake_new(old_minors[_i]);
	static const uint8_t units[] = { EXTENDED_ARG, 1, EXTENDED_ARG, 2, SETUP_WITH, 3, 1, 0 };
	const int32_t handler = (1 << 16 | 2 << 8) + 3 * scale(f) + 6 / f->py.at.lasti_unit;
	struct old_row row = { .blocks = { { SETUP_FINALLY, 1, 1 } }, .lasti = 6 };
	struct tc_frame_view frame = put_old_frame(f, &row);

	frame.code = put_code(f, units, sizeof(units));
	fake_put32(f, frame.locals - MAX_BLOCKS * BLOCK_BYTES + 4, (uint32_t)handler);
	ck_assert_int_eq(tc_with_begin(&f->py, &frame, 1), 4);
	fake_put32(f, frame.locals - MAX_BLOCKS * BLOCK_BYTES + 4, (uint32_t)handler & 0xffff);
	ck_assert_int_eq(tc_with_begin(&f->py, &frame, 1), -1);
	fake_free(f);
}
END_TEST

START_TEST(test_forged_stack_of_blocks_says_nothing)
{
	struct fake *f = fake_new(old_minors[_i]);
	struct tc_frame_view frame = put_old_frame(f, &old_rows[0]);
	static const uint32_t numbers[] = { 0, 21, 0x7fffffff, 0x80000000, 0xffffffff };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		fake_put32(f, frame.addr + f->py.at.fo_lasti + N_BLOCKS_AT, numbers[i]);
		ck_assert_int_eq(tc_with_begin(&f->py, &frame, 1), -1);
	}
	struct tc_frame_view nowhere = { .lasti = 8 };
	ck_assert_int_eq(tc_with_begin(&f->py, &nowhere, 1), -1);
	fake_free(f);
}
END_TEST

/* Code of nothing but prefixes, and a frame far behind the end of it. */
START_TEST(test_forged_code_takes_bounded_time)
{
	struct fake *f = fake_new(old_minors[_i]);
	static uint8_t code[1 << 18];
	struct tc_frame_view frame = put_old_frame(f, &old_rows[0]);

	for (size_t i = 0; i < sizeof(code); i++)
		code[i] = i % 2 ? 255 : EXTENDED_ARG;
	fake_put(f, frame.code + f->py.at.co_code, fake_bytes(f, code, sizeof(code)));
	frame.lasti = INT64_MAX;
	uint64_t n_reads = f->target.n_reads;
	ck_assert_int_eq(tc_with_begin(&f->py, &frame, 1), -1);
	ck_assert_uint_lt(f->target.n_reads - n_reads, 40000);
	fake_put(f, frame.code + f->py.at.co_code, 0x10);
	ck_assert_int_eq(tc_with_begin(&f->py, &frame, 1), -1);
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("with");
	TCase *c = tcase_create("with");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_block_begins_where_its_handler_begins_to_count, 0, ROWS(rows));
	tcase_add_loop_test(c, test_table_that_ends_early_says_less_and_nothing_else, 0,
			    ROWS(rows));
	tcase_add_loop_test(c, test_table_that_cannot_be_read_says_nothing, FIRST_NEW,
			    ROWS(minors));
	tcase_add_loop_test(c, test_forged_table_takes_bounded_time, 0, 8);
	tcase_add_loop_test(c, test_block_begins_at_the_instruction_that_made_it, 0,
			    ROWS(old_rows));
	tcase_add_loop_test(c, test_argument_of_the_instruction_may_have_prefixes, 0,
			    ROWS(old_minors));
	tcase_add_loop_test(c, test_forged_stack_of_blocks_says_nothing, 0, ROWS(old_minors));
	tcase_add_loop_test(c, test_forged_code_takes_bounded_time, 0, ROWS(old_minors));
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
