/* SPDX-License-Identifier: Apache-2.0
 * Names of the signals that the hook can use. Not for signal handlers. */
#ifndef TC_SIGNAME_H
#define TC_SIGNAME_H

#include <stdbool.h>
#include <stddef.h>

#define TC_SIGNAME_SIZE 24

/* Write the name of sig into the size bytes at to: "SIGUSR1", "SIGUSR2", "SIGRTMIN+2"; of others
 * "signal 5". */
void tc_signame(int sig, char *to, size_t size);

/* May text be the value of taskcore run --signal: USR1, USR2, RTMIN, RTMIN+N (each with or without
 * SIG in front), or none? */
bool tc_signame_valid(const char *text);

#endif
