/* SPDX-License-Identifier: Apache-2.0
 * taskcore signal: asks the hook in a process for a dump. Nothing in dumper/ask is for signal
 * handlers. */
#ifndef TC_ASK_H
#define TC_ASK_H

#include <sys/types.h>

struct tc_ask_options {
	pid_t pid;
	unsigned timeout_ms;
	/* the hook's private signal, for when we may not look for the hook; 0: not given */
	int force_signal;
	const char *dir;  /* another directory where the dump may appear; may be NULL */
};

/* Send the request, wait for the file that answers it, and print its path. Returns the exit code
 * (exit.h); when it is not 0, a line on stderr says why. */
int tc_ask(const struct tc_ask_options *options);

#endif
