/* SPDX-License-Identifier: Apache-2.0
 * Chains of a target that runs: the pages they were read from may be of moments as far apart as the
 * whole walk. Before the tasks of a batch are walked, what holds their chains together is gathered
 * and read once more, past the cache, all of it within some microseconds: a chain that is still so
 * has existed. The others are read anew. */
#include "walker.h"

#include "safe.h"

#define TIE_BEGINS 24u /* at most so far into an object */

void tc_walker_tie(struct tc_walker *w, tc_addr from, tc_addr end)
{
	size_t size = end - from;

	if (!w->ties.wanted || end <= from || size > TC_PIECE_MAX || w->ties.n == TC_TIES_MAX ||
	    size > TC_TIES_BYTES - w->ties.size ||
	    tc_try_read(w->mem, from, w->ties.bytes + w->ties.size, size) < 0)
		return;
	w->ties.pieces[w->ties.n++] = (struct tc_mem_piece){ from, (uint32_t)size };
	w->ties.size += size;
}

void tc_walker_tie_gen(struct tc_walker *w, tc_addr addr, const struct tc_gen *gen,
		       const struct tc_pycode *code)
{
	const struct tc_layout *at = &w->py.at;
	bool object = at->frames == TC_FRAMES_OBJECT;
	tc_addr begin = addr + TC_OB_TYPE, end;

	if (!w->ties.wanted)
		return;
	if (object) {
		/* What says that it runs is beside the frame, or in it. */
		tc_walker_tie(w, begin, addr + at->gi_qualname + 8);
		begin = gen->frame.addr + at->fo_back;
	}
	if (gen->state == TC_GEN_EXECUTING) {
		tc_walker_tie(w, begin, object ? 0 : addr + at->gi_state + 1);
		return;
	}
	end = gen->frame.locals + 8ul * (code ? code->facts.n_slots : 0);
	if (gen->slot >= end && gen->slot + 8 - begin <= TC_PIECE_MAX)
		end = gen->slot + 8;
	else if (gen->slot)
		tc_walker_tie(w, gen->slot, gen->slot + 8);
	if (end - begin > TC_PIECE_MAX)
		end = begin + TC_PIECE_MAX;
	tc_walker_tie(w, begin, end);
}

/* A frame that waits for the one it called stays as it is; the innermost goes on. */
void tc_walker_tie_frame(struct tc_walker *w, const struct tc_frame_view *frame, bool innermost)
{
	const struct tc_layout *at = &w->py.at;

	if (!w->ties.wanted)
		return;
	if (at->frames == TC_FRAMES_OBJECT)
		tc_walker_tie(w, frame->addr + at->fo_back,
			      frame->addr + (innermost ? at->fo_code + 8u : at->fo_lasti + 4u));
	else
		tc_walker_tie(w, frame->addr + (at->if_code < at->if_previous ? at->if_code : at->if_previous),
			      frame->addr + (innermost ? (at->if_code < at->if_previous ?
								  at->if_previous :
								  at->if_code) +
								 8u :
							 at->if_instr + 8u));
}

/* The text of a str, or the number of an int: the name of a task may be another's by now. */
void tc_walker_tie_name(struct tc_walker *w, tc_addr name)
{
	const struct tc_type *type;
	uint64_t length;

	if (!w->ties.wanted || !(type = tc_walker_type_of(w, name)) ||
	    tc_get(w->mem, name + TC_OB_SIZE, &length) < 0)
		return;
	if (type->kind != TC_KIND_STR || length > TC_PIECE_MAX / 2)
		length = 0;
	tc_walker_tie(w, name + TC_OB_TYPE, name + w->py.at.str_ascii + length);
}

/* The ties of the tasks that did not hold in the last round, as they are now. Of another object there
 * may be more to read than of the one that was there before. */
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

/* An object that was not looked at in the last round: one call for its page. */
void tc_walker_anew(struct tc_walker *w, tc_addr addr)
{
	struct tc_ties *ties = &w->ties;
	struct tc_mem_piece page[4];

	if (!ties->wanted || ties->first || addr < 4096)
		return;
	for (uint32_t t = 0; t < ties->n_renewed; t++)
		if (ties->renewed[t] - addr <= TIE_BEGINS)
			return;
	for (unsigned i = 0; i < 4; i++)
		page[i] = (struct tc_mem_piece){ (addr & ~4095ul) + i * TC_PIECE_MAX, TC_PIECE_MAX };
	w->mem->ops->renew(w->mem, page, 4);
	if ((addr & 4095) + TC_ANEW_BYTES > 4096)
		w->mem->ops->renew(w->mem, &(struct tc_mem_piece){ (addr | 4095) + 1, TC_ANEW_BYTES }, 1);
	if (ties->n_renewed < TC_TIES_MAX)
		ties->renewed[ties->n_renewed++] = addr;
}

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

size_t tc_walker_settle(struct tc_walker *w, const tc_addr *tasks, size_t n, bool first, bool *whole)
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
