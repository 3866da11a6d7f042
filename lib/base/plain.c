/* SPDX-License-Identifier: Apache-2.0
 * Makes names that the target chose (of files, of threads) fit for a terminal. */
#include "lib/base/plain.h"

#include <string.h>

#include "lib/base/utf8.h"
#include "lib/base/safe.h"

void tc_plain(char *text)
{
	size_t n;

	for (size_t left = strlen(text); left; text += n, left -= n) {
		uint32_t code;
		n = tc_utf8_next((const uint8_t *)text, left, &code);
		if (code == TC_BAD_BYTE || tc_utf8_hostile(code))
			memset(text, '?', n);
	}
}
