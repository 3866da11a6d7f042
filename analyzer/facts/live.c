/* SPDX-License-Identifier: Apache-2.0
 * A search over the instructions of one code, in units of two bytes. What an instruction does is
 * told by tables for each version (opcodes.c); how handlers are kept by
 * Objects/exception_handling_notes.txt (3.11+), up to 3.10 by SETUP_FINALLY and its like. */
#include "analyzer/facts/live.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/base/array.h"
#include "analyzer/facts/opcodes.h"

struct search {
	const struct tc_bytecode *code;
	const struct tc_opcodes *table;
	unsigned minor;
	uint32_t n;    /* units */
	uint8_t *seen; /* of each unit: 1 in a handler alone, 2 without one */
	bool handler;  /* what is reached now is reached through a handler */
	uint32_t *stack, n_stack;
	struct tc_live *ret;
};

static void use(struct search *s, uint64_t slot)
{
	if (slot < TC_LIVE_SLOTS)
		s->ret->slots[slot / 64] |= (uint64_t)1 << (slot & 63);
}

/* An instruction that uses a name. */
static void use_name(struct search *s, uint8_t op, uint32_t argument)
{
	const char shift = s->table->names[op];

	if (shift == '.')
		return;
	argument >>= shift - '0';
	if (argument < TC_LIVE_NAMES)
		s->ret->names[argument / 64] |= (uint64_t)1 << (argument & 63);
}

/* Go on at this unit. One outside of the code: it was not understood. */
static void reach(struct search *s, int64_t unit)
{
	const uint8_t how = s->handler ? 1 : 2;

	if (unit < 0 || unit >= s->n) {
		s->ret->all = s->ret->raises = true;
	} else if (s->seen[unit] < how) {
		s->seen[unit] = how;
		s->stack[s->n_stack++] = (uint32_t)unit;
	}
}

/* A number of the exception table: six bits at a time, bit 6 says that more follow. */
static bool varint(struct tc_cursor *cur, uint32_t *ret)
{
	uint8_t byte = 64;

	*ret = 0;
	for (int i = 0; byte & 64; i++) {
		if (cur->at == cur->end || i == 5)
			return false;
		byte = *cur->at++;
		*ret = *ret << 6 | (byte & 63);
	}
	return true;
}

static void reach_handler(struct search *s, int64_t unit)
{
	const bool handler = s->handler;

	s->handler = true;
	reach(s, unit);
	s->handler = handler;
}

/* The handlers of the instruction at this unit. */
static void reach_handlers(struct search *s, uint32_t unit)
{
	struct tc_cursor cur = { .at = s->code->handlers,
				 .end = s->code->handlers + s->code->handlers_size };
	uint32_t start, length, target, depth;

	while (cur.at && varint(&cur, &start) && varint(&cur, &length) && varint(&cur, &target) &&
	       varint(&cur, &depth))
		if (unit >= start && unit - start < length)
			reach_handler(s, target);
}

/* A jump's argument in units: up to 3.9 it counts bytes. */
static int64_t jump(const struct search *s, uint32_t argument)
{
	return s->minor < 10 ? argument / 2 : argument;
}

/* What the instruction at unit does, which ends before next. */
static void step(struct search *s, enum tc_opcode what, uint32_t argument, uint32_t next)
{
	switch (what) {
	case TC_OP_LOAD:
		use(s, argument);
		break;
	case TC_OP_LOAD_CELL:
		use(s, (uint64_t)argument + s->code->n_locals);
		break;
	case TC_OP_LOAD_PAIR:
		use(s, argument >> 4);
		use(s, argument & 15);
		break;
	case TC_OP_STORE_LOAD:
		use(s, argument & 15);
		break;
	case TC_OP_JUMP:
	case TC_OP_MAY_JUMP:
		reach(s, next + jump(s, argument));
		break;
	case TC_OP_SETUP:
		reach_handler(s, next + jump(s, argument));
		break;
	case TC_OP_RAISE:
		s->ret->raises |= !s->handler;
		break;
	case TC_OP_JUMP_BACK:
	case TC_OP_MAY_JUMP_BACK:
		reach(s, next - jump(s, argument));
		break;
	case TC_OP_JUMP_TO:
	case TC_OP_MAY_JUMP_TO:
		reach(s, jump(s, argument));
		break;
	case TC_OP_UNKNOWN:
		s->ret->all = s->ret->raises = true;
		break;
	default:
		break;
	}
	if (what != TC_OP_STOP && what != TC_OP_RAISE && what != TC_OP_JUMP &&
	    what != TC_OP_JUMP_BACK && what != TC_OP_JUMP_TO)
		reach(s, next);
}

