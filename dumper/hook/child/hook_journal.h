/* SPDX-License-Identifier: Apache-2.0
 * A note in systemd's journal. Safe in a handler, and in a vfork child; never waits. */
#ifndef TC_HOOK_JOURNAL_H
#define TC_HOOK_JOURNAL_H

/* Put a line without a newline into the journal, if there is one, and if stderr is not connected to
 * it already. */
void tc_hook_journal(const char *line);

#endif
