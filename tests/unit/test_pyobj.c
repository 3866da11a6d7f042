/* SPDX-License-Identifier: Apache-2.0
 * Basic objects of a fake interpreter: str, int, dict, instances, sequences; whole ones and such as
 * lie. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/fake_python.h"

/* str */

static const struct {
	unsigned kind;
	uint32_t units[4];
	size_t n;
	const char *utf8;
} strings[] = {
	{ 1, { 'a', 0xe9 }, 2, "a\xc3\xa9" },
	{ 2, { 0x20ac, 'b' }, 2, "\xe2\x82\xac" "b" },
	{ 2, { 0xd800 }, 1, "\xed\xa0\x80" }, /* a lone surrogate */
	{ 4, { 0x1f600 }, 1, "\xf0\x9f\x98\x80" },
	{ 1, { 0 }, 0, "" },
};

START_TEST(test_str_of_each_width_is_utf8)
{
	for (int m = 0; m < ROWS(minors); m++) {
		struct fake *f = fake_new(minors[m]);
		uint8_t units[16];
		char text[32];
		size_t len;
		for (size_t i = 0; i < strings[_i].n; i++)
			memcpy(units + i * strings[_i].kind, &strings[_i].units[i],
			       strings[_i].kind);
		tc_addr str = fake_str_units(f, strings[_i].kind, units, strings[_i].n);
		ck_assert_int_eq(tc_str_read(&f->py, str, text, sizeof(text), &len), 0);
		ck_assert_str_eq(text, strings[_i].utf8);
		ck_assert_uint_eq(len, strlen(text));
		ck_assert(!tc_str_is(&f->py, str, strings[_i].utf8)); /* only ASCII is compared */
		fake_free(f);
	}
}
END_TEST

START_TEST(test_str_longer_than_its_room_ends_in_an_ellipsis)
{
	struct fake *f = fake_new(minors[_i]);
	uint8_t units[300];
	char text[16];
	size_t len;

	ck_assert_int_eq(
		tc_str_read(&f->py, fake_str(f, "0123456789abcdefghij"), text, sizeof(text), &len),
		0);
	ck_assert_str_eq(text, "0123456789ab\xe2\x80\xa6");
	memset(units, 0xe9, sizeof(units));
	ck_assert_int_eq(
		tc_str_read(&f->py, fake_str_units(f, 1, units, 300), text, sizeof(text), &len), 0);
	ck_assert_uint_le(len, 15);
	ck_assert_str_eq(text + len - 3, "\xe2\x80\xa6");
	ck_assert_int_eq(
		tc_str_read(&f->py, fake_str(f, "0123456789abcde"), text, sizeof(text), &len), 0);
	ck_assert_str_eq(text, "0123456789abcde");
	fake_free(f);
}
END_TEST

START_TEST(test_legacy_str_keeps_its_data_apart)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr str = fake_str(f, "apart"), data = fake_alloc(f, 8);
	char text[16];

	fake_put32(f, str + 32, 1 << 2 | 1 << 6); /* not compact */
	fake_put_bytes(f, data, "there", 5);
	tc_addr other = fake_object(f, f->types[FAKE_STR], 128);
	fake_put(f, other + 16, 5);
	fake_put32(f, other + 32, 1 << 2);
	fake_put(f, other + f->py.at.str_compact, data);
	ck_assert_int_eq(tc_str_read(&f->py, other, text, sizeof(text), NULL), 0);
	ck_assert_str_eq(text, "there");
	fake_free(f);
}
END_TEST

/* A str that lies: what is wrong, and what reading says. */
static const struct {
	unsigned offset, size;
	uint64_t value;
	int want;
} bad_strings[] = {
	{ 32, 4, 3 << 2 | 1 << 5, -TC_ETYPE }, /* no such width */
	{ 32, 4, 0, -TC_ETYPE },
	{ 16, 8, UINT64_MAX, 0 }, /* a length that lies: what is there, cut */
	{ 16, 8, 1ul << 40, 0 },
};

START_TEST(test_str_that_lies_is_refused_or_cut)
{
	struct fake *f = fake_new(14);
	tc_addr str = fake_str(f, "plain text that is long enough for the room below");
	char text[16];

	fake_put_bytes(f, str + bad_strings[_i].offset, &bad_strings[_i].value,
		       bad_strings[_i].size);
	ck_assert_int_eq(tc_str_read(&f->py, str, text, sizeof(text), NULL), bad_strings[_i].want);
	ck_assert(!tc_str_is(&f->py, str, "plain text that is long enough for the room below"));
	ck_assert_int_eq(tc_str_read(&f->py, 0, text, sizeof(text), NULL), -TC_EFAULT);
	ck_assert(!tc_str_is(&f->py, 0x20, ""));
	fake_free(f);
}
END_TEST

