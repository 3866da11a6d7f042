/* SPDX-License-Identifier: Apache-2.0
 * Bytes of a file, where they are. */
#ifndef TC_BYTES_H
#define TC_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the file: borrowed, not terminated. */
struct tc_text {
	const uint8_t *at;
	size_t size;
};

static inline bool tc_text_same(struct tc_text a, struct tc_text b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}
/* True for text equal to a C string. */
static inline bool tc_text_is(struct tc_text text, const char *want)
{
	return tc_text_same(text, (struct tc_text){ (const uint8_t *)want, strlen(want) });
}
/* A path without its folders; all else, which does not begin with a slash, as it is. */
static inline struct tc_text tc_text_base(struct tc_text path)
{
	if (path.size == 0 || path.at[0] != '/')
		return path;
	for (size_t i = path.size; i > 0; i--)
		if (path.at[i - 1] == '/')
			return (struct tc_text){ path.at + i, path.size - i };
	return path;
}

#endif
