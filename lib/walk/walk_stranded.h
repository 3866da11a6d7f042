/* SPDX-License-Identifier: Apache-2.0
 * Finished tasks of loops that nobody runs. Safe in a handler. */
#ifndef TC_WALK_STRANDED_H
#define TC_WALK_STRANDED_H

#include <stdint.h>

struct tc_walker;

/* Write the tasks that have ended and whose callbacks a loop would have to run that no thread runs,
 * of all loops from this number on. From 3.14 on they are in no registry any more; one of them may
 * have ended the loop. */
void tc_walker_stranded(struct tc_walker *w, uint32_t first_loop);

#endif
