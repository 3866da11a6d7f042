/* SPDX-License-Identifier: Apache-2.0
 * taskcore dump PID: one process, read from outside, into one file. */
#ifndef TC_DUMP_H
#define TC_DUMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tc_dump_options {
	pid_t pid;
	const char *file;    /* -o, or NULL; "-": standard output */
	bool replace;	     /* --force: file may exist */
	int fd;		     /* of tc_dump: what is written where file is "-" */
	uint64_t max_memory; /* bytes */
	bool stop;
	unsigned stop_ms; /* bound in time of --stop */
	bool no_locals, no_values, value_strings;
};

/* Make the dump and print its path on stdout, or one line on stderr. The exit code (exit.h).
 * *ret_path is the path, NULL when there is no file; static. */
int tc_dump(const struct tc_dump_options *options, const char **ret_path);

#endif
