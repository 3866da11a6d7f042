/* SPDX-License-Identifier: Apache-2.0
 * taskcore status and doctor: what a process is to us, and what is in the way of reading it. */
#ifndef TC_STATUS_H
#define TC_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Print what is known of the process, children: of those below it that have an event loop. Exit
 * codes as dump. */
int tc_status_print(pid_t pid, uint64_t max_memory, bool children);

/* Print each check with its outcome. 0: nothing is in the way. */
int tc_doctor_print(pid_t pid, uint64_t max_memory);

#endif