/* int */

static const int64_t ints[] = { 0, 1, -1, 42, (1 << 30) - 1, 1 << 30, -(1l << 59), (1l << 60) - 1 };

START_TEST(test_int_of_up_to_two_digits_is_its_value)
{
	for (int m = 0; m < ROWS(minors); m++) {
		struct fake *f = fake_new(minors[m]);
		int64_t value;
		uint64_t digits;
		ck_assert_int_eq(tc_int_read(&f->py, fake_int(f, ints[_i]), &value, &digits), 0);
		ck_assert_int_eq(value, ints[_i]);
		ck_assert_int_eq(tc_int_read(&f->py, fake_int(f, INT64_MIN), &value, &digits),
				 -TC_EBOUND);
		ck_assert_uint_eq(digits, 3);
		fake_free(f);
	}
}
END_TEST

START_TEST(test_int_at_the_end_of_its_mapping_is_read)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr object = fake_at_end(f, f->types[FAKE_INT], 28); /* of one digit */
	int64_t value;
	uint64_t digits;

	fake_put(f, object + 16, f->py.at.tagged_long ? 1 << 3 : 1);
	fake_put32(f, object + 24, 77);
	ck_assert_int_eq(tc_int_read(&f->py, object, &value, &digits), 0);
	ck_assert_int_eq(value, 77);
	f->target.size -= 4;
	ck_assert_int_eq(tc_int_read(&f->py, object, &value, &digits), -TC_EFAULT);
	fake_free(f);
}
END_TEST

/* dict and instances */

START_TEST(test_dict_gives_its_entries_in_order_and_by_name)
{
	struct fake *f = fake_new(minors[_i]);
	struct fake_pair pairs[300];
	static char names[300][16];
	struct tc_dict dict;
	tc_addr key, value, at;

	for (int i = 0; i < 300; i++) {
		snprintf(names[i], sizeof(names[i]), "k%d", i);
		pairs[i] = (struct fake_pair){ names[i], fake_int(f, i) };
	}
	for (size_t n = 0; n <= 300; n += 50) {
		at = fake_dict(f, n, pairs);
		ck_assert_int_eq(tc_dict_open(&f->py, at, &dict), 0);
		ck_assert_uint_eq(dict.used, n);
		for (size_t i = 0; i < n; i++) {
			ck_assert_int_eq(tc_dict_next(&dict, &key, &value), 1);
			ck_assert(tc_str_is(&f->py, key, names[i]));
			ck_assert_uint_eq(value, pairs[i].value);
		}
		ck_assert_int_eq(tc_dict_next(&dict, &key, &value), 0);
		ck_assert_int_eq(tc_dict_get(&f->py, at, "k7", &value), n ? 0 : -TC_ETYPE);
	}
	fake_free(f);
}
END_TEST

START_TEST(test_dict_passes_over_removed_entries_and_other_keys)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr dict = fake_general_dict(f), value;

	fake_dict_add(f, dict, fake_int(f, 3), f->yes);
	fake_dict_add(f, dict, 0, 0);
	fake_dict_add(f, dict, fake_str(f, "a"), f->none);
	ck_assert_int_eq(tc_dict_get(&f->py, dict, "a", &value), 0);
	ck_assert_uint_eq(value, f->none);
	ck_assert_int_eq(tc_dict_get(&f->py, dict, "b", &value), -TC_ETYPE);
	fake_free(f);
}
END_TEST

/* Key tables that lie: a byte or word of them, by the version's own layout. */
static const struct {
	unsigned minor, offset, size;
	uint64_t value;
} bad_keys[] = {
	{ 8, 8, 8, 0 },	  { 8, 8, 8, 1ul << 33 }, { 8, 32, 8, UINT64_MAX },
	{ 8, 32, 8, 33 }, { 12, 8, 1, 33 },	  { 12, 9, 1, 41 },
	{ 12, 10, 1, 3 }, { 12, 24, 8, 33 },	  { 12, 24, 8, UINT64_MAX },
};

