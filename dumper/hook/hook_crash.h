/* SPDX-License-Identifier: Apache-2.0
 * Fatal signals: a dump before the process ends of one. */
#ifndef TC_HOOK_CRASH_H
#define TC_HOOK_CRASH_H

/* Take the fatal signals, once, and give threads alternate stacks from now on; nothing where
 * TASKCORE_CRASH is off, or in an emulator. To be called when the process is known to hold an
 * interpreter. Normal context. */
void tc_hook_crash_take(void);

#endif
