/* SPDX-License-Identifier: Apache-2.0
 * Writing a dump to its file. Safe in a handler. */
#ifndef TC_HOOK_WRITE_H
#define TC_HOOK_WRITE_H

#include <stdint.h>

struct tc_hook_dump;

/* Write the whole dump to the open file fd. To be called in guarded work (hook_guard.h). 0; -errno
 * of the write that failed; -ENOMEM; -EFAULT: a fault has ended a step without which there is no
 * file, its head or its end. */
int tc_hook_write(struct tc_hook_dump *dump, int fd);
/* How long the process stood still, in ns; until now, if it still does. */
uint64_t tc_hook_pause_ns(const struct tc_hook_dump *dump);

#endif
