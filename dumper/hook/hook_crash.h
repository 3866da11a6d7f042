/* SPDX-License-Identifier: Apache-2.0
 * Fatal signals: a dump before the process ends of one. */
#ifndef TC_HOOK_CRASH_H
#define TC_HOOK_CRASH_H

#include <stdbool.h>

/* Take the fatal signals, once; nothing where TASKCORE_CRASH is off. To be called when the process
 * is known to hold an interpreter, in normal context or in a handler, without the turn. */
void tc_hook_crash_take(void);

#endif
