/* SPDX-License-Identifier: Apache-2.0
 * Bytecode: written once for each code. */
#include "lib/walk/walk_bytecode.h"

#include "lib/python/pybytes.h"
#include "lib/python/pyframe.h"
#include "lib/walk/walk_code.h"
#include "lib/walk/walk_names.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

enum { BYTECODE_MAX = 65536 };

/* Does this code see its variables in other ways than by instructions that load them? */
static bool sees_all(struct tc_walker *w, tc_addr code)
{
	static const char *const names[] = { "locals", "vars", "dir", "eval", "exec", "_getframe" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (tc_code_names(&w->py, code, names[i]))
			return true;
	return false;
}

/* Write the bytes of a bytes object of the target, or of a part of its memory; none where they
 * cannot be read. */
static void put_bytes(struct tc_walker *w, tc_addr at, uint64_t size)
{
	uint8_t bytes[256];
	uint64_t n;

	tc_put_u(w->out, size);
	for (; size > 0; size -= n, at += n) {
		n = size < sizeof(bytes) ? size : sizeof(bytes);
		if (tc_read(w->mem, at, bytes, n) < 0)
			memset(bytes, 0, n);
		tc_put_raw(w->out, bytes, n);
	}
}

void tc_walker_put_bytecode(struct tc_walker *w, const struct tc_walk_code *code)
{
	uint64_t size = tc_code_size(&w->py, code->addr), n_locals = 0, table = 0;
	tc_addr start = tc_code_start(&w->py, code->addr), names, handlers = 0;
	uint64_t *done = tc_hash_at(&w->bytecodes, code->addr);

	if (!done || *done)
		return;
	*done = 1;
	if (!start || size > BYTECODE_MAX || sees_all(w, code->addr))
		return;
	if (w->py.at.co_exceptiontable == TC_NONE) {
		if (tc_get(w->mem, code->addr + w->py.at.co_varnames, &names) < 0 ||
		    tc_get(w->mem, names + TC_OB_SIZE, &n_locals) < 0)
			return;
	} else if (tc_get(w->mem, code->addr + w->py.at.co_exceptiontable, &handlers) < 0 ||
		   tc_get(w->mem, handlers + TC_OB_SIZE, &table) < 0 || table > BYTECODE_MAX) {
		return;
	}
	tc_walker_names_read(w, code->addr);
	if (w->names.cut)
		return;
	tc_record_begin(w->out, TC_REC_BYTECODE);
	tc_put_u(w->out, code->id);
	tc_put_u(w->out, n_locals);
	put_bytes(w, start, size);
	put_bytes(w, handlers + TC_BYTES_DATA, table);
	tc_walker_names_put(w);
	tc_record_end(w->out);
}
