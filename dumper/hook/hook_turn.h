/* SPDX-License-Identifier: Apache-2.0
 * The turn: only one thread at a time may make a dump. Everything here may run in a signal
 * handler. */
#ifndef TC_HOOK_TURN_H
#define TC_HOOK_TURN_H

#include "dumper/hook/common/hook_process.h"

#define TC_HOOK_TURN_LOOK_NS 50000 /* between two looks whether the turn is free */

/* The kernel's id of this thread. */
uint32_t tc_hook_own_tid(void);

/* Take the turn. False: another thread has it. Signals are blocked until tc_hook_give_turn, because
 * a handler of the program could leave by a longjmp and never give it back. *ret_mask: for
 * tc_hook_give_turn. */
bool tc_hook_take_turn(struct tc_hook_process *process, uint64_t *ret_mask);
void tc_hook_give_turn(struct tc_hook_process *process, uint64_t mask);

/* For whoever has the turn. True: no child prevents a new dump. A child that is about to end is
 * waited for, for 5 ms. */
bool tc_hook_is_free(const struct tc_hook_process *process);
/* Wait, for 5 ms, for a child that has done its work and is about to end. True: it does not prevent
 * a new dump any more. */
bool tc_hook_has_left(void);

/* Reap our children that have ended. True: none makes a dump or uses our memory. */
bool tc_hook_reap(void);
/* The same. True: no child of ours is left. */
bool tc_hook_reap_all(void);
/* Before a fork: wait, for TASKCORE_PAUSE_MS at most, while another thread begins a dump. Otherwise
 * the forked child would inherit its descriptors and memory. */
void tc_hook_before_fork(void);

#endif
