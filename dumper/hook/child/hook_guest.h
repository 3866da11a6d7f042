/* SPDX-License-Identifier: Apache-2.0
 * The child of a dump, as a guest of the process. Safe in a handler. */
#ifndef TC_HOOK_GUEST_H
#define TC_HOOK_GUEST_H

#include <stdbool.h>
#include <stdint.h>

struct tc_hook_dump;

/* What a child runs that was made with TC_HOOK_SHARED, so that it shares the descriptor table and
 * the working directory of the process. It asks what the descriptors are, leaves the table, and has
 * a worker thread make the file. May return or end the child. */
#define TC_HOOK_SHARED (CLONE_FILES | CLONE_FS)
void tc_hook_guest(struct tc_hook_dump *dump);
/* Leave the shared table for one of our own, with nothing but stderr, if that is the file that it
 * was at the start. end: all descriptors are below this number; 0: unknown. False: the table is
 * still shared. */
bool tc_hook_leave_files(uint32_t end);
/* Would a child be in our own pid and time namespace? After unshare(CLONE_NEWPID) the first child
 * becomes the init of a new namespace, and when it has ended, no process can be started in there
 * (pid_namespaces(7)): then we must make none. */
bool tc_hook_may_have_child(void);

#endif
