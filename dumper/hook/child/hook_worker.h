/* SPDX-License-Identifier: Apache-2.0
 * The thread of a child that makes the file. Safe in a handler. */
#ifndef TC_HOOK_WORKER_H
#define TC_HOOK_WORKER_H

#include <stdbool.h>

struct tc_hook_dump;

/* Has the process ended, whose child we are? */
bool tc_hook_is_target_gone(const struct tc_hook_dump *dump);
/* The end of a worker that is watched. */
_Noreturn void tc_hook_work_done(struct tc_hook_dump *dump);

#endif
