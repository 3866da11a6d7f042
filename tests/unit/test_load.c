/* SPDX-License-Identifier: Apache-2.0
 * The cursor and the loader: whole, cut and damaged files. */
#include <check.h>
#include <elf.h>
#include <stdlib.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/builder.h"
#include "lib/format/crc32c.h"
#include "analyzer/dump/model.h"
#include "analyzer/dump/values.h"

static const struct {
	const uint8_t bytes[12];
	size_t size;
	uint64_t want;
	bool bad;
} varints[] = {
	{ { 0 }, 0, 0, false }, /* a field that is missing at the end is 0 */
	{ { 0x7f }, 1, 127, false },
	{ { 0x80, 0x01 }, 2, 128, false },
	{ { 0x80 }, 1, 0, true },
	{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 }, 10, UINT64_MAX, false },
	{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 }, 10, 0, true },
	{ { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00 }, 11, 0, true },
};

START_TEST(test_varint_reads_what_fits_and_no_more)
{
	struct tc_cursor cur = { .at = varints[_i].bytes,
				 .end = varints[_i].bytes + varints[_i].size };

	ck_assert_uint_eq(tc_cur_u(&cur), varints[_i].want);
	ck_assert_int_eq(cur.bad, varints[_i].bad);
	ck_assert(cur.at <= cur.end);
}
END_TEST

/* Near the end numbers are read in another way than before it. */
START_TEST(test_varint_is_the_same_with_and_without_more_behind)
{
	uint8_t bytes[32];
	size_t size = 0;

	for (uint64_t rest = 0xfedcba9876543210 >> _i; size == 0 || rest; rest >>= 7)
		bytes[size++] = (uint8_t)((rest & 127) | (rest > 127 ? 128 : 0));
	memset(bytes + size, 0xff, sizeof(bytes) - size);
	for (size_t behind = 0; size + behind <= sizeof(bytes); behind++) {
		struct tc_cursor cur = { .at = bytes, .end = bytes + size + behind };
		ck_assert_uint_eq(tc_cur_u(&cur), 0xfedcba9876543210 >> _i);
		ck_assert(!cur.bad && cur.at == bytes + size);
	}
}
END_TEST

START_TEST(test_nothing_reads_as_0)
{
	struct tc_cursor cur = { 0 };

	ck_assert_uint_eq(tc_cur_u(&cur), 0);
	ck_assert(!cur.bad);
}
END_TEST

START_TEST(test_bytes_do_not_reach_past_the_end)
{
	const uint8_t bytes[] = { 5, 'a', 'b' };
	struct tc_cursor cur = { .at = bytes, .end = bytes + sizeof(bytes) };
	size_t size;

	tc_cur_b(&cur, &size);
	ck_assert_uint_eq(size, 0);
	ck_assert(cur.bad);
}
END_TEST

START_TEST(test_same_value_is_an_earlier_one)
{
	const uint8_t bytes[] = {
		1, 4, TC_VAL_INT, 3, TC_VAL_SAME, TC_VAL_SAME + 1, TC_VAL_SAME + 3
	};
	const struct tc_task task = { .locals = bytes, .locals_size = sizeof(bytes) };
	struct tc_locals locals;
	struct tc_value value;
	uint32_t name;

	tc_locals_begin(&locals, &task);
	ck_assert(tc_locals_frame(&locals, &(const struct tc_pycode){ 0 }));
	for (int i = 0; i < 3; i++) {
		ck_assert(tc_locals_slot(&locals, &name, &value));
		ck_assert_int_eq(value.tag, TC_VAL_INT);
		ck_assert_int_eq((int64_t)value.word, -2);
	}
	ck_assert(!tc_locals_slot(&locals, &name, &value)); /* itself */
	ck_assert(!tc_locals_frame(&locals, &(const struct tc_pycode){ 0 }));
}
END_TEST

