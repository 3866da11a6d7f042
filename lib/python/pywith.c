/* SPDX-License-Identifier: Apache-2.0
 * A with block has a handler that begins at the depth of the stack behind its exit function. From
 * 3.11 on handlers are in the code's exception table (Objects/exception_handling_notes.txt), up to
 * 3.10 in the frame's stack of blocks (Include/cpython/frameobject.h). */
#include "lib/python/pywith.h"

#include "lib/python/pybytes.h"

#include "lib/base/safe.h"

enum {
	HANDLERS_MAX = 32,	    /* that are followed from the inside out */
	ENTRIES_MAX = 4096,	    /* of one table */
	BLOCK_SIZE = 12,	    /* PyTryBlock: type, handler, level */
	BLOCKS_MAX = 20,	    /* CO_MAXBLOCKS */
	BLOCK_EXCEPT_HANDLER = 257, /* Include/opcode.h */
	FO_IBLOCK = 8, /* behind f_lasti */
	OPCODE_SETUP_WITH = 143,
	OPCODE_SETUP_ASYNC_WITH = 154,
	OPCODE_EXTENDED_ARG = 144,
	CODE_MAX = 1 << 16, /* bytes of code that are looked through */
};

/* An entry of the exception table; all but depth in units of 2 bytes. */
struct handler {
	int64_t start, end, target;
	uint32_t depth;
	bool lasti; /* the instruction is pushed too: not for the handlers of try statements */
};

/* Six bits at a time; bit 6 says that more follow. */
static int64_t varint(struct tc_bytes *table)
{
	int byte = tc_bytes_next(table);
	int64_t value = byte & 63;

	for (int i = 0; byte >= 0 && byte & 64 && i < 5; i++) {
		byte = tc_bytes_next(table);
		value = value << 6 | (byte & 63);
	}
	return byte < 0 ? -1 : value;
}

static bool next_handler(struct tc_bytes *table, struct handler *ret)
{
	int64_t start = varint(table), length = varint(table), target = varint(table);
	int64_t depth = varint(table);

	*ret = (struct handler){ start, start + length, target, (uint32_t)(depth >> 1), depth & 1 };
	return depth >= 0 && start >= 0 && length >= 0;
}

/* Find the entry for the instruction at `at`, or, with like, the one with the lowest start of those
 * with the same handler. */
static bool find_handler(const struct tc_py *py, tc_addr code, int64_t at,
			 const struct handler *like, struct handler *ret)
{
	struct handler entry;
	struct tc_bytes table;
	tc_addr bytes;

	if (tc_get(py->mem, code + py->at.co_exceptiontable, &bytes) < 0 ||
	    tc_bytes_open(py, bytes, &table) < 0)
		return false;
	for (int i = 0; i < ENTRIES_MAX && next_handler(&table, &entry); i++) {
		bool found =
			like ? entry.target == like->target : entry.start <= at && at < entry.end;
		if (found) {
			*ret = entry;
			return true;
		}
	}
	return false;
}

/* Handlers from the inside out: the code of each is inside the next one. That of a try statement
 * inside the block may have the same depth; those behind one of less depth are of what is around
 * the block, which then is being left because of an exception. */
static int64_t begin_by_table(const struct tc_py *py, const struct tc_frame_view *frame,
			      uint32_t depth)
{
	struct handler handler;
	int64_t at = frame->lasti / 2;

	for (int i = 0; i < HANDLERS_MAX && find_handler(py, frame->code, at, NULL, &handler);
	     i++) {
		if (handler.depth < depth)
			return -1;
		if (handler.depth == depth && handler.lasti)
			return find_handler(py, frame->code, 0, &handler, &handler) ?
				       2 * handler.start :
				       -1;
		at = handler.target;
	}
	return -1;
}

/* The handlers that the block at this depth may have, in units of lasti: its own. When it is being
 * left because of an exception, the block is that of the exception, and its handler has begun. Of
 * blocks with the same depth the outermost counts: try statements inside have it too. */