START_TEST(test_dict_whose_keys_lie_is_refused)
{
	struct fake *f = fake_new(bad_keys[_i].minor);
	tc_addr dict = fake_dict(f, FAKE_PAIRS({ "a", f->none })), value;

	fake_put_bytes(f, fake_dict_keys(f, dict) + bad_keys[_i].offset, &bad_keys[_i].value,
		       bad_keys[_i].size);
	ck_assert_int_eq(tc_dict_get(&f->py, dict, "a", &value), -TC_ETYPE);
	fake_put(f, dict + 32, 0x10);
	ck_assert_int_eq(tc_dict_get(&f->py, dict, "a", &value), -TC_EFAULT);
	ck_assert_int_eq(tc_dict_get(&f->py, 0, "a", &value), -TC_EFAULT);
	fake_free(f);
}
END_TEST

/* Big tables have wider indices: entries lie further behind. */
START_TEST(test_dict_entries_behind_indices_of_each_width_are_found)
{
	struct fake *f = fake_new(minors[_i]);
	size_t sizes[] = { 200, 40000 };

	for (int s = 0; s < 2; s++) {
		struct fake_pair *pairs = calloc(sizes[s], sizeof(*pairs));
		tc_addr value;
		for (size_t i = 0; i < sizes[s]; i++)
			pairs[i] = (struct fake_pair){ i + 1 == sizes[s] ? "last" : "x", f->none };
		pairs[sizes[s] - 1].value = f->yes;
		ck_assert_int_eq(tc_dict_get(&f->py, fake_dict(f, sizes[s], pairs), "last", &value),
				 0);
		ck_assert_uint_eq(value, f->yes);
		free(pairs);
	}
	fake_free(f);
}
END_TEST

START_TEST(test_attributes_are_found_wherever_the_version_keeps_them)
{
	static const enum fake_attrs kinds[] = { FAKE_ATTRS_DICT, FAKE_ATTRS_VALUES };
	struct fake *f = fake_new(minors[_i]);
	tc_addr value;

	for (int k = 0; k < 2; k++) {
		tc_addr class = fake_class(
			f, (struct fake_class){ .name = "C", .attrs = kinds[k], .keys = "a b c" });
		tc_addr object =
			fake_instance(f, class, FAKE_PAIRS({ "a", f->yes }, { "c", f->no }));
		ck_assert_int_eq(tc_attr_get(&f->py, object, "a", &value), 0);
		ck_assert_uint_eq(value, f->yes);
		ck_assert_int_eq(tc_attr_get(&f->py, object, "c", &value), 0);
		ck_assert_uint_eq(value, f->no);
		ck_assert_int_eq(tc_attr_get(&f->py, object, "b", &value), -TC_ETYPE); /* not set */
	}
	fake_free(f);
}
END_TEST

/* The class has inline values, but this instance's were moved into a dict. */
START_TEST(test_dict_of_an_instance_comes_before_its_inline_values)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr class = fake_class(
		f, (struct fake_class){ .name = "C", .attrs = FAKE_ATTRS_VALUES, .keys = "a" });
	tc_addr object = fake_instance(f, class, FAKE_PAIRS({ "a", f->yes })), value;

	if (f->py.at.attrs == TC_ATTRS_SLOT)
		fake_put(f, object + 16, fake_dict(f, FAKE_PAIRS({ "a", f->no })));
	else
		fake_put(f, object - 24, fake_dict(f, FAKE_PAIRS({ "a", f->no })));
	if (f->py.at.attrs == TC_ATTRS_311)
		fake_put(f, object - 32, 0);
	ck_assert_int_eq(tc_attr_get(&f->py, object, "a", &value), 0);
	ck_assert_uint_eq(value, f->no);
	fake_free(f);
}
END_TEST

START_TEST(test_instance_without_attributes_says_so)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr none = fake_class(f, (struct fake_class){ .name = "N", .attrs = FAKE_ATTRS_NONE });
	tc_addr dict = fake_class(f, (struct fake_class){ .name = "D" }), value;
	tc_addr values = fake_class(
		f, (struct fake_class){ .name = "V", .attrs = FAKE_ATTRS_VALUES, .keys = "a" });

	ck_assert_int_eq(tc_attr_get(&f->py, fake_object(f, none, 64), "a", &value), -TC_ETYPE);
	ck_assert_int_eq(tc_attr_get(&f->py, fake_object(f, dict, 64), "a", &value), -TC_ETYPE);
	ck_assert_int_eq(tc_attr_get(&f->py, fake_object(f, values, 512), "a", &value), -TC_ETYPE);
	fake_put(f, values + f->py.at.ht_cached_keys, 0); /* values whose names nobody knows */
	tc_addr object = fake_object(f, values, 512);
	fake_put(f, object - 24, f->py.at.attrs == TC_ATTRS_TAGGED ? 0x1001 : 0);
	ck_assert_int_eq(tc_attr_get(&f->py, object, "a", &value), -TC_ETYPE);
	ck_assert_int_eq(tc_attr_get(&f->py, fake_object(f, 0x10, 64), "a", &value), -TC_EFAULT);
	ck_assert_int_eq(tc_attr_get(&f->py, 0, "a", &value), -TC_EFAULT);
	fake_free(f);
}
END_TEST

