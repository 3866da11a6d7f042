/* SPDX-License-Identifier: Apache-2.0
 * The encoder: field types, record and chunk framing, bounds, and the worked example of
 * docs/format.md. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/run_suite.h"
#include "lib/format/crc32c.h"
#include "lib/format/record.h"

/* A sink that keeps the last chunk and counts them all. */
struct kept {
	struct tc_sink sink;
	uint8_t *chunk;
	size_t size;
	enum tc_note note;
	unsigned n_chunks;
	uint64_t n_records;
	int answer; /* returned instead of keeping the chunk; 0: keep it */
};

static struct kept kept;
static struct tc_records rec;
static uint8_t *buf;

static int keep(struct tc_sink *sink, enum tc_note note, const void *chunk, size_t size)
{
	struct kept *k = (struct kept *)sink;

	if (k->answer)
		return k->answer;
	ck_assert_uint_le(size, TC_CHUNK_MAX);
	free(k->chunk);
	k->chunk = malloc(size);
	memcpy(k->chunk, chunk, size);
	k->size = size;
	k->note = note;
	k->n_chunks++;
	k->n_records += ((const struct tc_chunk *)chunk)->n_records;
	return 0;
}

static void setup(void)
{
	kept = (struct kept){ .sink = { .chunk = keep } };
	buf = malloc(TC_RECORDS_BUFFER);
	tc_records_init(&rec, buf, &kept.sink, 1);
}

static void teardown(void)
{
	free(buf);
	free(kept.chunk);
}

/* The head of the last chunk, its CRC and sizes checked. */
static struct tc_chunk chunk_head(void)
{
	struct tc_chunk head;

	ck_assert_uint_ge(kept.size, sizeof(head));
	memcpy(&head, kept.chunk, sizeof(head));
	ck_assert_uint_eq(head.version, TC_FORMAT_VERSION);
	ck_assert_uint_eq(head.crc,
			  tc_crc32c(kept.chunk + TC_CHUNK_SUMMED, kept.size - TC_CHUNK_SUMMED));
	return head;
}

static const struct {
	const char *data;
	size_t size;
	uint32_t crc;
} crcs[] = {
	{ "123456789", 9, 0xe3069283 },
	{ "", 0, 0 },
	{ "a", 1, 0xc1d04330 },
	/* RFC 3720 appendix B.4: 32 bytes of zeros */
	{ "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32, 0x8a9136aa },
};

START_TEST(test_crc_has_the_published_values)
{
	ck_assert_uint_eq(tc_crc32c(crcs[_i].data, crcs[_i].size), crcs[_i].crc);
	ck_assert_uint_eq(tc_crc32c_by_tables(crcs[_i].data, crcs[_i].size), crcs[_i].crc);
	ck_assert_uint_eq(tc_crc32c_by_tables(crcs[_i].data, crcs[_i].size), crcs[_i].crc);
}
END_TEST

START_TEST(test_crc_is_the_same_by_instruction_and_by_tables_at_any_alignment)
{
	static uint8_t bytes[5000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t from = 0; from < 16; from++)
		for (size_t size = 0; size < sizeof(bytes) - 16; size += size < 300 ? 1 : 311)
			ck_assert_uint_eq(tc_crc32c(bytes + from, size),
					  tc_crc32c_by_tables(bytes + from, size));
}
END_TEST

static const struct {
	uint64_t value;
	size_t size;
	uint8_t bytes[10];
} varints[] = {
	{ 0, 1, { 0 } },
	{ 1, 1, { 1 } },
	{ 127, 1, { 0x7f } },
	{ 128, 2, { 0x80, 0x01 } },
	{ 300, 2, { 0xac, 0x02 } },
	{ 16383, 2, { 0xff, 0x7f } },
	{ 16384, 3, { 0x80, 0x80, 0x01 } },
	{ UINT64_MAX, 10, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 } },
};

/* The record of kind HEAD under way must be the whole chunk, with this payload. */
static void expect_payload(const uint8_t *bytes, size_t size)
{
	ck_assert_int_eq(tc_record_end(&rec), 0);
	ck_assert_int_eq(tc_records_flush(&rec, TC_NOTE_RECORDS), 0);
	struct tc_chunk head = chunk_head();
	ck_assert_uint_eq(head.n_records, 1);
	ck_assert_uint_eq(kept.size, sizeof(head) + 2 + size);
	ck_assert_uint_eq(kept.chunk[sizeof(head)], TC_REC_HEAD);
	ck_assert_uint_eq(kept.chunk[sizeof(head) + 1], size);
	ck_assert_mem_eq(kept.chunk + sizeof(head) + 2, bytes, size);
}

