/* SPDX-License-Identifier: Apache-2.0
 * taskcore dump PID: reads one process from outside, and writes one file. Not for signal
 * handlers. */
#ifndef TC_DUMP_H
#define TC_DUMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tc_dump_options {
	pid_t pid;
	const char *file;    /* -o, or NULL; "-": standard output */
	bool replace;	     /* --force: file may exist */
	/* set by tc_dump: the temporary file that is written when file is "-" */
	int fd;
	uint64_t max_memory; /* bytes */
	bool stop;
	unsigned stop_ms; /* the target is stopped for at most so many milliseconds */
	bool no_locals, no_values, value_strings;
	uint64_t stack_bytes; /* of each thread; 0: no stacks */
};

/* Make the dump and print its path on stdout, or say in one line on stderr what went wrong; or
 * both. Returns the exit code (exit.h). *ret_path gets the path, which stays valid; NULL: there is
 * no file. */
int tc_dump(const struct tc_dump_options *options, const char **ret_path);

#endif
