/* SPDX-License-Identifier: Apache-2.0
 * The command line of every verb but run. */
#ifndef TC_OPTIONS_H
#define TC_OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#include "dumper/ask/ask.h"
#include "dumper/outside/dump.h"

#define TC_PIDS_MAX 256

/* What the command line says; each verb uses its own part. */
struct tc_verb_options {
	struct tc_dump_options dump;
	struct tc_ask_options signal;
	bool report, children;
	const char *operand; /* the operand of a verb that takes no processes, or NULL */
	pid_t pids[TC_PIDS_MAX];
	size_t n_pids;
};

/* Say in one line on stderr what is wrong with the command line: format, with its %s replaced by
 * what. Returns -1. */
int tc_options_wrong(const char *format, const char *what);

/* Read the words behind the verb, argv, which ends with NULL, into *ret. accepts: the options that
 * the verb takes, by their letters in options.c; pids: its operands are processes. 0; 1: --help was
 * given; -1: something is wrong, and a line was said. *ret points into argv. */
int tc_options_read(struct tc_verb_options *ret, char **argv, const char *accepts, bool pids);

#endif
