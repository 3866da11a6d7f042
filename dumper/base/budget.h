/* SPDX-License-Identifier: Apache-2.0
 * How much memory a dump may take. Not for signal handlers. */
#ifndef TC_BUDGET_H
#define TC_BUDGET_H

#include <stdint.h>

#define TC_MEMORY_MIN (24ull << 20) /* bytes; with less the walk cannot begin */

/* The default of --max-memory, in bytes: the least of 256 MiB, a quarter of what our memory cgroups
 * leave us (versions 1 and 2), and a quarter of MemAvailable; but at least TC_MEMORY_MIN. */
uint64_t tc_budget_default(void);

#endif
