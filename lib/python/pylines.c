/* SPDX-License-Identifier: Apache-2.0
 * From an instruction to its line: the three table formats of 3.8 to 3.15.
 * Sources: Objects/lnotab_notes.txt (3.8–3.10), Objects/locations.md (3.11+). */
#include "lib/python/pybytes.h"
#include "lib/python/pyframe.h"

#include "lib/base/safe.h"

static int open_table(const struct tc_py *py, tc_addr code, struct tc_bytes *ret)
{
	tc_addr bytes;

	if (tc_get(py->mem, code + py->at.co_linetable, &bytes) < 0)
		return -TC_EFAULT;
	return tc_bytes_open(py, bytes, ret);
}

/* 3.8, 3.9: pairs of (bytecode bytes, signed lines): after so many bytes the line changes by so
 * much. */
static void position_lnotab(struct tc_bytes *table, int64_t lasti, int64_t line,
			    struct tc_position *ret)
{
	int64_t at = 0;
	int bytes, lines;

	while ((bytes = tc_bytes_next(table)) >= 0 && (lines = tc_bytes_next(table)) >= 0) {
		at += bytes;
		if (at > lasti)
			break;
		line += (int8_t)lines;
	}
	ret->line = (uint32_t)line;
}

/* 3.10: pairs of (bytecode bytes, signed lines): the line changes by so much, and is then that of
 * the next so many bytes. −128: these bytes have no line. */
static void position_table(struct tc_bytes *table, int64_t lasti, int64_t line,
			   struct tc_position *ret)
{
	int64_t at = 0;
	int bytes, lines;

	while ((bytes = tc_bytes_next(table)) >= 0 && (lines = tc_bytes_next(table)) >= 0) {
		at += bytes;
		if ((int8_t)lines != -128)
			line += (int8_t)lines;
		if (at > lasti) {
			ret->line = (int8_t)lines == -128 ? 0 : (uint32_t)line;
			return;
		}
	}
}

static uint32_t varint(struct tc_bytes *table)
{
	uint32_t value = 0;
	int byte;

	for (unsigned shift = 0; shift < 32; shift += 6) {
		if ((byte = tc_bytes_next(table)) < 0)
			break;
		value |= (uint32_t)(byte & 63) << shift;
		if (!(byte & 64))
			break;
	}
	return value;
}

static int32_t signed_varint(struct tc_bytes *table)
{
	uint32_t value = varint(table);

	return value & 1 ? -(int32_t)(value >> 1) : (int32_t)(value >> 1);
}

enum { CODE_ONE_LINE = 10, CODE_NO_COLUMNS = 13, CODE_LONG = 14, CODE_NONE = 15 };

/* The payload of one entry of the table of 3.11. *line is the line of the entry before, and becomes
 * that of this one. */
static void location(struct tc_bytes *table, int code, int64_t *line, struct tc_position *ret)
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
		ret->column = (uint32_t)tc_bytes_next(table) + 1;
		ret->end_column = (uint32_t)tc_bytes_next(table) + 1;
	} else {
		int second = tc_bytes_next(table);
		ret->end_line = (uint32_t)*line;
		ret->column = (uint32_t)(code << 3 | (second >> 4 & 7)) + 1;
		ret->end_column = ret->column + (uint32_t)(second & 15);
	}
	ret->line = (uint32_t)*line;
}

static void position_locations(struct tc_bytes *table, int64_t lasti, int64_t line,
			       struct tc_position *ret)
{
	int64_t at = 0;
	int first;

	while ((first = tc_bytes_next(table)) >= 0) {
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
	struct tc_bytes table;
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
