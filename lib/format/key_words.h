/* SPDX-License-Identifier: Apache-2.0
 * The names that TC_REC_FUNCTION and TC_REC_BYTECODE have always, and why: the writer's list and
 * the reader's. Safe in a handler. */
#ifndef TC_KEY_WORDS_H
#define TC_KEY_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum tc_word_class {
	TC_WORD_ENDS,	 /* it ends a wait */
	TC_WORD_REACHES, /* it reaches attributes without naming them */
	TC_WORD_LOADS,	 /* it brings code that nobody knows yet */
	TC_WORD_MAKES,	 /* it makes instances without the name of the class */
	TC_WORD_OTHER,
};

struct tc_word {
	const char *text;
	enum tc_word_class class;
};

extern const struct tc_word tc_words[];
extern const size_t tc_n_words;

bool tc_is_word(const char *text);

#endif
