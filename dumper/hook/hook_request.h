/* SPDX-License-Identifier: Apache-2.0
 * All ways to a dump go through here. Safe in a handler. */
#ifndef TC_HOOK_REQUEST_H
#define TC_HOOK_REQUEST_H

struct tc_arch_context;
struct tc_request;

/* Begin a dump of this process. 0: its memory is captured, and a child makes the
 * file. -errno: -EBUSY a dump is being made, -ENOEXEC there is no Python in this process,
 * -EOPNOTSUPP it runs in an emulator; the texts of the others are in hook_refuse.c. */
int tc_hook_request(const struct tc_request *request);
/* The same for a fatal signal, whose dump goes before all others: one that is being made is waited
 * for a short time, and ended then. Returns when the file is sealed, or will not be, after
 * settings.crash_ms at most, or 3 s more where a step or a file system hangs; before that the turn
 * of another dump may take half of crash_ms. The turn is given back only if the process lives on.
 */
int tc_hook_request_crash(const struct tc_request *request);
/* The child of the last dump has asked for another snapshot: make it. 0 or -errno. */
int tc_hook_request_again(const struct tc_arch_context *context);

#endif