START_TEST(test_unknown_tag_ends_the_record)
{
	const uint8_t bytes[] = { TC_VAL_INT, 3, 11, 1, 2 };
	struct tc_cursor cur = { .at = bytes, .end = bytes + sizeof(bytes) };
	struct tc_value value;
	uint64_t previous = 0;

	ck_assert(tc_cur_value(&cur, &previous, &value));
	ck_assert_int_eq((int64_t)value.word, -2);
	ck_assert(!tc_cur_value(&cur, &previous, &value));
	ck_assert(!cur.bad);
}
END_TEST

/* A sample, opened from its first size bytes. */
struct opened {
	struct builder b;
	struct tc_dump dump;
	struct tc_model model;
};

static int open_sample(struct opened *o, size_t less)
{
	int r = tc_dump_open_bytes("sample", o->b.bytes, o->b.size - less, &o->dump);

	if (r == 0)
		r = tc_model_init(&o->model, &o->dump, NULL);
	return r;
}

static void close_sample(struct opened *o)
{
	tc_model_deinit(&o->model);
	tc_dump_close(&o->dump);
	builder_free(&o->b);
}

static void make_sample(struct opened *o)
{
	*o = (struct opened){ 0 };
	builder_init(&o->b);
	builder_sample(&o->b);
}

START_TEST(test_whole_file_has_no_problem)
{
	struct opened o;

	make_sample(&o);
	ck_assert_int_eq(open_sample(&o, 0), 0);
	ck_assert_uint_eq(o.dump.n_problems_all, 0);
	ck_assert(o.dump.sealed);
	ck_assert_uint_eq(o.model.head.pid, 100);
	ck_assert_uint_eq(o.model.n_tasks, 13);
	ck_assert_uint_eq(o.model.n_clean, 12);
	ck_assert_ptr_nonnull(tc_model_task_at(&o.model, 0x90010000));
	ck_assert_ptr_null(tc_model_task_at(&o.model, 0x90010001));
	close_sample(&o);
}
END_TEST

START_TEST(test_cut_file_keeps_what_is_before_the_cut)
{
	struct opened o;

	make_sample(&o);
	ck_assert_int_eq(open_sample(&o, 600), 0);
	ck_assert(!o.dump.sealed);
	ck_assert_uint_gt(o.dump.n_problems_all, 0);
	ck_assert(!o.model.status.present);
	ck_assert_uint_gt(o.model.n_tasks, 5);
	ck_assert_uint_lt(o.model.n_tasks, 13);
	close_sample(&o);
}
END_TEST

START_TEST(test_flipped_bit_names_the_chunk)
{
	struct opened o;

	make_sample(&o);
	o.b.bytes[o.b.tail + 500] ^= 1;
	ck_assert_int_eq(open_sample(&o, 0), 0);
	ck_assert_uint_eq(o.dump.n_problems, 1);
	ck_assert_uint_eq(o.dump.problems[0].at, o.b.tail + 24);
	ck_assert_uint_eq(o.model.n_tasks, 0);
	ck_assert_uint_eq(o.model.head.pid, 100);
	ck_assert(o.model.status.present);
	close_sample(&o);
}
END_TEST

#define HEAD_CHUNK (sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) + 24)

/* The head's chunk with these two words in front; its size. */
static size_t head_chunk(struct opened *o, uint32_t first, uint32_t second)
{
	uint8_t *chunk = o->b.bytes + HEAD_CHUNK;
	uint32_t size;

	memcpy(&size, chunk - 24 + 4, sizeof(size));
	memcpy(chunk, &first, sizeof(first));
	memcpy(chunk + 4, &second, sizeof(second));
	return size;
}

static const uint32_t other_versions[] = { 0xffffffff, 9, 3 };

START_TEST(test_other_version_is_refused_by_name)
{
	struct opened o;

	make_sample(&o);
	builder_mend(o.b.bytes + HEAD_CHUNK, head_chunk(&o, 0, other_versions[_i]));
	ck_assert_int_eq(open_sample(&o, 0), -TC_EVERSION);
	ck_assert_int_eq(o.dump.kind, TC_FILE_OTHER);
	ck_assert_uint_eq(o.dump.other, other_versions[_i]);
	close_sample(&o);
}
END_TEST

