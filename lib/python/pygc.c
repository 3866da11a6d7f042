/* SPDX-License-Identifier: Apache-2.0
 * A head is found by what every ring of nodes has: the node behind it names it as the one before.
 * The low two bits of both pointers are flags (pycore_gc.h). */
#include "lib/python/pygc.h"

#include "lib/base/safe.h"

#define POINTER (~(tc_addr)3)
enum {
	NODE_SIZE = 16, /* PyGC_Head: _gc_next, _gc_prev; the object is behind it */
	LIST_SIZE = 24, /* struct gc_generation: head, threshold, count */
	LISTS_TOGETHER = 3,
	/* Patch releases move the lists by some words: the alignment of PyGC_Head is 4 in some of
	 * Debian's, and before 3.14 generation0 stands between the third list and the frozen one.
	 * */
	DRIFT = 64,
	FROZEN_DRIFT = 16,
};

static bool is_head(const struct tc_py *py, tc_addr at)
{
	uint64_t head[2], next[2], prev[2];

	if (tc_read_words(py->mem, at, head, 2) < 0)
		return false;
	head[0] &= POINTER;
	head[1] &= POINTER;
	return head[0] >= 4096 && head[1] >= 4096 &&
	       tc_read_words(py->mem, head[0], next, 2) == 0 &&
	       tc_read_words(py->mem, head[1], prev, 2) == 0 && (next[1] & POINTER) == at &&
	       (prev[0] & POINTER) == at;
}

/* Are there `n` lists, one behind the other? */
static bool are_heads(const struct tc_py *py, tc_addr at, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!is_head(py, at + i * LIST_SIZE))
			return false;
	return true;
}

/* The first address from `at` on, and at most `drift` behind it, where n lists are; 0: none is. */
static tc_addr find_heads(const struct tc_py *py, tc_addr at, unsigned drift, unsigned n)
{
	for (unsigned d = 0; d <= drift; d += 4)
		if (are_heads(py, at + d, n))
			return at + d;
	return 0;
}

static tc_addr collecting_at(const struct tc_py *py, tc_addr runtime, tc_addr interp)
{
	return py->at.is_gc_collecting != TC_NONE ? interp + py->at.is_gc_collecting :
						    runtime + py->at.rt_gc_collecting;
}

bool tc_gc_is_collecting(const struct tc_py *py, tc_addr runtime, tc_addr interp)
{
	int32_t collecting;

	return tc_get(py->mem, collecting_at(py, runtime, interp), &collecting) < 0 || collecting;
}

int tc_gc_open(const struct tc_py *py, tc_addr runtime, tc_addr interp, struct tc_gc *ret)
{
	const tc_addr collecting = collecting_at(py, runtime, interp);

	if (tc_gc_is_collecting(py, runtime, interp))
		return -TC_ETORN;
	const tc_addr at =
		find_heads(py, collecting - py->at.gc_lists - DRIFT, 2 * DRIFT, LISTS_TOGETHER);
	const tc_addr frozen =
		at ? find_heads(py, at + LISTS_TOGETHER * LIST_SIZE, FROZEN_DRIFT, 1) : 0;
	if (!frozen)
		return -TC_EPROBE;
	*ret = (struct tc_gc){ .py = py };
	for (unsigned i = 0; i < LISTS_TOGETHER; i++)
		ret->heads[i] = at + i * LIST_SIZE;
	ret->heads[LISTS_TOGETHER] = frozen;
	return 0;
}

/* Begin the list that is next. 1, 0: there is none, or an error. */
static int open_list(struct tc_gc *gc)
{
	uint64_t head[2];

	if (gc->list == TC_GC_LISTS)
		return 0;
	if (tc_read_words(gc->py->mem, gc->heads[gc->list], head, 2) < 0)
		return -TC_EFAULT;
	gc->before = gc->heads[gc->list++];
	gc->at = head[0] & POINTER;
	return 1;
}

int tc_gc_next(struct tc_gc *gc, tc_addr *ret, uint64_t head[2])
{
	uint64_t node[4];
	int r;

	while (!gc->at || gc->at == gc->heads[gc->list - 1])
		if ((r = open_list(gc)) <= 0)
			return r;
	if (tc_read_words(gc->py->mem, gc->at, node, 4) < 0)
		return -TC_EFAULT;
	if ((node[1] & POINTER) != gc->before)
		return -TC_ETORN;
	*ret = gc->at + NODE_SIZE;
	head[0] = node[2];
	head[1] = node[3];
	gc->before = gc->at;
	gc->at = node[0] & POINTER;
	return gc->at ? 1 : -TC_ETORN;
}