START_TEST(test_unsigned_is_leb128)
{
	tc_record_begin(&rec, TC_REC_HEAD);
	tc_put_u(&rec, varints[_i].value);
	expect_payload(varints[_i].bytes, varints[_i].size);
}
END_TEST

static const struct {
	int64_t value;
	uint64_t zigzag;
} zigzags[] = {
	{ 0, 0 },
	{ -1, 1 },
	{ 1, 2 },
	{ -2, 3 },
	{ INT64_MAX, UINT64_MAX - 1 },
	{ INT64_MIN, UINT64_MAX },
};

START_TEST(test_signed_is_zigzag)
{
	uint8_t bytes[10];
	size_t n = 0;
	uint64_t left = zigzags[_i].zigzag;

	do {
		bytes[n++] = (uint8_t)((left & 127) | (left > 127 ? 128 : 0));
		left >>= 7;
	} while (left);
	tc_record_begin(&rec, TC_REC_HEAD);
	tc_put_s(&rec, zigzags[_i].value);
	expect_payload(bytes, n);
}
END_TEST

START_TEST(test_bytes_carry_their_length)
{
	static const uint8_t want[] = { 3, 'a', 'b', 'c', 0 };

	tc_record_begin(&rec, TC_REC_HEAD);
	tc_put_b(&rec, "abc", 3);
	tc_put_b(&rec, NULL, 0);
	expect_payload(want, sizeof(want));
}
END_TEST

START_TEST(test_addresses_are_differences_within_their_stream_and_chunk)
{
	static const uint8_t first[] = { 0x80, 0x02, 0x20, 0x0f, 0x02 };
	static const uint8_t second[] = { 0x80, 0x02 };

	tc_record_begin(&rec, TC_REC_HEAD);
	tc_put_d(&rec, TC_STREAM_TASK, 128);
	tc_put_d(&rec, TC_STREAM_OBJECT, 16);
	tc_put_d(&rec, TC_STREAM_TASK, 120);
	tc_put_d(&rec, TC_STREAM_OBJECT, 17);
	expect_payload(first, sizeof(first));

	tc_record_begin(&rec, TC_REC_HEAD);
	tc_put_d(&rec, TC_STREAM_TASK, 128);
	expect_payload(second, sizeof(second));
}
END_TEST

/* Payload sizes around each length of the length field. */
static const size_t payloads[] = { 0, 1, 127, 128, 16383, 16384, 65536, TC_RECORD_MAX - 64 };

START_TEST(test_length_is_exact_at_every_width)
{
	size_t size = payloads[_i];
	uint8_t *payload = malloc(size + 1);

	memset(payload, 'x', size + 1);
	tc_record_begin(&rec, TC_REC_STRING);
	tc_put_raw(&rec, payload, size);
	ck_assert_int_eq(tc_record_end(&rec), 0);
	ck_assert_int_eq(tc_records_flush(&rec, TC_NOTE_RECORDS), 0);
	size_t at = sizeof(struct tc_chunk) + 1, length = 0;
	int shift = 0;
	do {
		length |= (size_t)(kept.chunk[at] & 127) << shift;
		shift += 7;
	} while (kept.chunk[at++] & 128);
	ck_assert_uint_eq(length, size);
	ck_assert_uint_eq(kept.size, at + size);
	if (size)
		ck_assert_mem_eq(kept.chunk + at, payload, size);
	free(payload);
}
END_TEST

START_TEST(test_too_long_a_record_is_dropped_counted_and_leaves_no_trace)
{
	uint8_t *payload = calloc(1, TC_RECORD_MAX + 1);
	uint32_t id = 77;

	tc_record_begin(&rec, TC_REC_STRING);
	tc_put_raw(&rec, payload, TC_RECORD_MAX / 2);
	tc_put_raw(&rec, payload, TC_RECORD_MAX / 2);
	tc_put_u(&rec, 1); /* fits, but the record has lost a field already */
	ck_assert_int_eq(tc_record_define(&rec, TC_TAB_STRING, &id), -TC_EBOUND);
	tc_record_begin(&rec, TC_REC_STRING);
	tc_put_raw(&rec, payload, TC_RECORD_MAX + 1);
	ck_assert_int_eq(tc_record_define(&rec, TC_TAB_STRING, &id), -TC_EBOUND);
	free(payload);
	ck_assert_uint_eq(id, 77);
	ck_assert_uint_eq(rec.dropped, 2);

	tc_record_begin(&rec, TC_REC_STRING);
	ck_assert_int_eq(tc_record_define(&rec, TC_TAB_STRING, &id), 0);
	ck_assert_uint_eq(id, 1);
	ck_assert_int_eq(tc_records_flush(&rec, TC_NOTE_RECORDS), 0);
	ck_assert_uint_eq(chunk_head().n_records, 1);
	ck_assert_uint_eq(kept.size, sizeof(struct tc_chunk) + 2);
}
END_TEST

