/* SPDX-License-Identifier: Apache-2.0
 * The fake interpreter's values: str, int, dict, list and their like, and instances. Layouts:
 * Include/cpython/{unicodeobject,longintrepr,setobject}.h, Include/internal/pycore_dict.h,
 * Modules/_collectionsmodule.c of 3.8 to 3.15. */
#include <stdlib.h>

#include "tests/unit/fake_python.h"

enum {
	MA_USED = 16,
	MA_KEYS = 32,
	MA_VALUES = 40,
	OLD_NENTRIES = 32,
	OLD_HEAD = 40,
	NEW_NENTRIES = 24,
	NEW_HEAD = 32
};
enum { SET_USED = 24, SET_MASK = 32, SET_TABLE = 40, REGISTRY_ROOM = 2048 };
enum { BLOCK_LENGTH = 64, BLOCK_ITEMS = 8, BLOCK_RIGHT = 520, BLOCK_BYTES = 528, DEQUE_FIRST = 62 };
enum { TP_BASICSIZE = 32, TP_DICTOFFSET = 288 };

static tc_addr make_str(struct fake *f, unsigned kind, bool ascii, const void *units, size_t n)
{
	size_t head = ascii ? f->py.at.str_ascii : f->py.at.str_compact;
	tc_addr str = fake_object(f, f->types[FAKE_STR], head + n * kind + kind);

	fake_put(f, str + 16, n);
	fake_put(f, str + 24, 0x5bd1e995 * n + kind); /* some hash */
	fake_put32(f, str + 32, kind << 2 | 1u << 5 | (ascii ? 1u << 6 : 0)); /* compact */
	fake_put_bytes(f, str + head, units, n * kind);
	return str;
}

tc_addr fake_str(struct fake *f, const char *ascii)
{
	return make_str(f, 1, true, ascii, strlen(ascii));
}

tc_addr fake_str_units(struct fake *f, unsigned kind, const void *units, size_t n)
{
	return make_str(f, kind, false, units, n);
}

/* Digits of 30 bits; sign and their number: up to 3.11 in ob_size, then in lv_tag. */
static tc_addr make_int(struct fake *f, tc_addr type, int64_t value)
{
	tc_addr object = fake_object(f, type, 40);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	int64_t n = 0;

	for (; rest; rest >>= 30, n++)
		fake_put32(f, object + 24 + 4 * (uint64_t)n, rest & 0x3fffffff);
	fake_put(f, object + 16, !f->py.at.tagged_long ? (uint64_t)(value < 0 ? -n : n) :
				 (uint64_t)(n << 3 | (value < 0 ? 2 : value == 0)));
	return object;
}

tc_addr fake_int(struct fake *f, int64_t value)
{
	return make_int(f, f->types[FAKE_INT], value);
}

tc_addr fake_bool(struct fake *f, bool value)
{
	return make_int(f, f->types[FAKE_BOOL], value);
}

tc_addr fake_float(struct fake *f, double value)
{
	tc_addr object = fake_object(f, f->types[FAKE_FLOAT], 24);

	fake_put_bytes(f, object + 16, &value, sizeof(value));
	return object;
}

tc_addr fake_bytes(struct fake *f, const void *bytes, size_t size)
{
	tc_addr object = fake_object(f, f->types[FAKE_BYTES], 33 + size);

	fake_put(f, object + TC_OB_SIZE, size);
	fake_put_bytes(f, object + 32, bytes, size);
	return object;
}

/* Dicts. */

/* Room for n entries and some more; no index is ever read. */
static tc_addr make_keys(struct fake *f, size_t n, bool general)
{
	unsigned log2 = 5;

	while (1ul << log2 < 2 * n)
		log2++;
	size_t size = 1ul << log2, width = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
	tc_addr keys = fake_alloc(f, OLD_HEAD + size * width + 24 * size);
	if (f->py.at.new_keys) {
		fake_put8(f, keys + 8, (uint8_t)log2);
		fake_put8(f, keys + 9, (uint8_t)(log2 + (width == 1 ? 0 : width == 2 ? 1 : 2)));
		fake_put8(f, keys + 10, general ? 0 : 1);
	} else {
		fake_put(f, keys + 8, size);
	}
	return keys;
}