START_TEST(test_slot_is_found_in_the_class_or_its_bases)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr base = fake_class(
		f, (struct fake_class){ .name = "B", .attrs = FAKE_ATTRS_NONE, .slots = "x y" });
	tc_addr class = fake_class(
		f, (struct fake_class){ .name = "C", .attrs = FAKE_ATTRS_NONE, .bases = { base } });
	tc_addr at = class, dict = fake_word(f, base + TC_TP_DICT), descriptor;
	uint64_t offset;

	ck_assert_int_eq(tc_slot_offset(&f->py, class, "y", &offset), 0);
	ck_assert_uint_eq(offset, 24);
	ck_assert_int_eq(tc_slot_offset(&f->py, class, "z", &offset), -TC_ETYPE);
	for (int i = 0; i < 9; i++) /* deeper than is looked */
		at = fake_class(f, (struct fake_class){ .name = "D",
							.attrs = FAKE_ATTRS_NONE,
							.bases = { at } });
	ck_assert_int_eq(tc_slot_offset(&f->py, at, "y", &offset), -TC_ETYPE);
	ck_assert_int_eq(tc_dict_get(&f->py, dict, "y", &descriptor), 0);
	fake_put(f, fake_word(f, descriptor + 40) + 16, 5000); /* further than objects are long */
	ck_assert_int_eq(tc_slot_offset(&f->py, class, "y", &offset), -TC_ETYPE);
	fake_put(f, descriptor + 40, 0x10);
	ck_assert_int_eq(tc_slot_offset(&f->py, class, "y", &offset), -TC_EFAULT);
	ck_assert_int_eq(tc_slot_offset(&f->py, 0x10, "y", &offset), -TC_EFAULT);
	fake_free(f);
}
END_TEST

/* Sequences */

static const enum tc_seq_kind kinds[] = { TC_SEQ_LIST, TC_SEQ_TUPLE, TC_SEQ_SET, TC_SEQ_DEQUE };

static tc_addr make_seq(struct fake *f, enum tc_seq_kind kind, size_t n, const tc_addr *items)
{
	return kind == TC_SEQ_LIST  ? fake_list(f, n, items) :
	       kind == TC_SEQ_TUPLE ? fake_tuple(f, n, items) :
	       kind == TC_SEQ_SET   ? fake_set(f, n, items) :
				      fake_deque(f, n, items);
}

START_TEST(test_sequence_gives_all_items_in_order)
{
	for (int m = 0; m < ROWS(minors); m++) {
		struct fake *f = fake_new(minors[m]);
		tc_addr items[200], item;
		for (size_t i = 0; i < 200; i++)
			items[i] = f->none + 16 * i;
		for (size_t n = 0; n <= 200; n += 67) {
			struct tc_seq seq;
			ck_assert_int_eq(tc_seq_open(&f->py, make_seq(f, kinds[_i], n, items),
						     kinds[_i], &seq),
					 0);
			ck_assert_uint_eq(seq.total, n);
			for (size_t i = 0; i < n; i++) {
				ck_assert_int_eq(tc_seq_next(&seq, &item), 1);
				ck_assert_uint_eq(item, items[i]);
			}
			ck_assert_int_eq(tc_seq_next(&seq, &item), 0);
		}
		fake_free(f);
	}
}
END_TEST

/* A sequence that lies: opening or the first item fails. */
static const struct {
	enum tc_seq_kind kind;
	unsigned offset;
	uint64_t value;
	int open, next;
} bad_seqs[] = {
	{ TC_SEQ_LIST, 16, UINT64_MAX, -TC_ETYPE, 0 },	 { TC_SEQ_LIST, 24, 0x10, 0, -TC_EFAULT },
	{ TC_SEQ_TUPLE, 16, 1ul << 33, -TC_ETYPE, 0 },	 { TC_SEQ_SET, 32, 6, -TC_ETYPE, 0 },
	{ TC_SEQ_SET, 32, UINT64_MAX, -TC_ETYPE, 0 },	 { TC_SEQ_SET, 24, 5000, -TC_ETYPE, 0 },
	{ TC_SEQ_SET, 40, 0, 0, -TC_EFAULT },		 { TC_SEQ_DEQUE, 40, 64, -TC_ETYPE, 0 },
	{ TC_SEQ_DEQUE, 24, 0x10, 0, -TC_EFAULT },
};