static bool block_handlers(const struct tc_py *py, const struct tc_frame_view *frame,
			   uint32_t depth, int64_t *ret_from, int64_t *ret_to)
{
	tc_addr blocks = frame->locals - BLOCKS_MAX * BLOCK_SIZE;
	int32_t n, block[3];

	if (tc_get(py->mem, frame->addr + py->at.fo_lasti + FO_IBLOCK, &n) < 0 || n > BLOCKS_MAX)
		return false;
	for (int32_t i = 0; i < n; i++)
		if (tc_get(py->mem, blocks + (tc_addr)i * BLOCK_SIZE, &block) == 0 &&
		    block[2] == (int32_t)depth) {
			bool left = block[0] == BLOCK_EXCEPT_HANDLER;
			*ret_from = left ? 0 : block[1];
			*ret_to = left ? frame->lasti / py->at.lasti_unit : block[1];
			return true;
		}
	return false;
}

/* The SETUP_WITH or SETUP_ASYNC_WITH that made the block: the one that leads to its handler, or to
 * the last of those that it may be. */
static int64_t begin_by_block(const struct tc_py *py, const struct tc_frame_view *frame,
			      uint32_t depth)
{
	int64_t from, to, found = -1;
	uint32_t argument = 0;
	uint8_t op[2];
	tc_addr start = tc_code_start(py, frame->code);

	if (!start || !block_handlers(py, frame, depth, &from, &to))
		return -1;
	for (int64_t at = 0; at < frame->lasti && at < CODE_MAX; at += 2) {
		if (tc_get(py->mem, start + (uint64_t)at, &op) < 0)
			return -1;
		argument = argument << 8 | op[1];
		int64_t handler = (at + 2) / py->at.lasti_unit + argument;
		if ((op[0] == OPCODE_SETUP_WITH || op[0] == OPCODE_SETUP_ASYNC_WITH) &&
		    handler >= from && handler <= to) {
			found = at;
			from = handler;
		}
		argument = op[0] == OPCODE_EXTENDED_ARG ? argument : 0;
	}
	return found;
}

int64_t tc_with_begin(const struct tc_py *py, const struct tc_frame_view *frame, uint32_t depth)
{
	if (py->at.frames == TC_FRAMES_OBJECT)
		return begin_by_block(py, frame, depth);
	return begin_by_table(py, frame, depth);
}

static uint32_t deepest_by_table(const struct tc_py *py, const struct tc_frame_view *frame)
{
	struct handler handler;
	int64_t at = frame->lasti / 2;
	uint32_t deepest = 0;

	for (int i = 0; i < HANDLERS_MAX && find_handler(py, frame->code, at, NULL, &handler);
	     i++) {
		if (handler.lasti && handler.depth > deepest)
			deepest = handler.depth;
		at = handler.target;
	}
	return deepest;
}

static uint32_t deepest_by_block(const struct tc_py *py, const struct tc_frame_view *frame)
{
	tc_addr blocks = frame->locals - BLOCKS_MAX * BLOCK_SIZE;
	int32_t n, block[3], deepest = 0;

	if (tc_get(py->mem, frame->addr + py->at.fo_lasti + FO_IBLOCK, &n) < 0 || n > BLOCKS_MAX)
		return 0;
	for (int32_t i = 0; i < n; i++)
		if (tc_get(py->mem, blocks + (tc_addr)i * BLOCK_SIZE, &block) == 0 &&
		    block[2] > deepest)
			deepest = block[2];
	return (uint32_t)deepest;
}

uint32_t tc_with_deepest(const struct tc_py *py, const struct tc_frame_view *frame)
{
	if (frame->lasti < 0)
		return 0;
	return py->at.frames == TC_FRAMES_OBJECT ? deepest_by_block(py, frame) :
						   deepest_by_table(py, frame);
}
