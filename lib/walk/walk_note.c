/* SPDX-License-Identifier: Apache-2.0
 * What the walk reports when something is wrong: faults of the target's memory, and its own. */
#include "lib/walk/walk_note.h"

#include "lib/walk/walk_string.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

#define FAULT_RECORDS_MAX 1000u

void tc_walker_fault(struct tc_walker *w, tc_addr addr, int code, const char *what)
{
	w->counts->faults++;
	if (w->n_fault_records == FAULT_RECORDS_MAX)
		return;
	w->n_fault_records++;
	uint32_t text = tc_walker_text(w, what, strlen(what), TC_STR_CODE);
	tc_record_begin(w->out, TC_REC_FAULT);
	tc_put_u(w->out, addr);
	tc_put_u(w->out, (uint64_t)(code < 0 ? -code : code));
	tc_put_u(w->out, text);
	tc_record_end(w->out);
}

#define ARENA_SPARE 64u /* bytes: more than any one tc_arena_extend takes */

void tc_walker_note_full(struct tc_walker *w)
{
	tc_notices_add(w->notices, "the walker's memory is full: raise --max-memory");
}

void tc_walker_check_arena(struct tc_walker *w)
{
	if (w->arena->left > ARENA_SPARE)
		tc_notices_add(w->notices,
			       "a fault in taskcore: the walker's memory was used by somebody "
			       "else too; please report it");
}
