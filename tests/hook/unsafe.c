/* SPDX-License-Identifier: Apache-2.0
 * A hook as it must not be: its handler calls what $UNSAFE names. The tests of the hook must fail
 * with it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *what;

static void handle(int sig)
{
	static const char line[] = "taskcore: refused (unsafe): this is no hook\n";
	time_t now = 0;
	struct tm tm;
	char text[64] = "";

	(void)sig;
	if (strcmp(what, "malloc") == 0)
		for (size_t size = 32; size < 65536; size *= 4) {
			char *volatile at =
				malloc(size); /* which the compiler must not leave out */
			if (at)
				memset(at, 0x55, size);
			free(at);
		}
	if (strcmp(what, "localtime") == 0)
		localtime_r(&now, &tm);
	if (strcmp(what, "dlsym") == 0)
		dlsym(RTLD_DEFAULT, "taskcore_dump");
	if (strcmp(what, "stdio") == 0)
		fprintf(stderr, "%s", line);
	if (strcmp(what, "snprintf") == 0)
		snprintf(text, sizeof(text), "%d", 42);
	if (write(2, line, sizeof(line) - 1) < 0)
		abort();
}

__attribute__((constructor)) static void construct(void)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART | SA_ONSTACK };

	what = getenv("UNSAFE");
	if (what)
		sigaction(SIGUSR1, &action, NULL);
}
