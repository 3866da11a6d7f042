/* SPDX-License-Identifier: Apache-2.0
 * A set of tasks that was stopped while its items move to another table. CPython gives the set
 * its new table first, and then copies one item after the other from the old one, which it frees
 * at the end (Objects/setobject.c, set_table_resize; its machine code was read in 3.8, 3.12 and
 * 3.13). In between all items are still in the old table, but no object refers to it any more.
 * Only the function that copies knows its address: in a register (where GCC 12 compiled it, in
 * no other place), or on the stack of its thread. So each word found there is tried.
 *
 * This gives up where the registers of that thread are not known. In a copy of the process they
 * are known of the thread whose handler made it. Those of the other threads are in the kernel,
 * which does not copy these threads (clone(2)); and then there may be no trace of the old table
 * in memory. The dump says so (TC_STATUS_DISAGREED), and a snapshot is made once more. */
#include "lib/walk/walk_resize.h"

#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

#define TABLE_LEAST 8u /* PySet_MINSIZE, Include/cpython/setobject.h */
/* A table has at most so many entries for each item, and so many more: removed items leave entries
 * behind, until the next resize. */
#define ENTRIES_EACH 8u
#define ENTRIES_MORE 65536u
/* of the stack: the frame of the function, which has a copy of a small table */
#define STACK_WORDS 64u

static bool is_item(struct tc_walker *w, const struct tc_moved_set *set, tc_addr item)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, item);

	return type && (set->weak ? type->kind == TC_KIND_WEAKREF : tc_kind_is_task(type->kind));
}

static uint64_t sum(const tc_addr *addrs, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += addrs[i];
	return sum;
}

/* Does a table of so many items as the set counts, and of nothing else, begin there? The size of
 * its table is unknown, but it is a power of two; *ret_entries is one that holds them all. Those
 * that the new table has were copied in this order, so they must be the first ones. */
static bool holds_all(struct tc_walker *w, const struct tc_moved_set *set, tc_addr table,
		      uint64_t *ret_entries)
{
	size_t n_copied = table == set->table ? 0 : set->n;
	uint64_t n = 0, copied = 0, most = ENTRIES_EACH * set->used + ENTRIES_MORE;
	struct tc_seq seq;
	tc_addr item;
	int r;

	tc_seq_open_table(&w->py, table, 0, &seq);
	for (uint64_t entries = TABLE_LEAST; n < set->used && entries <= most; entries *= 2) {
		seq.n = *ret_entries = entries;
		while ((r = tc_seq_next(&seq, &item)) > 0) {
			if (n == set->used || !is_item(w, set, item))
				return false;
			copied += n++ < n_copied ? item : 0;
		}
		if (r < 0)
			return false;
	}
	return n == set->used && n_copied <= n && copied == sum(set->found, n_copied);
}

static bool is_old(struct tc_walker *w, const struct tc_moved_set *set, uint64_t word,
		   struct tc_seq *ret)
{
	uint64_t entries;

	if (word < 4096 || word & 7 || !holds_all(w, set, word, &entries))
		return false;
	tc_seq_open_table(&w->py, word, entries, ret);
	return true;
}

static bool find(struct tc_walker *w, const struct tc_moved_set *set,
		 const struct tc_registers *registers, struct tc_seq *ret)
{
	uint64_t word;

	for (size_t i = 0; i < sizeof(registers->general) / sizeof(registers->general[0]); i++)
		if (is_old(w, set, registers->general[i], ret))
			return true;
	for (unsigned i = 0; i < STACK_WORDS; i++)
		if (tc_get(w->mem, registers->sp + 8 * i, &word) == 0 && is_old(w, set, word, ret))
			return true;
	return false;
}

bool tc_walker_old_table(struct tc_walker *w, const struct tc_moved_set *set, struct tc_seq *ret)
{
	/* most of the words are no addresses: that reading there fails is no fault of the target */
	uint64_t n_faults = w->mem->n_faults;
	/* It may have the size of the new table, but not its address yet. */
	bool found = set->used && is_old(w, set, set->table, ret);

	for (size_t i = 0; set->used && !found && i < w->mem->n_registers; i++)
		found = find(w, set, &w->mem->registers[i], ret);
	w->mem->n_faults = n_faults;
	return found;
}
