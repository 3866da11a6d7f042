/* SPDX-License-Identifier: Apache-2.0
 * The names that are always written (docs/format.md, TC_REC_FUNCTION): what ends a wait, what
 * reaches attributes without naming them, what brings code that is not loaded, and what makes
 * instances without naming their class. Safe in a handler. */
#ifndef TC_WALK_WORDS_H
#define TC_WALK_WORDS_H

#include <stdbool.h>

extern const char *const tc_walk_words[]; /* the last one is NULL */

bool tc_walk_is_word(const char *text);

#endif
