/* SPDX-License-Identifier: Apache-2.0
 * Names of the signals that the hook can take. */
#ifndef TC_SIGNAME_H
#define TC_SIGNAME_H

#include <stdbool.h>
#include <stddef.h>

#define TC_SIGNAME_SIZE 24

/* "SIGUSR1", "SIGUSR2", "SIGRTMIN+2"; else "signal 5". */
void tc_signame(int sig, char *to, size_t size);

/* Is text what TASKCORE_SIGNAL takes: USR1, USR2, RTMIN, RTMIN+N (each with or without SIG in
 * front) or none? */
bool tc_signame_valid(const char *text);

#endif
