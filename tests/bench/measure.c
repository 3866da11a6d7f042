/* SPDX-License-Identifier: Apache-2.0
 * measure N FILE COMMAND…: runs a command N times and prints for each run: wall time in ns, peak
 * resident memory in KiB, exit code, processor time in ns. FILE is removed before each run; - is
 * none. It is small itself, because the peak of a child counts the memory of the process that
 * forked it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static long long cpu_ns(const struct timeval *tv)
{
	return tv->tv_sec * 1000000000LL + tv->tv_usec * 1000LL;
}

static void run_command(char **command)
{
	int null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	execvp(command[0], command);
	_exit(127);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	for (int n = atoi(argv[1]); n > 0; n--) {
		unlink(argv[2]);
		long long start = now_ns();
		pid_t pid = vfork();
		if (pid == 0)
			run_command(argv + 3);
		int status;
		struct rusage use;
		if (pid < 0 || wait4(pid, &status, 0, &use) != pid)
			return 1;
		long long ns = now_ns() - start;
		printf("%lld %ld %d %lld\n", ns, use.ru_maxrss,
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		       cpu_ns(&use.ru_utime) + cpu_ns(&use.ru_stime));
		fflush(stdout);
	}
	return 0;
}
