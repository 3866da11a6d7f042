/* SPDX-License-Identifier: Apache-2.0
 * Where something with a number is in an array: a sorted list of (number, index). */
#ifndef TC_LOOKUP_H
#define TC_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

struct tc_lookup_entry {
	uint64_t key;
	size_t at;
};

struct tc_lookup {
	struct tc_lookup_entry *entries; /* ascending by key, then by index */
	size_t n, room;
};

/* Add an entry, unless key is 0. */
void tc_lookup_add(struct tc_lookup *lookup, uint64_t key, size_t at);
/* Call this once, after the last entry and before the first search. */
void tc_lookup_sort(struct tc_lookup *lookup);
/* The first entry with this key; NULL: there is none. */
const struct tc_lookup_entry *tc_lookup_find(const struct tc_lookup *lookup, uint64_t key);
/* The entry after this one with the same key; NULL: there are no more. */
const struct tc_lookup_entry *tc_lookup_next(const struct tc_lookup *lookup,
					     const struct tc_lookup_entry *entry);
void tc_lookup_deinit(struct tc_lookup *lookup);

#endif
