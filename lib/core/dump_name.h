/* SPDX-License-Identifier: Apache-2.0
 * The name of a dump file. May run in a signal handler. */
#ifndef TC_DUMP_NAME_H
#define TC_DUMP_NAME_H

#include <stdint.h>

#define TC_DUMP_NAME_MAX 256
#define TC_DUMP_SUFFIX ".tcore"

/* "taskcore.EXE.PID.YYYYMMDDThhmmss.mmm.REASON.tcore" to *to, at most TC_DUMP_NAME_MAX bytes: EXE
 * is the base name of the path exe, at most 100 bytes of it, those outside [A-Za-z0-9._-] as '_';
 * the time is wall_ns (CLOCK_REALTIME) in UTC. The name ends with a zero; a reason that is too long
 * is cut. */
void tc_dump_name(const char *exe, uint32_t pid, uint64_t wall_ns, const char *reason, char *to);

#endif
