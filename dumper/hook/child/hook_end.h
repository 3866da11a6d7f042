/* SPDX-License-Identifier: Apache-2.0
 * The end of a child. Safe in a handler. */
#ifndef TC_HOOK_END_H
#define TC_HOOK_END_H

struct tc_hook_dump;

/* End this child. A snapshot first gives back its memory, so none of its other threads may be
 * running. */
_Noreturn void tc_hook_end(const struct tc_hook_dump *dump);

#endif