/* The argument of the instruction at unit, with those of EXTENDED_ARG before it. */
static uint32_t argument_at(const struct search *s, uint32_t unit)
{
	uint32_t argument = s->code->at[2 * unit + 1];

	for (uint32_t i = 1; i < 4 && unit >= i; i++) {
		const uint8_t *before = &s->code->at[2 * (unit - i)];
		if (s->table->what[before[0]] != TC_OP_EXTENDED)
			break;
		argument |= (uint32_t)before[1] << 8 * i;
	}
	return argument;
}

static void search(struct search *s)
{
	while (s->n_stack > 0 && !s->ret->all) {
		uint32_t unit = s->stack[--s->n_stack];
		s->handler = s->seen[unit] == 1;
		uint8_t op = s->code->at[2 * unit];
		enum tc_opcode what = (enum tc_opcode)s->table->what[op];
		uint32_t next = unit + 1 + (uint32_t)(s->table->caches[op] - '0');
		if (s->code->handlers_size)
			reach_handlers(s, unit);
		if (next > s->n) {
			s->ret->all = s->ret->raises = true;
			return;
		}
		s->ret->n++;
		use_name(s, op, argument_at(s, unit));
		step(s, what, argument_at(s, unit), next);
	}
}

/* Up to 3.10 the blocks that the frame is in are not recorded: of all that begin before it, those
 * that end behind it. */
static void reach_blocks(struct search *s, uint32_t unit)
{
	for (uint32_t i = 0; i < unit; i++)
		if (s->table->what[s->code->at[2 * i]] == TC_OP_SETUP) {
			int64_t handler = i + 1 + jump(s, argument_at(s, i));
			if (handler > unit)
				reach_handler(s, handler);
		}
}

static unsigned version_of(const struct tc_model *model)
{
	return model->n_interps > 1 ? model->interps[1].version >> 16 & 255 : 0;
}

/* The instruction at this unit, or the next one: while a frame runs a call, it stands on the last
 * cache entry of that. */
static uint32_t round_up(const struct search *s, uint32_t unit)
{
	uint32_t i = 0;

	while (i < unit)
		i += 1 + (uint32_t)(s->table->caches[s->code->at[2 * i]] - '0');
	return i;
}

/* What the code may do from this unit on; NULL: it is not recorded. */
static void find(const struct tc_model *model, const struct tc_bytecode *code, uint32_t unit,
		 struct tc_live *ret)
{
	const unsigned minor = version_of(model);
	struct search s = {
		.code = code, .table = tc_opcodes_of(minor), .minor = minor, .ret = ret
	};

	*ret = (struct tc_live){ .all = !code || !s.table, .raises = !code || !s.table };
	if (ret->all)
		return;
	s.n = code->size / 2;
	s.seen = tc_array_new(s.n, sizeof(*s.seen));
	s.stack = tc_array_new(2 * (size_t)s.n, sizeof(*s.stack));
	if (unit < s.n)
		unit = round_up(&s, unit);
	reach(&s, unit);
	if (!ret->all && minor <= 10)
		reach_blocks(&s, unit);
	search(&s);
	free(s.seen);
	free(s.stack);
}

void tc_live_at(const struct tc_model *model, uint32_t site, struct tc_live *ret)
{
	const struct tc_site *at = site < model->n_sites ? &model->sites[site] : NULL;

	find(model, at && at->lasti ? tc_model_bytecode(model, at->code) : NULL,
	     at && at->lasti ? (at->lasti - 1) / 2 : 0, ret);
}

void tc_live_code(const struct tc_model *model, uint32_t code, struct tc_live *ret)
{
	find(model, tc_model_bytecode(model, code), 0, ret);
}

bool tc_live_is_private(const struct tc_model *model, uint32_t site, uint32_t slot)
{
	const struct tc_bytecode *code =
		site < model->n_sites ? tc_model_bytecode(model, model->sites[site].code) : NULL;
	const unsigned minor = version_of(model);
	const struct search s = { .code = code, .table = tc_opcodes_of(minor), .minor = minor };
	unsigned loads = 0, stores = 0;

	for (uint32_t i = 0; code && s.table && i < code->size / 2; i++) {
		const uint8_t op = code->at[2 * i];
		const uint32_t argument = argument_at(&s, i);
		switch ((enum tc_opcode)s.table->what[op]) {
		case TC_OP_LOAD:
			loads += argument == slot;
			break;
		case TC_OP_LOAD_CELL:
			loads += argument + code->n_locals == slot;
			break;
		case TC_OP_LOAD_PAIR:
			loads += (argument >> 4) == slot;
			loads += (argument & 15) == slot;
			break;
		case TC_OP_STORE:
			stores += argument == slot;
			break;
		case TC_OP_STORE_PAIR:
			stores += (argument >> 4) == slot || (argument & 15) == slot;
			break;
		case TC_OP_STORE_LOAD:
			stores += (argument >> 4) == slot;
			loads += (argument & 15) == slot;
			break;
		case TC_OP_UNKNOWN:
			return false;
		default:
			break;
		}
		i += (uint32_t)(s.table->caches[op] - '0');
	}
	return stores > 0 && loads == 1;
}
