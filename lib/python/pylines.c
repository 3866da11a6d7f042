/* SPDX-License-Identifier: Apache-2.0
 * From an instruction to its line: the three table formats of 3.8 to 3.15.
 * Sources: Objects/lnotab_notes.txt (3.8–3.10), Objects/locations.md (3.11+). */
#include "lib/python/pyframe.h"

#include "lib/base/safe.h"

enum { BYTES_SIZE = 16, BYTES_DATA = 32, WINDOW = 128 };
#define TABLE_MAX (16u << 20)

/* Reads a bytes object from its front. */
struct table {
	const struct tc_py *py;
	tc_addr at;
	uint64_t left;
	unsigned n, i;
	uint8_t window[WINDOW];
};

static int open_table(const struct tc_py *py, tc_addr code, struct table *ret)
{
	tc_addr bytes;

	if (tc_get(py->mem, code + py->at.co_linetable, &bytes) < 0 ||
	    tc_get(py->mem, bytes + BYTES_SIZE, &ret->left) < 0)
		return -TC_EFAULT;
	if (ret->left > TABLE_MAX)
		return -TC_ETYPE;
	ret->py = py;
	ret->at = bytes + BYTES_DATA;
	ret->n = ret->i = 0;
	return 0;
}

/* The next byte; -1 at the end or when it cannot be read. */
static int next(struct table *table)
{
	if (table->i == table->n) {
		unsigned n = table->left < WINDOW ? (unsigned)table->left : WINDOW;
		if (n == 0 || tc_read(table->py->mem, table->at, table->window, n) < 0)
			return -1;
		table->at += n;
		table->left -= n;
		table->n = n;
		table->i = 0;
	}
	return table->window[table->i++];
}

/* 3.8, 3.9: pairs of (bytecode bytes, signed lines): after so many bytes the line changes by so
 * much. */
static void position_lnotab(struct table *table, int64_t lasti, int64_t line,
			    struct tc_position *ret)
{
	int64_t at = 0;
	int bytes, lines;

	while ((bytes = next(table)) >= 0 && (lines = next(table)) >= 0) {
		at += bytes;
		if (at > lasti)
			break;
		line += (int8_t)lines;
	}
	ret->line = (uint32_t)line;
}

/* 3.10: pairs of (bytecode bytes, signed lines): the line changes by so much, and is then that of
 * the next so many bytes. −128: these bytes have no line. */
static void position_table(struct table *table, int64_t lasti, int64_t line,
			   struct tc_position *ret)
{
	int64_t at = 0;
	int bytes, lines;

	while ((bytes = next(table)) >= 0 && (lines = next(table)) >= 0) {
		at += bytes;
		if ((int8_t)lines != -128)
			line += (int8_t)lines;
		if (at > lasti) {
			ret->line = (int8_t)lines == -128 ? 0 : (uint32_t)line;
			return;
		}
	}
}

static uint32_t varint(struct table *table)
{
	uint32_t value = 0;
	int byte;

	for (unsigned shift = 0; shift < 32; shift += 6) {
		if ((byte = next(table)) < 0)
			break;
		value |= (uint32_t)(byte & 63) << shift;
		if (!(byte & 64))
			break;
	}
	return value;
}

static int32_t signed_varint(struct table *table)
{
	uint32_t value = varint(table);

	return value & 1 ? -(int32_t)(value >> 1) : (int32_t)(value >> 1);
}

enum { CODE_ONE_LINE = 10, CODE_NO_COLUMNS = 13, CODE_LONG = 14, CODE_NONE = 15 };

/* The payload of one entry of the table of 3.11. *line is the line of the entry before, and becomes
 * that of this one. */
static void location(struct table *table, int code, int64_t *line, struct tc_position *ret)
{
	*ret = (struct tc_position){ 0 };
	if (code == CODE_NONE)
		return;
	if (code == CODE_LONG) {
		*line += signed_varint(table);
		ret->end_line = (uint32_t)*line + varint(table);
		ret->column = varint(table);
		ret->end_column = varint(table);
	} else if (code == CODE_NO_COLUMNS) {
		*line += signed_varint(table);
		ret->end_line = (uint32_t)*line;
	} else if (code >= CODE_ONE_LINE) {
		*line += code - CODE_ONE_LINE;
		ret->end_line = (uint32_t)*line;
		ret->column = (uint32_t)next(table) + 1;
		ret->end_column = (uint32_t)next(table) + 1;
	} else {
		int second = next(table);
		ret->end_line = (uint32_t)*line;
		ret->column = (uint32_t)(code << 3 | (second >> 4 & 7)) + 1;
		ret->end_column = ret->column + (uint32_t)(second & 15);
	}
	ret->line = (uint32_t)*line;
}

static void position_locations(struct table *table, int64_t lasti, int64_t line,
			       struct tc_position *ret)
{
	int64_t at = 0;
	int first;

	while ((first = next(table)) >= 0) {
		struct tc_position here;
		at += ((first & 7) + 1) * 2;
		location(table, first >> 3 & 15, &line, &here);
		if (at > lasti) {
			*ret = here;
			return;
		}
	}
}

int tc_code_position(const struct tc_py *py, tc_addr code, int64_t lasti, struct tc_position *ret)
{
	struct table table;
	int32_t first;
	int r = open_table(py, code, &table);

	*ret = (struct tc_position){ 0 };
	if (tc_get(py->mem, code + py->at.co_firstlineno, &first) < 0)
		return -TC_EFAULT;
	if (lasti < 0) { /* not started: f_lineno is the first line */
		ret->line = (uint32_t)first;
		return 0;
	}
	if (r < 0)
		return r;
	if (py->at.lines == TC_LINES_LNOTAB)
		position_lnotab(&table, lasti, first, ret);
	else if (py->at.lines == TC_LINES_TABLE)
		position_table(&table, lasti, first, ret);
	else
		position_locations(&table, lasti, first, ret);
	return 0;
}
