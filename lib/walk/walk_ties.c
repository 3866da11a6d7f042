/* SPDX-License-Identifier: Apache-2.0
 * Notes ties, that is, the bytes that a chain rests on (struct tc_ties), while the chain
 * of a task of a running target is followed. They are needed because the cached pages of one chain
 * may have been read at different moments of the walk. */
#include "lib/walk/walk_ties.h"

#include "lib/walk/walk_code.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

/* bytes: the first tie of an object begins at most this far behind its start */
#define TIE_BEGINS 24u

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
		       const struct tc_walk_code *code)
{
	const struct tc_layout *at = &w->py.at;
	bool object = at->frames == TC_FRAMES_OBJECT;
	tc_addr begin = addr + TC_OB_TYPE, end;

	if (!w->ties.wanted)
		return;
	if (object) {
		/* The generator object, which says (up to 3.9) that it runs, and the frame, which
		 * says it in 3.10. */
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

/* Of a frame that waits for the one that it called, the position is a tie too; that of the
 * innermost frame changes all the time. */
void tc_walker_tie_frame(struct tc_walker *w, const struct tc_frame_view *frame, bool innermost)
{
	const struct tc_layout *at = &w->py.at;

	if (!w->ties.wanted)
		return;
	if (at->frames == TC_FRAMES_OBJECT)
		tc_walker_tie(w, frame->addr + at->fo_back,
			      frame->addr + (innermost ? at->fo_code + 8u : at->fo_lasti + 4u));
	else
		tc_walker_tie(w,
			      frame->addr + (at->if_code < at->if_previous ? at->if_code :
									     at->if_previous),
			      frame->addr + (innermost ? (at->if_code < at->if_previous ?
								  at->if_previous :
								  at->if_code) +
								 8u :
							 at->if_instr + 8u));
}

/* The text of a str, or the value of an int: by now another object may be at the address of a
 * task's name. */
void tc_walker_tie_name(struct tc_walker *w, tc_addr name)
{
	const struct tc_walk_type *type;
	uint64_t length;

	if (!w->ties.wanted || !(type = tc_walker_type_of(w, name)) ||
	    tc_get(w->mem, name + TC_OB_SIZE, &length) < 0)
		return;
	if (type->kind != TC_KIND_STR || length > TC_PIECE_MAX / 2)
		length = 0;
	tc_walker_tie(w, name + TC_OB_TYPE, name + w->py.at.str_ascii + length);
}

/* An object that was not a tie in the last round: its page is read from the target again. */
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
		page[i] =
			(struct tc_mem_piece){ (addr & ~4095ul) + i * TC_PIECE_MAX, TC_PIECE_MAX };
	w->mem->ops->renew(w->mem, page, 4);
	if ((addr & 4095) + TC_ANEW_BYTES > 4096)
		w->mem->ops->renew(w->mem,
				   &(struct tc_mem_piece){ (addr | 4095) + 1, TC_ANEW_BYTES }, 1);
	if (ties->n_renewed < TC_TIES_MAX)
		ties->renewed[ties->n_renewed++] = addr;
}
