/* SPDX-License-Identifier: Apache-2.0
 * What the walk reports when something is wrong. Safe in a handler. */
#ifndef TC_WALK_NOTE_H
#define TC_WALK_NOTE_H

#include "lib/mem/mem.h"

struct tc_walker;

/* To be called when tc_arena_extend has failed: if the arena is not full, somebody has taken from
 * it in between, which is a fault in taskcore; a notice says so. */
void tc_walker_check_arena(struct tc_walker *w);
/* Say that the memory of the walk is full. */
void tc_walker_note_full(struct tc_walker *w);
/* Count a fault of the target's memory at addr (code: a tc_code, of either sign), and write a FAULT
 * record; what: static text. */
void tc_walker_fault(struct tc_walker *w, tc_addr addr, int code, const char *what);

#endif
