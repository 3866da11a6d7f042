/* SPDX-License-Identifier: Apache-2.0
 * Iterates over list, tuple, set and deque, reading some items at a time. */
#include "lib/python/pyobj.h"

#include "lib/base/safe.h"

enum { SET_USED = 24, SET_MASK = 32, SET_TABLE = 40 };
enum {
	DEQUE_LEFT_BLOCK = 24,
	DEQUE_LEFT_INDEX = 40,
	BLOCK_ITEMS = 8,
	BLOCK_LENGTH = 64,
	BLOCK_RIGHT = 520
};
#define MAX_ITEMS (1ul << 32)

static int open_set(struct tc_seq *seq, tc_addr addr)
{
	struct {
		uint64_t used, mask;
		tc_addr table;
	} body;

	if (tc_get(seq->py->mem, addr + SET_USED, &body) < 0)
		return -TC_EFAULT;
	/* The table's size is a power of two. */
	if (body.mask >= MAX_ITEMS || (body.mask & (body.mask + 1)) || body.used > body.mask + 1)
		return -TC_ETYPE;
	seq->total = body.used;
	seq->n = body.mask + 1;
	seq->at = body.table;
	return 0;
}

static int open_deque(struct tc_seq *seq, tc_addr addr)
{
	if (tc_get(seq->py->mem, addr + DEQUE_LEFT_BLOCK, &seq->at) < 0 ||
	    tc_get(seq->py->mem, addr + DEQUE_LEFT_INDEX, &seq->in_block) < 0)
		return -TC_EFAULT;
	return seq->in_block < BLOCK_LENGTH ? 0 : -TC_ETYPE;
}

int tc_seq_open(const struct tc_py *py, tc_addr addr, enum tc_seq_kind kind, struct tc_seq *ret)
{
	ret->py = py;
	ret->kind = kind;
	ret->i = 0;
	ret->window_n = ret->window_i = 0;
	if (kind == TC_SEQ_SET)
		return open_set(ret, addr);
	if (tc_get(py->mem, addr + TC_OB_SIZE, &ret->total) < 0)
		return -TC_EFAULT;
	if (ret->total > MAX_ITEMS)
		return -TC_ETYPE;
	ret->n = ret->total;
	if (kind == TC_SEQ_DEQUE)
		return open_deque(ret, addr);
	if (kind == TC_SEQ_TUPLE) {
		ret->at = addr + py->at.tuple_item;
		return 0;
	}
	return tc_get(py->mem, addr + TC_LIST_ITEMS, &ret->at);
}

void tc_seq_open_table(const struct tc_py *py, tc_addr table, uint64_t n, struct tc_seq *ret)
{
	ret->py = py;
	ret->kind = TC_SEQ_SET;
	ret->at = table;
	ret->n = n;
	ret->i = ret->total = 0;
	ret->window_n = ret->window_i = 0;
}

/* Read the next window of consecutive words. */
static int fill(struct tc_seq *seq)
{
	uint64_t words = seq->kind == TC_SEQ_SET ? 2 : 1, n = seq->n - seq->i;
	tc_addr from = seq->at + 8 * words * seq->i;

	if (n > TC_SEQ_WINDOW)
		n = TC_SEQ_WINDOW;
	if (seq->kind == TC_SEQ_DEQUE) {
		if (seq->in_block == BLOCK_LENGTH) {
			if (tc_get(seq->py->mem, seq->at + BLOCK_RIGHT, &seq->at) < 0)
				return -TC_EFAULT;
			seq->in_block = 0;
		}
		if (n > BLOCK_LENGTH - seq->in_block)
			n = BLOCK_LENGTH - seq->in_block;
		from = seq->at + BLOCK_ITEMS + 8 * seq->in_block;
		seq->in_block += n;
	}
	seq->window_i = 0;
	seq->window_n = (uint32_t)n;
	return tc_read(seq->py->mem, from, seq->window, 8 * words * n);
}

int tc_tuple_open(const struct tc_py *py, tc_addr at, struct tc_seq *ret)
{
	tc_addr tuple;
	int r = tc_get(py->mem, at, &tuple);

	return r < 0 ? r : tc_seq_open(py, tuple, TC_SEQ_TUPLE, ret);
}

int tc_seq_next(struct tc_seq *seq, tc_addr *ret)
{
	while (seq->i < seq->n) {
		if (seq->window_i == seq->window_n && fill(seq) < 0)
			return -TC_EFAULT;
		uint64_t j = seq->window_i++;
		seq->i++;
		if (seq->kind == TC_SEQ_SET) {
			/* An entry is {key, hash}. Key 0: it is free; hash −1: its item was
			 * removed. */
			if (seq->window[2 * j] && seq->window[2 * j + 1] != UINT64_MAX) {
				*ret = seq->window[2 * j];
				return 1;
			}
		} else if (seq->window[j]) {
			*ret = seq->window[j];
			return 1;
		}
	}
	return 0;
}
