/* SPDX-License-Identifier: Apache-2.0
 * Says why a request was refused. Safe in a handler. */
#ifndef TC_HOOK_REFUSE_H
#define TC_HOOK_REFUSE_H

#include <stdint.h>

struct tc_hook_process;
struct tc_request;

/* Say in one line why a request is refused, in a child of its own where one can be made. At most
 * one line a second is said, and the next one counts those in between. error: what tc_hook_request
 * returned; -EAGAIN: the last dump was ago_s seconds ago; -EOWNERDEAD: the child that made the dump
 * was killed. */
void tc_hook_refuse(const struct tc_request *request, int error, uint64_t ago_s);
/* Reap the child that says such a line, if it has ended. */
void tc_hook_reap_speaker(struct tc_hook_process *process);

#endif
