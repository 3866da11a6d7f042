/* SPDX-License-Identifier: Apache-2.0
 * The one right to make a dump. Everything here may run in a signal handler. */
#ifndef TC_HOOK_TURN_H
#define TC_HOOK_TURN_H

#include "dumper/hook/common/hook_process.h"

#define TC_HOOK_TURN_LOOK_NS 50000 /* between two looks whether it is free */

/* This thread, as the kernel counts it. */
uint32_t tc_hook_own_tid(void);

/* Take it; false: somebody has it. While it is held signals are blocked; *ret_mask is for giving it back. */
bool tc_hook_take_turn(struct tc_hook_process *process, uint64_t *ret_mask);
void tc_hook_give_turn(struct tc_hook_process *process, uint64_t mask);

/* With the turn taken: true: no child is in the way. One that is about to end is waited for a little. */
bool tc_hook_is_free(const struct tc_hook_process *process);
/* Wait a little for a child that has done its work and is about to end. */
bool tc_hook_has_left(void);

#endif
