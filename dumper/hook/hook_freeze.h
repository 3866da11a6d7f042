/* SPDX-License-Identifier: Apache-2.0
 * Capturing the memory of the process. Safe in a handler. */
#ifndef TC_HOOK_FREEZE_H
#define TC_HOOK_FREEZE_H

struct tc_hook_dump;

/* Capture the memory of the process: walk it here, or make a clone that does. 0: a child makes the
 * file, or it is made; or -errno. */
int tc_hook_capture(struct tc_hook_dump *dump);
/* A fault has ended tc_hook_capture: give back what it held. */
void tc_hook_capture_failed(struct tc_hook_dump *dump);

#endif