static tc_addr entry_at(const struct fake *f, tc_addr keys, uint64_t i, size_t *ret_size)
{
	uint64_t word = fake_word(f, keys + 8), size = word;

	*ret_size = 24;
	if (!f->py.at.new_keys)
		return keys + OLD_HEAD +
		       size * (size <= 0xff   ? 1 :
			       size <= 0xffff ? 2 :
						4) +
		       24 * i;
	if (word >> 16 & 255)
		*ret_size = 16;
	return keys + NEW_HEAD + (1ul << (word >> 8 & 255)) + *ret_size * i;
}

tc_addr fake_dict_keys(const struct fake *f, tc_addr dict)
{
	return fake_word(f, dict + MA_KEYS);
}

void fake_dict_add(struct fake *f, tc_addr dict, tc_addr key, tc_addr value)
{
	tc_addr keys = fake_dict_keys(f, dict),
		n_at = keys + (f->py.at.new_keys ? NEW_NENTRIES : OLD_NENTRIES);
	uint64_t n = fake_word(f, n_at), head = fake_word(f, keys + 8);
	size_t size;
	tc_addr entry = entry_at(f, keys, n, &size);

	if (n == (f->py.at.new_keys ? 1ul << (head & 255) : head))
		abort(); /* no room */
	fake_put(f, entry + size - 16, key);
	fake_put(f, entry + size - 8, value);
	fake_put(f, n_at, n + 1);
	fake_put(f, dict + MA_USED, fake_word(f, dict + MA_USED) + 1);
}

tc_addr fake_dict(struct fake *f, size_t n, const struct fake_pair *pairs)
{
	tc_addr dict = fake_object(f, f->types[FAKE_DICT], 64);

	fake_put(f, dict + MA_KEYS, make_keys(f, n, false));
	for (size_t i = 0; i < n; i++)
		fake_dict_add(f, dict, fake_str(f, pairs[i].name), pairs[i].value);
	return dict;
}

tc_addr fake_general_dict(struct fake *f)
{
	tc_addr dict = fake_object(f, f->types[FAKE_DICT], 64);

	fake_put(f, dict + MA_KEYS, make_keys(f, 0, true));
	return dict;
}

/* Instances. */

/* Put each value where the class's shared keys have its name. */
static void put_values(struct fake *f, tc_addr keys, tc_addr values, size_t n,
		       const struct fake_pair *pairs)
{
	uint64_t n_keys = fake_word(f, keys + (f->py.at.new_keys ? NEW_NENTRIES : OLD_NENTRIES));
	size_t size;

	for (size_t p = 0; p < n; p++) {
		uint64_t i = 0;
		while (i < n_keys &&
		       !tc_str_is(&f->py, fake_word(f, entry_at(f, keys, i, &size) + size - 16),
				  pairs[p].name))
			i++;
		if (i == n_keys)
			abort(); /* the class has no such key */
		fake_put(f, values + 8 * i, pairs[p].value);
	}
}

static tc_addr split_dict(struct fake *f, tc_addr keys, tc_addr values, size_t n)
{
	tc_addr dict = fake_object(f, f->types[FAKE_DICT], 64);

	fake_put(f, dict + MA_USED, n);
	fake_put(f, dict + MA_KEYS, keys);
	fake_put(f, dict + MA_VALUES, values);
	return dict;
}

static void attach(struct fake *f, tc_addr object, tc_addr class, tc_addr dict)
{
	uint64_t offset = fake_word(f, class + TP_DICTOFFSET);

	fake_put(f, f->py.at.attrs == TC_ATTRS_SLOT || offset ? object + offset : object - 24,
		 dict);
}

