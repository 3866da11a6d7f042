/* SPDX-License-Identifier: Apache-2.0
 * spawn N PROGRAM VARIABLES…: N times, starts PROGRAM and waits for its end: as it is, and with
 * each of the VARIABLES, NAME=VALUE with blanks between them. Prints one line for each of the N
 * rounds: what each took in ns, in the order of the arguments. Within a round they take turns to be
 * first. */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAYS_MAX 8
#define VARIABLES_MAX 256

static long long now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Our environment, with more variables in front. */
static char **environment(char *more)
{
	char **made = calloc(VARIABLES_MAX + 1, sizeof(*made));
	int n = 0;

	for (char *at = strtok(more, " "); at && n < VARIABLES_MAX; at = strtok(NULL, " "))
		made[n++] = at;
	for (char **at = environ; *at && n < VARIABLES_MAX; at++)
		if (strncmp(*at, "LD_PRELOAD=", 11) != 0)
			made[n++] = *at;
	return made;
}

static long long run(char *program, char **env)
{
	char *argv[] = { program, NULL };
	long long start = now_ns();
	int status;
	pid_t pid;

	if (posix_spawn(&pid, program, NULL, NULL, argv, env) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		exit(1);
	return now_ns() - start;
}

int main(int argc, char **argv)
{
	char **env[WAYS_MAX];
	long long took[WAYS_MAX];
	int n_ways = argc - 2;

	if (argc < 3 || n_ways > WAYS_MAX)
		return 2;
	env[0] = environment("");
	for (int i = 1; i < n_ways; i++)
		env[i] = environment(argv[2 + i]);
	for (int round = 0, n = atoi(argv[1]); round < n; round++) {
		for (int i = 0; i < n_ways; i++) {
			int way = (round + i) % n_ways;
			took[way] = run(argv[2], env[way]);
		}
		for (int i = 0; i < n_ways; i++)
			printf("%lld%c", took[i], i + 1 < n_ways ? ' ' : '\n');
	}
	return 0;
}
