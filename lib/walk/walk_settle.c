/* SPDX-License-Identifier: Apache-2.0
 * Proves that the chains of a running target existed, a batch of tasks at a time. The reader's
 * cache may be older than the present. So all bytes that the chains rest on (ties) are gathered
 * from the cache, then read from the target again, all within some microseconds, and compared. If
 * nothing changed, the chain existed at one moment; else it is read again. */
#include "lib/walk/walk_settle.h"

#include "lib/walk/walk_task.h"
#include "lib/walk/walk_ties.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

/* Read the ties of those tasks again that changed in the last round, into the cache. At least
 * TC_ANEW_BYTES are read at each: there may be another object now, which is longer. */
static void renew(struct tc_walker *w, size_t n, const bool *whole)
{
	struct tc_ties *ties = &w->ties;
	uint32_t kept = 0, first = 0;

	for (size_t i = 0; i < n; first = ties->ends[i++])
		for (uint32_t t = first; t < ties->ends[i] && !whole[i]; t++) {
			ties->pieces[kept] = ties->pieces[t];
			if (ties->pieces[kept].size < TC_ANEW_BYTES)
				ties->pieces[kept].size = TC_ANEW_BYTES;
			kept++;
		}
	w->mem->ops->renew(w->mem, ties->pieces, kept);
	ties->n_renewed = kept;
	for (uint32_t t = 0; t < kept; t++)
		ties->renewed[t] = ties->pieces[t].from;
}

/* Walk the chains of the tasks that are not whole yet, only to note their ties. */
static void gather(struct tc_walker *w, const tc_addr *tasks, size_t n, const bool *whole)
{
	w->ties.n = 0;
	w->ties.size = 0;
	w->ties.wanted = true;
	for (size_t i = 0; i < n; i++) {
		if (tasks[i] && !whole[i])
			tc_walker_task_ties(w, tasks[i]);
		w->ties.ends[i] = w->ties.n;
	}
	w->ties.wanted = false;
}

size_t tc_walker_settle(struct tc_walker *w, const tc_addr *tasks, size_t n, bool first,
			bool *whole)
{
	struct tc_ties *ties = &w->ties;
	size_t left = 0;
	uint32_t t = 0;

	ties->first = first;
	if (!first)
		renew(w, n, whole);
	gather(w, tasks, n, whole);
	w->mem->ops->same(w->mem, ties->pieces, ties->n, ties->bytes, ties->same);
	for (size_t i = 0; i < n; i++) {
		bool same = true;
		for (; t < ties->ends[i]; t++)
			same &= ties->same[t];
		whole[i] |= same;
		left += !whole[i];
	}
	return left;
}

bool tc_walker_moves(struct tc_walker *w)
{
	return w->mem->live && w->mem->ops->moved && w->mem->ops->moved(w->mem);
}