START_TEST(test_a_long_series_closes_its_chunks_and_keeps_the_count_of_identifiers)
{
	char text[1000];
	uint32_t id = 0;

	memset(text, 'x', sizeof(text));
	for (unsigned i = 1; i <= 3000; i++) {
		tc_record_begin(&rec, TC_REC_STRING);
		tc_put_u(&rec, TC_STR_CODE);
		tc_put_raw(&rec, text, sizeof(text));
		ck_assert_int_eq(tc_record_define(&rec, TC_TAB_STRING, &id), 0);
		ck_assert_uint_eq(id, i);
	}
	ck_assert_uint_eq(kept.n_chunks, 2);
	ck_assert_int_eq(tc_records_flush(&rec, TC_NOTE_STATUS), 0);
	ck_assert_uint_eq(kept.n_chunks, 3);
	ck_assert_uint_eq(kept.n_records, 3000);
	ck_assert_int_eq(kept.note, TC_NOTE_STATUS);
	struct tc_chunk head = chunk_head();
	ck_assert_uint_eq(head.seq, 3);
	ck_assert_uint_eq(head.base[TC_TAB_STRING], 3000 - head.n_records + 1);
	ck_assert_uint_eq(head.base[TC_TAB_TYPE], 1);
}
END_TEST

START_TEST(test_an_empty_chunk_is_not_written)
{
	ck_assert_int_eq(tc_records_flush(&rec, TC_NOTE_RECORDS), 0);
	ck_assert_uint_eq(kept.n_chunks, 0);
}
END_TEST

START_TEST(test_the_first_failure_of_the_sink_is_kept)
{
	uint32_t id;

	kept.answer = -TC_EWRITE;
	tc_record_begin(&rec, TC_REC_STRING);
	ck_assert_int_eq(tc_record_define(&rec, TC_TAB_STRING, &id), 0);
	ck_assert_int_eq(tc_records_flush(&rec, TC_NOTE_RECORDS), -TC_EWRITE);
	kept.answer = 0;
	tc_record_begin(&rec, TC_REC_STRING);
	ck_assert_int_eq(tc_record_define(&rec, TC_TAB_STRING, &id), -TC_EWRITE);
	ck_assert_int_eq(tc_records_flush(&rec, TC_NOTE_RECORDS), -TC_EWRITE);
	ck_assert_uint_eq(kept.n_chunks, 0);
}
END_TEST

/* The bytes of the block "```worked" in docs/format.md: lines of an offset, hex bytes, two blanks,
 * a remark. */
static size_t read_worked_example(uint8_t *to, size_t room)
{
	const char *dir = getenv("srcdir");
	char path[4096], line[512];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/docs/format.md", dir ? dir : ".");
	FILE *f = fopen(path, "r");
	ck_assert_msg(f != NULL, "cannot open %s", path);
	while (fgets(line, sizeof(line), f) && strncmp(line, "```worked", 9) != 0)
		;
	while (fgets(line, sizeof(line), f) && strncmp(line, "```", 3) != 0) {
		unsigned byte;
		int used;
		ck_assert_uint_eq(strtoul(line, NULL, 16), n);
		for (const char *p = line + 6; *p != ' ' && sscanf(p, "%2x%n", &byte, &used) == 1;
		     p += 3) {
			ck_assert_uint_lt(n, room);
			to[n++] = (uint8_t)byte;
			if (p[2] != ' ')
				break;
		}
	}
	fclose(f);
	return n;
}

static void put_string(enum tc_str class, const char *text)
{
	uint32_t id;

	tc_record_begin(&rec, TC_REC_STRING);
	tc_put_u(&rec, class);
	tc_put_raw(&rec, text, strlen(text));
	ck_assert_int_eq(tc_record_define(&rec, TC_TAB_STRING, &id), 0);
}

