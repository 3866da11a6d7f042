/* SPDX-License-Identifier: Apache-2.0
 * For step.c: functions of a running process by name, from the symbol tables of its mapped
 * files. */
#ifndef TC_STEP_SYMBOLS_H
#define TC_STEP_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct site {
	const char *name;
	uint64_t at;
};

/* Every function of the process whose name stands in names, one a line, or "MODULE:NAME". */
struct site *find_sites(pid_t pid, FILE *names, size_t *ret_n);

/* "FILE+OFFSET" of an address. */
void locate(pid_t pid, uint64_t at, char *to, size_t size);

/* The names in a directory but . and .., ended by NULL. */
char **list_directory(const char *path);
void free_list(char **list);

#endif
