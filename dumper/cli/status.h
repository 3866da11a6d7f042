/* SPDX-License-Identifier: Apache-2.0
 * taskcore status and doctor: what a process is, and what prevents us from reading it. */
#ifndef TC_STATUS_H
#define TC_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Print what is known about the process; with children, only about those below it that have an
 * event loop. max_memory: bytes for reading, here and below. Returns the exit code, as taskcore
 * dump. */
int tc_status_print(pid_t pid, uint64_t max_memory, bool children);

/* Print each check with its result. Returns the exit code; 0: the process can be read. */
int tc_doctor_print(pid_t pid, uint64_t max_memory);

#endif
