/* SPDX-License-Identifier: Apache-2.0
 * How a task failed: the traceback of its exception (Include/cpython/pyerrors.h,
 * PyBaseExceptionObject; Include/cpython/traceback.h). */
#include "lib/walk/walk_exception.h"

#include "lib/walk/walk_code.h"
#include "lib/walk/walk_string.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

enum { TB_NEXT = 16, TB_FRAME = 24, TB_LASTI = 32 }; /* 3.8 to 3.15 */
#define TRACEBACK_MAX 4096u /* entries that are looked at: outermost first */
#define TRACEBACK_KEPT 64u  /* of these, the innermost */

static bool is_traceback(struct tc_walker *w, tc_addr at)
{
	const struct tc_walk_type *type = at ? tc_walker_type_of(w, at) : NULL;

	return type && type->kind == TC_KIND_TRACEBACK;
}

/* The frame of a traceback entry: up to 3.10 the frame object itself, from 3.11 on the frame that
 * it points to. */
static int read_frame(struct tc_walker *w, tc_addr traceback, struct tc_frame_view *ret)
{
	tc_addr frame, previous;
	bool foreign;

	if (tc_get(w->mem, traceback + TB_FRAME, &frame) < 0 ||
	    (w->py.at.fo_frame != TC_NONE &&
	     tc_get(w->mem, frame + w->py.at.fo_frame, &frame) < 0))
		return -TC_EFAULT;
	int r = tc_frame_read(&w->py, frame, ret, &foreign, &previous);
	return r < 0 ? r : foreign ? -TC_ETYPE : 0;
}

/* Add an entry to the chain. Its position is tb_lasti, that of the call or raise: the frame itself
 * has gone on since. */
static uint32_t add_entry(struct tc_walker *w, uint32_t chain, tc_addr traceback)
{
	struct tc_frame_view frame;
	const struct tc_walk_code *code = NULL;
	int32_t lasti;
	bool awaits;

	if (read_frame(w, traceback, &frame) == 0 &&
	    tc_get(w->mem, traceback + TB_LASTI, &lasti) == 0)
		code = tc_walker_code(w, frame.code, 0);
	if (!code)
		return tc_walker_link(w, chain, TC_FRAME_UNKNOWN, 0);
	return tc_walker_link(w, chain, tc_frame_kind(code->facts.flags),
			      tc_walker_site(w, code, lasti, &awaits));
}

uint32_t tc_walker_traceback(struct tc_walker *w, tc_addr exception)
{
	static const char left_out[] = "outer frames were left out";
	const struct tc_walk_type *type = tc_walker_type_of(w, exception);
	tc_addr kept[TRACEBACK_KEPT], at;
	uint32_t n = 0, chain = 0;

	if (!type || !(type->facts.flags & TC_TPFLAG_EXCEPTION) ||
	    tc_get(w->mem, exception + w->py.at.exc_traceback, &at) < 0)
		return 0;
	for (; n < TRACEBACK_MAX && is_traceback(w, at); n++) {
		kept[n % TRACEBACK_KEPT] = at;
		if (tc_get(w->mem, at + TB_NEXT, &at) < 0)
			break;
	}
	if (n == TRACEBACK_MAX) /* the innermost frames, which say most, were not reached */
		return 0;
	if (n > TRACEBACK_KEPT)
		chain = tc_walker_link(w, 0, TC_FRAME_TEXT,
				       tc_walker_text(w, left_out, sizeof(left_out) - 1,
						      TC_STR_CODE));
	for (uint32_t i = n > TRACEBACK_KEPT ? n - TRACEBACK_KEPT : 0; i < n; i++)
		chain = add_entry(w, chain, kept[i % TRACEBACK_KEPT]);
	return chain;
}

uint32_t tc_walker_coroutine(struct tc_walker *w, tc_addr coro)
{
	const struct tc_walk_type *type = coro ? tc_walker_type_of(w, coro) : NULL;
	struct tc_gen gen;

	if (!type || (type->kind != TC_KIND_CORO && type->kind != TC_KIND_GENERATOR) ||
	    tc_gen_read(&w->py, coro, &gen) < 0)
		return 0;
	return tc_walker_str(w, gen.qualname, TC_STR_CODE);
}
