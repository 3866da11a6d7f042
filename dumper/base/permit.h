/* SPDX-License-Identifier: Apache-2.0
 * Why a process may not be read: does the kernel's checks, one after the other (kernel/ptrace.c,
 * __ptrace_may_access). Not for signal handlers. */
#ifndef TC_PERMIT_H
#define TC_PERMIT_H

#include <stddef.h>
#include <sys/types.h>

/* Write one line into the size bytes at line: what forbids us to read pid, and what would allow
 * it. */
void tc_permit_explain(pid_t pid, char *line, size_t size);

#endif
