/* SPDX-License-Identifier: Apache-2.0
 * The making of the file. Safe in a handler. */
#ifndef TC_HOOK_CHILD_H
#define TC_HOOK_CHILD_H

struct tc_hook_dump;

/* Do everything from the captured memory to the line on stderr; after a walk in place only the file
 * is left to be made. dump: a struct tc_hook_dump. */
void tc_hook_child(void *dump);
/* Set the handler of SIGALRM: it removes the file, and ends the process, or the worker. */
void tc_hook_end_at_alarm(void);
/* A fault has ended tc_hook_child: remove its file, and say so. */
void tc_hook_child_failed(struct tc_hook_dump *dump);
/* The worker hangs: say so. */
void tc_hook_child_stuck(struct tc_hook_dump *dump);
/* There will be no dump: say why. */
void tc_hook_child_refuse(struct tc_hook_dump *dump, const char *why);
/* Publish the outcome and say the line, if there is one. */
void tc_hook_child_tell(const struct tc_hook_dump *dump);

#endif