START_TEST(test_sequence_that_lies_is_refused)
{
	struct fake *f = fake_new(14);
	tc_addr at = make_seq(f, bad_seqs[_i].kind, FAKE_ITEMS(f->none, f->yes)), item;
	struct tc_seq seq;

	fake_put(f, at + bad_seqs[_i].offset, bad_seqs[_i].value);
	ck_assert_int_eq(tc_seq_open(&f->py, at, bad_seqs[_i].kind, &seq), bad_seqs[_i].open);
	if (bad_seqs[_i].open == 0)
		ck_assert_int_eq(tc_seq_next(&seq, &item), bad_seqs[_i].next);
	ck_assert_int_eq(tc_seq_open(&f->py, 0, bad_seqs[_i].kind, &seq), -TC_EFAULT);
	fake_free(f);
}
END_TEST

START_TEST(test_set_passes_over_removed_items)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr set = fake_set(f, FAKE_ITEMS(f->none, f->yes)), item;
	struct tc_seq seq;

	fake_put(f, fake_word(f, set + 40) + 8, UINT64_MAX); /* hash −1 */
	ck_assert_int_eq(tc_seq_open(&f->py, set, TC_SEQ_SET, &seq), 0);
	ck_assert_int_eq(tc_seq_next(&seq, &item), 1);
	ck_assert_uint_eq(item, f->yes);
	ck_assert_int_eq(tc_seq_next(&seq, &item), 0);
	fake_free(f);
}
END_TEST

/* Its blocks lead in a ring: the length ends it. */
START_TEST(test_deque_whose_blocks_are_a_ring_ends_at_its_length)
{
	struct fake *f = fake_new(14);
	tc_addr items[300], deque, item;
	struct tc_seq seq;
	size_t n = 0;

	for (size_t i = 0; i < 300; i++)
		items[i] = f->none;
	deque = fake_deque(f, 300, items);
	tc_addr block = fake_word(f, deque + 24), second = fake_word(f, block + 520);
	fake_put(f, second + 520, second);
	ck_assert_int_eq(tc_seq_open(&f->py, deque, TC_SEQ_DEQUE, &seq), 0);
	while (tc_seq_next(&seq, &item) > 0)
		n++;
	ck_assert_uint_eq(n, 300);
	fake_put(f, second + 520, 0);
	ck_assert_int_eq(tc_seq_open(&f->py, deque, TC_SEQ_DEQUE, &seq), 0);
	for (n = 0; tc_seq_next(&seq, &item) > 0; n++)
		;
	ck_assert_uint_eq(n, 66);
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pyobj");
	TCase *c = tcase_create("pyobj");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_str_of_each_width_is_utf8, 0, ROWS(strings));
	tcase_add_loop_test(c, test_str_longer_than_its_room_ends_in_an_ellipsis, 0, ROWS(minors));
	tcase_add_loop_test(c, test_legacy_str_keeps_its_data_apart, 0, ROWS(minors));
	tcase_add_loop_test(c, test_str_that_lies_is_refused_or_cut, 0, ROWS(bad_strings));
	tcase_add_loop_test(c, test_int_of_up_to_two_digits_is_its_value, 0, ROWS(ints));
	tcase_add_loop_test(c, test_int_at_the_end_of_its_mapping_is_read, 0, ROWS(minors));
	tcase_add_loop_test(c, test_dict_gives_its_entries_in_order_and_by_name, 0, ROWS(minors));
	tcase_add_loop_test(c, test_dict_passes_over_removed_entries_and_other_keys, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_dict_whose_keys_lie_is_refused, 0, ROWS(bad_keys));
	tcase_add_loop_test(c, test_dict_entries_behind_indices_of_each_width_are_found, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_attributes_are_found_wherever_the_version_keeps_them, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_dict_of_an_instance_comes_before_its_inline_values, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_instance_without_attributes_says_so, 0, ROWS(minors));
	tcase_add_loop_test(c, test_slot_is_found_in_the_class_or_its_bases, 0, ROWS(minors));
	tcase_add_loop_test(c, test_sequence_gives_all_items_in_order, 0, ROWS(kinds));
	tcase_add_loop_test(c, test_sequence_that_lies_is_refused, 0, ROWS(bad_seqs));
	tcase_add_loop_test(c, test_set_passes_over_removed_items, 0, ROWS(minors));
	tcase_add_test(c, test_deque_whose_blocks_are_a_ring_ends_at_its_length);
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
