/* SPDX-License-Identifier: Apache-2.0
 * References are counted: those that are known against the future's own count. A variable that is
 * in a cell is no known one, because a function that is not of the chain may have it too. */
#include "lib/walk/walk_sole.h"

#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

/* PyTypeObject: tp_weaklistoffset, the same from 3.8 to 3.15 (Include/cpython/object.h) */
enum { TYPE_WEAKLIST = 208, FRAME_VALUES_MAX = 512 };
enum { BY_TASK_AND_ITERATOR = 2 }; /* task_fut_waiter, and fi_future of FutureIter */

void tc_walker_sole_begin(struct tc_walker *w)
{
	w->sole.n = 0;
}

void tc_walker_sole_frame(struct tc_walker *w, const struct tc_gen *gen)
{
	uint32_t i = w->sole.n++ % TC_SOLE_FRAMES;

	w->sole.frames[i].begin = gen->frame.locals;
	w->sole.frames[i].end = gen->stack_end;
	w->sole.frames[i].code = gen->frame.code;
	w->sole.frames[i].lasti = gen->frame.lasti;
	w->sole.code = gen->frame.code;
}

/* How often the values of one frame are the future; borrowed ones (3.14+: bit 0 of the word) do
 * not count. */
static uint32_t count_in(struct tc_walker *w, tc_addr begin, tc_addr end, tc_addr future)
{
	uint64_t words[64];
	uint32_t found = 0;

	for (uint64_t left = (end - begin) / 8, n; left > 0; left -= n, begin += 8 * n) {
		n = left < 64 ? left : 64;
		if (tc_read_words(w->mem, begin, words, n) < 0)
			return 0;
		for (uint64_t i = 0; i < n; i++)
			found += words[i] == future;
	}
	return found;
}

/* Is there a weak reference to it, or is that not known? */
static bool may_be_weakly_known(struct tc_walker *w, tc_addr future)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, future);
	int64_t offset;
	tc_addr list;

	return !type || tc_get(w->mem, type->addr + TYPE_WEAKLIST, &offset) < 0 || !offset ||
	       tc_get(w->mem, future + (uint64_t)offset, &list) < 0 || list;
}

bool tc_walker_is_sole(struct tc_walker *w, tc_addr future)
{
	const struct tc_walk_sole *sole = &w->sole;
	uint32_t count, known = BY_TASK_AND_ITERATOR;

	/* ob_refcnt: of its 64 bits those above 32 are 0 or flags */
	if (!sole->n || tc_get(w->mem, future, &count) < 0)
		return false;
	for (uint32_t i = 0; i < sole->n && i < TC_SOLE_FRAMES && known < count; i++)
		if (sole->frames[i].end >= sole->frames[i].begin &&
		    sole->frames[i].end - sole->frames[i].begin <= 8 * FRAME_VALUES_MAX)
			known += count_in(w, sole->frames[i].begin, sole->frames[i].end, future);
	return known == count && !may_be_weakly_known(w, future) &&
	       !tc_code_names(&w->py, w->sole.code, "Future");
}
