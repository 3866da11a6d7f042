/* SPDX-License-Identifier: Apache-2.0
 * str and int: PEP 393 strings in three widths, integers in 30-bit digits. */
#include "lib/python/pyobj.h"

#include "lib/base/safe.h"

enum { STR_LENGTH = 16, STR_STATE = 32 };
#define STATE_KIND(state) ((state) >> 2 & 7)
#define STATE_COMPACT (1u << 5)
#define STATE_ASCII (1u << 6)

struct str_head {
	uint64_t length;
	uint32_t kind; /* bytes in one code point */
	bool ascii;
	tc_addr data;
};

static int read_head(const struct tc_py *py, tc_addr addr, struct str_head *ret)
{
	struct {
		uint64_t length, hash;
		uint32_t state;
	} head;

	if (tc_get(py->mem, addr + STR_LENGTH, &head) < 0)
		return -TC_EFAULT;
	ret->length = head.length;
	ret->kind = STATE_KIND(head.state);
	ret->ascii = head.state & STATE_ASCII;
	if (ret->kind != 1 && ret->kind != 2 && ret->kind != 4)
		return -TC_ETYPE;
	if (head.state & STATE_COMPACT) {
		ret->data = addr + (ret->ascii ? py->at.str_ascii : py->at.str_compact);
		return 0;
	}
	/* The data of a legacy string is elsewhere: PyUnicodeObject.data, behind the compact head,
	 * points to it. */
	return tc_get(py->mem, addr + py->at.str_compact, &ret->data);
}

static size_t encode(uint32_t c, uint8_t *to)
{
	if (c < 0x80) {
		to[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (uint8_t)(0xc0 | c >> 6);
		to[1] = (uint8_t)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (uint8_t)(0xe0 | c >> 12);
		to[1] = (uint8_t)(0x80 | (c >> 6 & 63));
		to[2] = (uint8_t)(0x80 | (c & 63));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | (c >> 18 & 7));
	to[1] = (uint8_t)(0x80 | (c >> 12 & 63));
	to[2] = (uint8_t)(0x80 | (c >> 6 & 63));
	to[3] = (uint8_t)(0x80 | (c & 63));
	return 4;
}

static uint32_t code_point(const uint8_t *units, uint32_t kind, size_t i)
{
	uint16_t two;
	uint32_t four;

	switch (kind) {
	case 1:
		return units[i];
	case 2:
		memcpy(&two, units + 2 * i, 2);
		return two;
	default:
		memcpy(&four, units + 4 * i, 4);
		return four;
	}
}

#define ELLIPSIS "\xe2\x80\xa6"
#define ELLIPSIS_SIZE 3
#define UNITS 128

/* Write the text as UTF-8 to text, as much as fits into room bytes; if it does not fit, "…" is its
 * end. *ret_len gets the number of bytes. 0 or -TC_EFAULT. */
static int copy(const struct tc_py *py, const struct str_head *head, char *text, size_t room,
		size_t *ret_len)
{
	uint8_t units[4 * UNITS], bytes[4];
	size_t len = 0;

	for (uint64_t done = 0; done < head->length; done += UNITS) {
		size_t n = head->length - done < UNITS ? head->length - done : UNITS;
		if (tc_read(py->mem, head->data + done * head->kind, units, n * head->kind) < 0)
			return -TC_EFAULT;
		for (size_t i = 0; i < n; i++) {
			size_t size = encode(code_point(units, head->kind, i), bytes);
			bool last = done + i + 1 == head->length;
			if (len + size + (last ? 0 : ELLIPSIS_SIZE) > room) {
				memcpy(text + len, ELLIPSIS, ELLIPSIS_SIZE);
				*ret_len = len + ELLIPSIS_SIZE;
				return 0;
			}
			memcpy(text + len, bytes, size);
			len += size;
		}
	}
	*ret_len = len;
	return 0;
}

int tc_str_read(const struct tc_py *py, tc_addr addr, char *text, size_t size, size_t *ret_len)
{
	struct str_head head;
	size_t len = 0;
	int r = read_head(py, addr, &head);

	if (r < 0)
		return r;
	if (head.ascii && head.length < size) {
		len = head.length;
		r = len ? tc_read(py->mem, head.data, text, len) : 0;
	} else {
		r = copy(py, &head, text, size - 1, &len);
	}
	if (r < 0)
		return r;
	text[len] = 0;
	if (ret_len)
		*ret_len = len;
	return 0;
}

bool tc_str_is(const struct tc_py *py, tc_addr addr, const char *text)
{
	struct str_head head;
	char bytes[64];
	size_t len = strlen(text);

	return read_head(py, addr, &head) == 0 && head.ascii && head.length == len &&
	       len < sizeof(bytes) && tc_read(py->mem, head.data, bytes, len) == 0 &&
	       memcmp(bytes, text, len) == 0;
}

/* ≤ 3.11: ob_size holds sign and number of digits; 3.12+: lv_tag = digits << 3 | sign (0 plus, 1
 * zero, 2 minus). */
bool tc_int_parse(const struct tc_layout *at, int64_t size, uint64_t digits, int64_t *ret,
		  uint64_t *ret_digits)
{
	bool minus = at->tagged_long ? (size & 3) == 2 : size < 0;
	uint64_t n = !at->tagged_long ? (minus ? 0 - (uint64_t)size : (uint64_t)size) :
		     (size & 3) == 1  ? 0 :
					(uint64_t)size >> 3;

	*ret_digits = n;
	if (n > 2)
		return false;
	int64_t value = n == 0 ? 0 : (int64_t)(digits & 0x3fffffff);
	if (n == 2)
		value |= (int64_t)(digits >> 32 & 0x3fffffff) << 30;
	*ret = minus ? -value : value;
	return true;
}

int tc_int_read(const struct tc_py *py, tc_addr addr, int64_t *ret, uint64_t *ret_digits)
{
	struct {
		int64_t size;
		uint32_t digit[2];
	} body = { .size = 0 };
	uint64_t digits;

	/* When the int has only one digit, the second may lie behind the end of the mapping. */
	if (tc_try_read(py->mem, addr + TC_OB_SIZE, &body, 16) < 0 &&
	    tc_read(py->mem, addr + TC_OB_SIZE, &body, 12) < 0)
		return -TC_EFAULT;
	memcpy(&digits, body.digit, 8);
	return tc_int_parse(&py->at, body.size, digits, ret, ret_digits) ? 0 : -TC_EBOUND;
}
