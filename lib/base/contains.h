/* SPDX-License-Identifier: Apache-2.0
 * Is a text part of another one? Safe in a handler. */
#ifndef TC_CONTAINS_H
#define TC_CONTAINS_H

#include <stdbool.h>
#include <string.h>

static inline bool tc_contains(const char *text, const char *part)
{
	const size_t len = strlen(part);

	for (; *text; text++)
		if (strncmp(text, part, len) == 0)
			return true;
	return false;
}

#endif
