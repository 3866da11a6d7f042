/* SPDX-License-Identifier: Apache-2.0
 * A bounded cursor over bytes that may lie: the field types of docs/format.md section 5. A field
 * that is missing at the end reads as 0; a field that is cut in its middle sets bad. */
#ifndef TC_CURSOR_H
#define TC_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tc_cursor {
	const uint8_t *at, *end;
	bool bad; /* something did not fit: all that was read since is 0 */
};

/* Something does not fit: nothing more is read. Returns 0. */
static inline uint64_t tc_cur_spoil(struct tc_cursor *cur)
{
	cur->bad = true;
	cur->at = cur->end;
	return 0;
}

/* A number of more than one byte, where at is before end; next is what follows, NULL where it does
 * not fit. */
struct tc_number {
	uint64_t value;
	const uint8_t *next;
};
__attribute__((pure)) struct tc_number tc_number_at(const uint8_t *at, const uint8_t *end);

/* Unsigned LEB128 of at most 64 bits; most are of one byte. */
static inline uint64_t tc_cur_u(struct tc_cursor *cur)
{
	if (__builtin_expect(cur->at < cur->end && *cur->at < 128, 1))
		return *cur->at++;
	if (cur->at == cur->end)
		return 0;
	struct tc_number number = tc_number_at(cur->at, cur->end);
	if (!number.next)
		return tc_cur_spoil(cur);
	cur->at = number.next;
	return number.value;
}

/* The same, for fields that have 32 bits in the model: a larger one reads as 0, which means unknown
 * everywhere. */
static inline uint32_t tc_cur_u32(struct tc_cursor *cur)
{
	uint64_t value = tc_cur_u(cur);

	return value > UINT32_MAX ? 0 : (uint32_t)value;
}

/* Zigzag. */
static inline int64_t tc_cur_s(struct tc_cursor *cur)
{
	uint64_t value = tc_cur_u(cur);

	return (int64_t)(value >> 1 ^ -(value & 1));
}

/* An address: the difference to *previous, which is brought up to date. */
static inline uint64_t tc_cur_d(struct tc_cursor *cur, uint64_t *previous)
{
	return *previous += (uint64_t)tc_cur_s(cur);
}

static inline bool tc_cur_more(const struct tc_cursor *cur)
{
	return cur->at < cur->end && !cur->bad;
}

/* Bytes with their length before them; *ret_size is 0 when they do not fit. Borrowed from what the
 * cursor reads. */
static inline const uint8_t *tc_cur_b(struct tc_cursor *cur, size_t *ret_size)
{
	uint64_t size = tc_cur_u(cur);
	const uint8_t *bytes = cur->at;

	if (size > (size_t)(cur->end - cur->at))
		size = tc_cur_spoil(cur);
	else
		cur->at += size;
	*ret_size = (size_t)size;
	return bytes;
}

#endif
