/* SPDX-License-Identifier: Apache-2.0
 * What the descriptors of the process are. Safe in a handler. */
#ifndef TC_HOOK_FDS_H
#define TC_HOOK_FDS_H

struct tc_hook_dump;
struct tc_records;

/* In a child that shares the descriptor table: ask what all descriptors are, without opening any.
 * Then write them as records, and add the notice if some are missing. */
void tc_hook_gather_fds(struct tc_hook_dump *dump);
void tc_hook_put_fds(const struct tc_hook_dump *dump, struct tc_records *rec);
void tc_hook_note_fds(struct tc_hook_dump *dump);

#endif