/* A definition whose fields are all unsigned. */
static void put_entry(enum tc_rec kind, enum tc_table table, const uint64_t *fields, size_t n)
{
	uint32_t id;

	tc_record_begin(&rec, kind);
	for (size_t i = 0; i < n; i++)
		tc_put_u(&rec, fields[i]);
	ck_assert_int_eq(tc_record_define(&rec, table, &id), 0);
	ck_assert_uint_eq(id, 1);
}

static void put_worked_task(void)
{
	tc_record_begin(&rec, TC_REC_TASK);
	tc_put_u(&rec, TC_STATE_PENDING);
	tc_put_u(&rec, 0);
	tc_put_d(&rec, TC_STREAM_TASK, 0x7f12a4c03e50);
	tc_put_u(&rec, 1);
	tc_put_d(&rec, TC_STREAM_NAME, 4);
	tc_put_u(&rec, 0);
	tc_put_s(&rec, -0x3b0);
	tc_put_u(&rec, 1);
	tc_put_s(&rec, 0x160);
	tc_put_s(&rec, 0); /* its waiter is the leaf */
	for (int unknown = 0; unknown < 4; unknown++)
		tc_put_u(&rec, 0);
	tc_put_u(&rec, TC_RUNTIME_CPYTHON);
	ck_assert_int_eq(tc_record_end(&rec), 0);
}

START_TEST(test_worked_example_of_the_format_is_what_is_written)
{
	static const uint64_t type[] = { 0x9d1a20, 1, 0, TC_TYPE_TASK | TC_TYPE_FUTURE };
	static const uint64_t code[] = { 0x7f12a4b01230, 2, 2, 3, 40, 0x83, 0 };
	static const uint64_t site[] = { 1, 26 + 1, 44, 8 + 1, 44, 30 + 1 };
	static const uint64_t chain[] = { 0, TC_FRAME_CORO, 1, TC_RUNTIME_CPYTHON, 0 };
	uint8_t want[1024];
	size_t size = read_worked_example(want, sizeof(want));

	put_string(TC_STR_CODE, "Task");
	put_string(TC_STR_CODE, "serve");
	put_string(TC_STR_CODE, "app.py");
	put_string(TC_STR_TASK, "client-1");
	put_entry(TC_REC_TYPE, TC_TAB_TYPE, type, sizeof(type) / sizeof(type[0]));
	put_entry(TC_REC_CODE, TC_TAB_CODE, code, sizeof(code) / sizeof(code[0]));
	put_entry(TC_REC_SITE, TC_TAB_SITE, site, sizeof(site) / sizeof(site[0]));
	put_entry(TC_REC_CHAIN, TC_TAB_CHAIN, chain, sizeof(chain) / sizeof(chain[0]));
	put_worked_task();
	ck_assert_int_eq(tc_records_flush(&rec, TC_NOTE_RECORDS), 0);
	ck_assert_uint_eq(size, kept.size);
	ck_assert_mem_eq(kept.chunk, want, size);
}
END_TEST

START_TEST(test_every_error_code_has_a_text)
{
	for (int code = 0; code < TC_N_CODES; code++) {
		ck_assert_ptr_nonnull(tc_strcode(code));
		ck_assert_str_eq(tc_strcode(code), tc_strcode(-code));
		ck_assert_str_ne(tc_strcode(code), "unknown error");
	}
	ck_assert_str_eq(tc_strcode(TC_N_CODES), "unknown error");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("record");
	TCase *c = tcase_create("all");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, test_crc_has_the_published_values, 0, ROWS(crcs));
	tcase_add_test(c, test_crc_is_the_same_by_instruction_and_by_tables_at_any_alignment);
	tcase_add_loop_test(c, test_unsigned_is_leb128, 0, ROWS(varints));
	tcase_add_loop_test(c, test_signed_is_zigzag, 0, ROWS(zigzags));
	tcase_add_test(c, test_bytes_carry_their_length);
	tcase_add_test(c, test_addresses_are_differences_within_their_stream_and_chunk);
	tcase_add_loop_test(c, test_length_is_exact_at_every_width, 0, ROWS(payloads));
	tcase_add_test(c, test_too_long_a_record_is_dropped_counted_and_leaves_no_trace);
	tcase_add_test(c, test_a_long_series_closes_its_chunks_and_keeps_the_count_of_identifiers);
	tcase_add_test(c, test_an_empty_chunk_is_not_written);
	tcase_add_test(c, test_the_first_failure_of_the_sink_is_kept);
	tcase_add_test(c, test_worked_example_of_the_format_is_what_is_written);
	tcase_add_test(c, test_every_error_code_has_a_text);
	suite_add_tcase(s, c);
	return run_suite(s);
}
