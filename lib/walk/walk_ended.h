/* SPDX-License-Identifier: Apache-2.0
 * Finished tasks that say why others wait. From 3.14 on they are in no registry any more. Safe in a
 * handler. */
#ifndef TC_WALK_ENDED_H
#define TC_WALK_ENDED_H

#include <stdint.h>

struct tc_walker;

/* Write the tasks that have ended and whose callbacks a loop would have to run that no thread runs,
 * of all loops from this number on: one of them may have ended the loop. */
void tc_walker_stranded(struct tc_walker *w, uint32_t first_loop);
/* Write the tasks that have ended and had, by the records of walk_refs.h, what others wait for. */
void tc_walker_ended(struct tc_walker *w);

#endif
