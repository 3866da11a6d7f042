/* SPDX-License-Identifier: Apache-2.0
 * The end of the process. */
#ifndef TC_HOOK_EXIT_H
#define TC_HOOK_EXIT_H

/* Before the process ends or calls execve, wait for our children, for TASKCORE_PAUSE_MS at most.
 * Does nothing in a vfork child. */
void tc_hook_reap_at_end(void);

#endif
