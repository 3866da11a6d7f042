/* SPDX-License-Identifier: Apache-2.0
 * What the cgroups of the process allow. Safe in a handler. */
#ifndef TC_HOOK_CGROUP_H
#define TC_HOOK_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/* The bytes that the memory cgroups of this process still allow; or TC_HOOK_NO_LIMIT. */
uint64_t tc_hook_headroom(void);
/* tc_hook_headroom takes up to 70 µs, so this notes once whether there is a limit at all, and
 * tc_hook_is_limited tells what was noted. */
void tc_hook_note_limits(void);
bool tc_hook_is_limited(void);
#define TC_HOOK_NO_LIMIT (1ull << 60)
/* Do cgroups limit the CPU time? Then what we use is taken from the process. */
bool tc_hook_cpu_limited(void);

#endif