tc_addr fake_instance(struct fake *f, tc_addr class, size_t n, const struct fake_pair *pairs)
{
	uint64_t size = fake_word(f, class + TP_BASICSIZE);
	tc_addr object = fake_object(f, class, size + 512),
		keys = fake_word(f, class + f->py.at.ht_cached_keys);
	tc_addr block = f->py.at.attrs == TC_ATTRS_INLINE ? object + size : fake_alloc(f, 512);

	if (!keys || !(fake_word(f, class + TC_TP_FLAGS) & TC_TPFLAG_HEAPTYPE)) {
		attach(f, object, class, fake_dict(f, n, pairs));
		return object;
	}
	put_values(f, keys, block + (f->py.at.prefixed_values ? 8 : 0), n, pairs);
	if (f->py.at.attrs == TC_ATTRS_SLOT)
		attach(f, object, class, split_dict(f, keys, block, n));
	else if (f->py.at.attrs == TC_ATTRS_311)
		fake_put(f, object - 32, block);
	else if (f->py.at.attrs == TC_ATTRS_TAGGED)
		fake_put(f, object - 24, block - 1);
	return object;
}

/* Sequences. */

tc_addr fake_tuple(struct fake *f, size_t n, const tc_addr *items)
{
	tc_addr tuple = fake_object(f, f->types[FAKE_TUPLE], f->py.at.tuple_item + 8 * n);

	fake_put(f, tuple + TC_OB_SIZE, n);
	if (n)
		fake_put_bytes(f, tuple + f->py.at.tuple_item, items, 8 * n);
	return tuple;
}

tc_addr fake_list(struct fake *f, size_t n, const tc_addr *items)
{
	tc_addr list = fake_object(f, f->types[FAKE_LIST], 40), array = fake_alloc(f, 8 * n + 8);

	fake_put(f, list + TC_OB_SIZE, n);
	fake_put(f, list + TC_LIST_ITEMS, array);
	if (n)
		fake_put_bytes(f, array, items, 8 * n);
	return list;
}

tc_addr fake_names(struct fake *f, const char *names)
{
	tc_addr items[64];
	size_t n = 0;

	for (const char *at = names ? names : ""; *at && n < 64;) {
		char name[64] = { 0 };
		size_t len = strcspn(at, " ");
		memcpy(name, at, len < 63 ? len : 63);
		items[n++] = fake_str(f, name);
		at += len + (at[len] == ' ');
	}
	return fake_tuple(f, n, items);
}

void fake_set_add(struct fake *f, tc_addr set, tc_addr item)
{
	uint64_t used = fake_word(f, set + SET_USED);
	tc_addr slot = fake_word(f, set + SET_TABLE) + 16 * used;

	if (used > fake_word(f, set + SET_MASK))
		abort(); /* full */
	fake_put(f, slot, item);
	fake_put(f, slot + 8, used + 1); /* some hash */
	fake_put(f, set + SET_USED, used + 1);
}

tc_addr fake_set(struct fake *f, size_t n, const tc_addr *items)
{
	tc_addr set = fake_object(f, f->types[FAKE_SET], 200);

	fake_put(f, set + SET_MASK, REGISTRY_ROOM - 1);
	fake_put(f, set + SET_TABLE, fake_alloc(f, 16 * REGISTRY_ROOM));
	for (size_t i = 0; i < n; i++)
		fake_set_add(f, set, items[i]);
	return set;
}

/* The first item is near the end of its block: the third is in the next one. */
tc_addr fake_deque(struct fake *f, size_t n, const tc_addr *items)
{
	tc_addr deque = fake_object(f, f->types[FAKE_DEQUE], 232),
		block = fake_alloc(f, BLOCK_BYTES);

	fake_put(f, deque + TC_OB_SIZE, n);
	fake_put(f, deque + 24, block);
	fake_put(f, deque + 40, DEQUE_FIRST);
	for (size_t i = 0, at = DEQUE_FIRST; i < n; i++, at++) {
		if (at == BLOCK_LENGTH) {
			tc_addr right = fake_alloc(f, BLOCK_BYTES);
			fake_put(f, block + BLOCK_RIGHT, right);
			block = right;
			at = 0;
		}
		fake_put(f, block + BLOCK_ITEMS + 8 * at, items[i]);
	}
	return deque;
}
