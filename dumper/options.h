/* SPDX-License-Identifier: Apache-2.0
 * The command line of every verb but run. */
#ifndef TC_OPTIONS_H
#define TC_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "ask.h"
#include "dump.h"

#define TC_PIDS_MAX 256

/* What the command line says; each verb looks at its own part. */
struct tc_options {
	struct tc_dump_options dump;
	struct tc_ask_options signal;
	bool report, children;
	const char *operand; /* of a verb that takes no processes, or NULL */
	pid_t pids[TC_PIDS_MAX];
	size_t n_pids;
};

/* Say one line about what is wrong with the command line; what is put in place of the %s in format.
 * Returns -1. */
int tc_options_wrong(const char *format, const char *what);

/* Read argv, whose words follow the verb, into *ret. accepts: the letters of the options that the verb
 * takes (options.c); pids: its operands are processes. 0; 1: help is asked for; -1: a line was said. */
int tc_options_read(struct tc_options *ret, char **argv, const char *accepts, bool pids);

#endif