/* Its chunks began with the version, and the checksum behind it did not cover that. */
START_TEST(test_version_1_is_refused_by_name)
{
	struct opened o;

	make_sample(&o);
	size_t size = head_chunk(&o, 1, 0);
	head_chunk(&o, 1, tc_crc32c(o.b.bytes + HEAD_CHUNK + 8, size - 8));
	ck_assert_int_eq(open_sample(&o, 0), -TC_EVERSION);
	ck_assert_int_eq(o.dump.kind, TC_FILE_OTHER);
	ck_assert_uint_eq(o.dump.other, 1);
	close_sample(&o);
}
END_TEST

/* A version that the checksum does not confirm is damage: the rest of the file is read. */
START_TEST(test_damaged_version_is_no_other_version)
{
	struct opened o;

	make_sample(&o);
	o.b.bytes[HEAD_CHUNK + 4] = 3;
	ck_assert_int_eq(open_sample(&o, 0), 0);
	ck_assert_uint_eq(o.dump.n_problems, 2); /* the checksum; the head is lost */
	ck_assert_uint_eq(o.model.n_tasks, 13);
	close_sample(&o);
}
END_TEST

START_TEST(test_unknown_feature_is_refused_by_name)
{
	struct opened o = { 0 };

	builder_init(&o.b);
	o.b.features = 1ull << 40 | 1;
	builder_sample(&o.b);
	ck_assert_int_eq(open_sample(&o, 0), -TC_EVERSION);
	ck_assert_int_eq(o.dump.kind, TC_FILE_FEATURES);
	ck_assert_uint_eq(o.dump.features, 1ull << 40 | 1);
	close_sample(&o);
}
END_TEST

/* Words more in the header, and tables among them: a later version may add both. */
static const struct {
	uint32_t words, tables;
} wider[] = { { 1, 0 }, { 2, 2 }, { 5, 3 } };

START_TEST(test_wider_header_is_read)
{
	struct opened o = { 0 };

	builder_init(&o.b);
	o.b.more_words = wider[_i].words;
	o.b.more_tables = wider[_i].tables;
	builder_sample(&o.b);
	ck_assert_int_eq(open_sample(&o, 0), 0);
	ck_assert_uint_eq(o.dump.n_problems_all, 0);
	ck_assert_uint_eq(o.model.n_tasks, 13);
	close_sample(&o);
}
END_TEST

/* A header that says more than the chunk holds, or tables that it does not hold. */
static const struct {
	size_t at;
	uint32_t value;
} bad_headers[] = { { 8, 5000000 }, { 8, 8 }, { 8, 0xffffffff }, { 20, 9 }, { 20, 0xffffffff } };

START_TEST(test_header_that_does_not_fit_is_skipped)
{
	struct opened o;

	make_sample(&o);
	memcpy(o.b.bytes + HEAD_CHUNK + bad_headers[_i].at, &bad_headers[_i].value, 4);
	uint32_t word;
	memcpy(&word, o.b.bytes + HEAD_CHUNK + 4, sizeof(word));
	builder_mend(o.b.bytes + HEAD_CHUNK, head_chunk(&o, 0, word));
	ck_assert_int_eq(open_sample(&o, 0), 0);
	ck_assert_uint_eq(o.dump.n_problems, 2);
	ck_assert_uint_eq(o.model.n_tasks, 13);
	close_sample(&o);
}
END_TEST

START_TEST(test_sums_that_lie_are_told)
{
	struct opened o = { 0 };

	builder_init(&o.b);
	builder_head(&o.b, 1);
	builder_seal(&o.b, 7, 1, 0);
	ck_assert_int_eq(open_sample(&o, 0), 0);
	ck_assert_uint_eq(o.dump.n_problems_all, 1);
	close_sample(&o);
}
END_TEST

