/* SPDX-License-Identifier: Apache-2.0
 * Writes and reads the names of signals. */
#include "dumper/base/signame.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tc_signame(int sig, char *to, size_t size)
{
	if (sig == SIGUSR1 || sig == SIGUSR2)
		snprintf(to, size, "SIGUSR%d", sig == SIGUSR1 ? 1 : 2);
	else if (sig == SIGRTMIN)
		snprintf(to, size, "SIGRTMIN");
	else if (sig > SIGRTMIN && sig <= SIGRTMAX)
		snprintf(to, size, "SIGRTMIN+%d", sig - SIGRTMIN);
	else
		snprintf(to, size, "signal %d", sig);
}

bool tc_signame_valid(const char *text)
{
	char *end;

	if (strcmp(text, "none") == 0)
		return true;
	if (strncmp(text, "SIG", 3) == 0)
		text += 3;
	if (strcmp(text, "USR1") == 0 || strcmp(text, "USR2") == 0 || strcmp(text, "RTMIN") == 0)
		return true;
	if (strncmp(text, "RTMIN+", 6) != 0 || text[6] < '0' || text[6] > '9')
		return false;
	long n = strtol(text + 6, &end, 10);
	return *end == 0 && n <= SIGRTMAX - SIGRTMIN;
}
