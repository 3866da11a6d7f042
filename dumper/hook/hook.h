/* SPDX-License-Identifier: Apache-2.0
 * The start of the hook. Safe in a handler. */
#ifndef TC_HOOK_H
#define TC_HOOK_H

#include <stdbool.h>

/* True: the hook was started and is not disabled. Before that, its stacks and the state of
 * hook_process.h do not exist. */
bool tc_hook_installed(void);

#endif