/* A chunk whose bases claim a gap larger than the file can have defined must not cost memory. */
START_TEST(test_lying_bases_are_refused)
{
	struct opened o;

	make_sample(&o);
	uint8_t *chunk = o.b.bytes + o.b.tail + 24;
	uint32_t base = 2000000000, size;
	memcpy(chunk + TC_CHUNK_BASES, &base, 4);
	memcpy(&size, o.b.bytes + o.b.tail + 4, 4);
	builder_mend(chunk, size);
	ck_assert_int_eq(open_sample(&o, 0), 0);
	ck_assert_uint_eq(o.dump.n_problems, 1);
	ck_assert_uint_lt(o.model.n_strings, 1000);
	close_sample(&o);
}
END_TEST

START_TEST(test_locals_are_read_across_chunks)
{
	struct opened o = { 0 };
	const uint64_t addr = 0x5000;

	builder_init(&o.b);
	builder_head(&o.b, 1);
	uint32_t type = builder_type(&o.b, "Lock", "asyncio.locks", 0);
	builder_task(&o.b, &(struct builder_task){ .addr = 0x4000, .name = "a", .type = type });
	tc_records_flush(&o.b.rec, TC_NOTE_RECORDS);
	builder_locals(&o.b, &addr, &type, 1);
	builder_seal(&o.b, 1, 0, 0);
	ck_assert_int_eq(open_sample(&o, 0), 0);
	ck_assert_uint_eq(o.dump.n_problems_all, 0);
	ck_assert_ptr_nonnull(o.model.tasks[0].locals);
	close_sample(&o);
}
END_TEST

/* A record that is too long is dropped by the writer: the addresses behind it must not be counted
 * from its own. */
START_TEST(test_dropped_record_does_not_move_the_next)
{
	const size_t n = 400000;
	uint64_t *items = calloc(n, sizeof(*items));
	struct opened o = { 0 };

	for (size_t i = 0; i < n; i++)
		items[i] = i * 0x123456789;
	builder_init(&o.b);
	builder_head(&o.b, 1);
	builder_object(&o.b, 0x1000, 0, NULL, 0, 0, NULL, 0, 0);
	builder_object(&o.b, 0x5000, 0, NULL, 0, 0, items, n, 0);
	builder_object(&o.b, 0x6000, 0, NULL, 0, 0, NULL, 0, 0);
	builder_seal(&o.b, 0, 0, 0);
	ck_assert_uint_eq(o.b.rec.dropped, 1);
	ck_assert_int_eq(open_sample(&o, 0), 0);
	ck_assert_uint_eq(o.model.n_objects, 2);
	ck_assert_uint_eq(o.model.objects[1].addr, 0x6000);
	close_sample(&o);
	free(items);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("load");
	TCase *c = tcase_create("load");

	tcase_add_loop_test(c, test_varint_reads_what_fits_and_no_more, 0,
			    sizeof(varints) / sizeof(*varints));
	tcase_add_loop_test(c, test_varint_is_the_same_with_and_without_more_behind, 0, 64);
	tcase_add_test(c, test_nothing_reads_as_0);
	tcase_add_test(c, test_bytes_do_not_reach_past_the_end);
	tcase_add_test(c, test_unknown_tag_ends_the_record);
	tcase_add_test(c, test_same_value_is_an_earlier_one);
	tcase_add_test(c, test_whole_file_has_no_problem);
	tcase_add_test(c, test_cut_file_keeps_what_is_before_the_cut);
	tcase_add_test(c, test_flipped_bit_names_the_chunk);
	tcase_add_loop_test(c, test_other_version_is_refused_by_name, 0, 3);
	tcase_add_test(c, test_version_1_is_refused_by_name);
	tcase_add_test(c, test_damaged_version_is_no_other_version);
	tcase_add_test(c, test_unknown_feature_is_refused_by_name);
	tcase_add_loop_test(c, test_wider_header_is_read, 0, 3);
	tcase_add_loop_test(c, test_header_that_does_not_fit_is_skipped, 0, 5);
	tcase_add_test(c, test_sums_that_lie_are_told);
	tcase_add_test(c, test_lying_bases_are_refused);
	tcase_add_test(c, test_locals_are_read_across_chunks);
	tcase_add_test(c, test_dropped_record_does_not_move_the_next);
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
