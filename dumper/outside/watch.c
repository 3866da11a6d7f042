/* SPDX-License-Identifier: Apache-2.0
 * A child process that is watched: its progress is a counter in shared memory. When the counter
 * stops, the parent stops waiting. */
#include "dumper/outside/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/process/proc.h"
#include "dumper/base/exit.h"

/* When memory runs out, the kernel should kill us and not the target, which may be in the same
 * container. */
static void volunteer_for_oom(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "1000", 4) < 0) { /* go on without */
	}
	close(fd);
}

static volatile sig_atomic_t interrupted; /* the signal that asks us to end */

static void on_signal(int number)
{
	interrupted = number;
}

static const int ends[] = { SIGINT, SIGTERM, SIGHUP };

/* on: catch the signals that would end us; off: let them end us again. */
static void catch_ends(bool on)
{
	struct sigaction act = { .sa_handler = on ? on_signal : SIG_DFL };
	struct sigaction old;

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(ends[i], &act, NULL);
}

static uint64_t now_ms(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000;
}

/* Does the child want a processor? Then it has not had one, and does not hang. *ret_ms is the CPU
 * time that it has used. */
static bool is_ready(pid_t child, uint64_t *ret_ms)
{
	char path[32], text[1024];
	struct tc_stat stat;

	*ret_ms = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", child);
	if (tc_proc_read(AT_FDCWD, path, text, sizeof(text)) <= 0 ||
	    !tc_proc_parse_stat(text, &stat))
		return false;
	*ret_ms = (stat.utime_ns + stat.stime_ns) / 1000000;
	return stat.state == 'R';
}

/* The child's progress, as far as it was seen. */
struct progress {
	uint64_t beats, since_ms;
	uint64_t cpu_ms; /* that the child had used by then */
};

/* Has the child made no progress for silence_ms? On a busy machine, or under a limit on CPU
 * time, it may have had no processor for so long. That time does not count while it waits for
 * one; its own CPU time does. */
static bool is_silent(pid_t child, const struct tc_watch *watch, unsigned silence_ms,
		      struct progress *last)
{
	uint64_t now = now_ms(), cpu_ms;

	if (watch->beats != last->beats) {
		is_ready(child, &cpu_ms);
		*last = (struct progress){ watch->beats, now, cpu_ms };
		return false;
	}
	return now - last->since_ms >= silence_ms &&
	       !(is_ready(child, &cpu_ms) && cpu_ms - last->cpu_ms < silence_ms);
}

/* Wait for the child's end. False: silence_ms have passed without progress, or a signal asks us to
 * end. */
static bool wait_for(pid_t child, struct tc_watch *watch, unsigned silence_ms)
{
	int pidfd = (int)syscall(SYS_pidfd_open, child,
				 0); /* without it (Linux < 5.3): poll sleeps in short steps */
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	struct progress last = { watch->beats, now_ms(), 0 };
	int status = 0;

	for (;;) {
		poll(&end, pidfd >= 0, pidfd >= 0 ? 100 : 1);
		if (waitpid(child, &status, WNOHANG) == child)
			break;
		if (interrupted || is_silent(child, watch, silence_ms, &last))
			return false;
	}
	if (pidfd >= 0)
		close(pidfd);
	if (WIFSIGNALED(status))
		tc_watch_end(watch, TC_EXIT_INTERNAL,
			     "the reading process was ended by signal %d (%s) while it was %s",
			     WTERMSIG(status), strsignal(WTERMSIG(status)), watch->where);
	return true;
}

int tc_watch_end(struct tc_watch *watch, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(watch->line, sizeof(watch->line), format, args);
	va_end(args);
	watch->code = code;
	return code;
}

/* The child has ended or was killed: remove its file. Wait only for a moment, because it may hang
 * in the kernel, where no signal ends it. */
static void remove_temporary(pid_t child, struct tc_watch *watch)
{
	struct timespec wait = { .tv_nsec = 1000000 };

	for (int i = 0; i < 50 && waitpid(child, NULL, WNOHANG) == 0; i++)
		nanosleep(&wait, NULL);
	unlink(watch->temporary);
}

int tc_watch_run(int (*job)(struct tc_watch *watch, void *context), void *context,
		 unsigned silence_ms, struct tc_watch **ret)
{
	struct tc_watch *watch = mmap(NULL, sizeof(*watch), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent = getpid();

	if (watch == MAP_FAILED)
		return TC_EXIT_INTERNAL;
	*ret = watch;
	watch->where = "starting";
	watch->code = TC_EXIT_INTERNAL;
	catch_ends(true);
	pid_t child = fork();
	if (child < 0)
		return tc_watch_end(watch, TC_EXIT_INTERNAL, "cannot start a process: %s",
				    strerror(errno));
	if (child == 0) {
		catch_ends(false);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(TC_EXIT_INTERNAL);
		volunteer_for_oom();
		_exit(watch->code = job(watch, context));
	}
	if (!wait_for(child, watch, silence_ms)) {
		kill(child, SIGKILL);
		if (!interrupted)
			tc_watch_end(watch, TC_EXIT_GONE, "no answer in %u ms while %s", silence_ms,
				     watch->where);
	}
	if (watch->temporary[0] &&
	    (interrupted || watch->code == TC_EXIT_GONE || watch->code == TC_EXIT_INTERNAL))
		remove_temporary(child, watch);
	catch_ends(false);
	if (interrupted)
		raise(interrupted);
	return watch->code;
}
