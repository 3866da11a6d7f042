/* SPDX-License-Identifier: Apache-2.0
 * Where something with a number is in an array. */
#include "analyzer/base/lookup.h"

#include <stdlib.h>

#include "analyzer/base/array.h"

void tc_lookup_add(struct tc_lookup *lookup, uint64_t key, size_t at)
{
	if (key)
		*tc_push(lookup->entries, lookup->n, lookup->room) =
			(struct tc_lookup_entry){ key, at };
}

static int by_key(const void *one, const void *other)
{
	const struct tc_lookup_entry *a = one, *b = other;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

void tc_lookup_sort(struct tc_lookup *lookup)
{
	if (lookup->n)
		qsort(lookup->entries, lookup->n, sizeof(*lookup->entries), by_key);
}

const struct tc_lookup_entry *tc_lookup_find(const struct tc_lookup *lookup, uint64_t key)
{
	size_t low = 0, high = lookup->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (lookup->entries[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < lookup->n && lookup->entries[low].key == key ? &lookup->entries[low] : NULL;
}

const struct tc_lookup_entry *tc_lookup_next(const struct tc_lookup *lookup,
					     const struct tc_lookup_entry *entry)
{
	const struct tc_lookup_entry *next = entry + 1;

	return next < lookup->entries + lookup->n && next->key == entry->key ? next : NULL;
}

void tc_lookup_deinit(struct tc_lookup *lookup)
{
	free(lookup->entries);
	*lookup = (struct tc_lookup){ 0 };
}
