/* SPDX-License-Identifier: Apache-2.0
 * taskcore signal: asks the hook in a process for a dump. */
#ifndef TC_ASK_H
#define TC_ASK_H

#include <sys/types.h>

struct tc_ask_options {
	pid_t pid;
	unsigned timeout_ms;
	int force_signal; /* the private signal where the hook cannot be looked for; 0: none */
	const char *dir;  /* where else the dump may appear; may be NULL */
};

/* Send the request, wait for the file that answers it, and print its path. The exit code. */
int tc_ask(const struct tc_ask_options *options);

#endif
