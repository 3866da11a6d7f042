/* SPDX-License-Identifier: Apache-2.0
 * Kinds of waits and their words. */
#include "analyzer/knowledge/wait_kind.h"

#include <string.h>

static const char *const words[] = {
#define W(name, word) word,
	TC_WAITS(W)
#undef W
};

const char *tc_wait_word(enum tc_wait_kind wait)
{
	return wait < TC_N_WAITS ? words[wait] : "unknown";
}

enum tc_wait_kind tc_wait_of(const char *word)
{
	unsigned wait = TC_WAIT_NONE + 1;

	while (wait < TC_N_WAITS && strcmp(words[wait], word) != 0)
		wait++;
	return (enum tc_wait_kind)wait;
}
