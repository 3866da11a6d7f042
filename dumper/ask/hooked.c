/* SPDX-License-Identifier: Apache-2.0
 * Finds the hook's published mapping in /proc/PID/maps, and reads from /proc/PID/task which signals
 * a process catches and blocks. */
#define _GNU_SOURCE
#include "dumper/ask/hooked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/base/plain.h"
#include "dumper/base/signame.h"
#include "lib/process/proc.h"
#include "dumper/outside/threads.h"
#include "dumper/ask/where.h"

#define MAPPING "/memfd:taskcore:1:%n" /* for sscanf; %n: where it ends */
#define DELETED " (deleted)"	       /* the kernel appends this to the name of every memfd */
#define THREADS_MAX 32768
#define SIGNALS_MAX 64

/* A field of a status file that is a set of signals. */
static uint64_t mask(const char *status, const char *name)
{
	const char *text = tc_proc_field(status, name);

	return text ? strtoull(text, NULL, 16) : 0;
}

/* The kernel writes a newline in a mapping's name as \012 (fs/seq_file.c mangle_path). */
static void unmangle(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		bool newline = strncmp(from, "\\012", 4) == 0;
		*to = newline ? '\n' : *from;
		from += newline ? 4 : 1;
	}
	*to = 0;
}

/* "10:61:p:/var/dumps (deleted)": what follows the fixed part of the mapping's name. */
static bool parse_name(const char *text, struct tc_hooked *ret)
{
	struct tc_hooked hooked = { .here = true };
	char how, dir[4096];
	int at = 0;

	if (sscanf(text, "%d:%d:%c:%n", &hooked.signal, &hooked.private_signal, &how, &at) != 3 ||
	    at == 0 || hooked.signal < 0 || hooked.signal > SIGNALS_MAX ||
	    hooked.private_signal < 0 || hooked.private_signal > SIGNALS_MAX ||
	    !strchr("pivq", how))
		return false;
	hooked.late = how == 'i';
	hooked.emulator = how == 'v' ? "valgrind" : how == 'q' ? "qemu-user" : NULL;
	snprintf(dir, sizeof(dir), "%s", text + at);
	char *end = strstr(dir, DELETED);
	for (char *next = end; next; next = strstr(next + 1, DELETED))
		end = next;
	if (end)
		*end = 0;
	unmangle(dir);
	hooked.dir_unknown = strcmp(dir, "?") == 0 || strlen(dir) >= sizeof(hooked.dir);
	if (dir[0] == '/' && !hooked.dir_unknown)
		strcpy(hooked.dir, dir);
	*ret = hooked;
	return true;
}

/* The name of a mapping in a line of maps: what follows five columns. NULL: not the hook's. */
static const char *hook_name(const char *line)
{
	int column = 0, end = 0;

	sscanf(line, "%*s %*s %*s %*s %*s %n" MAPPING, &column, &end);
	return end > column ? line + end : NULL;
}

int tc_hooked_find(pid_t pid, struct tc_hooked *ret)
{
	struct tc_hooked hooked = { .here = false };
	char path[64], *line = NULL;
	size_t size = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/maps", pid, tc_threads_via(pid));
	FILE *maps = fopen(path, "re");
	if (!maps)
		return errno == EACCES || errno == EPERM ? -TC_EPERM : -TC_EGONE;
	errno = 0;
	while (getline(&line, &size, maps) > 0) {
		struct tc_hooked found;
		line[strcspn(line, "\n")] = 0;
		const char *name = hook_name(line);
		/* If two libraries are in the process, the preloaded one counts: it gets the
		 * signals first. */
		if (name && parse_name(name, &found) && (!hooked.here || hooked.late))
			hooked = found;
	}
	int why = ferror(maps) ? errno : 0;
	free(line);
	fclose(maps);
	if (why)
		return why == EACCES || why == EPERM ? -TC_EPERM : -TC_EGONE;
	*ret = hooked;
	return 0;
}

/* Combine what one thread does with *ret. */
static void add_thread(int proc, pid_t tid, struct tc_signals *ret)
{
	char path[64], text[8192];

	snprintf(path, sizeof(path), "task/%d/status", tid);
	if (tc_proc_read(proc, path, text, sizeof(text)) <= 0)
		return;
	const char *state = tc_proc_field(text, "State");
	if (!state || *state == 'Z' || *state == 'X')
		return;
	ret->n_threads++;
	ret->own_pid = tc_proc_innermost(tc_proc_field(text, "NStgid"));
	ret->blocked &= mask(text, "SigBlk");
	ret->caught = mask(text, "SigCgt");
	ret->pending = mask(text, "ShdPnd");
	const char *tracer = tc_proc_field(text, "TracerPid");
	if (tracer && *tracer != '0')
		ret->tracer = (pid_t)strtol(tracer, NULL, 10);
	ret->stopped &= *state == 'T' || *state == 't';
	ret->uninterruptible &= *state == 'D';
}

int tc_hooked_signals(pid_t pid, struct tc_signals *ret)
{
	static pid_t tids[THREADS_MAX];
	struct tc_signals all = { .blocked = UINT64_MAX, .stopped = true, .uninterruptible = true };
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	int proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return errno == EACCES || errno == EPERM ? -TC_EPERM : -TC_EGONE;
	long n = tc_threads_list(proc, tids, THREADS_MAX);
	for (long i = 0; i < n && i < THREADS_MAX; i++)
		add_thread(proc, tids[i], &all);
	close(proc);
	if (all.n_threads == 0)
		return -TC_EGONE;
	*ret = all;
	return 0;
}

/* The set of signals that a thread in rt_sigtimedwait waits for. at: its address, the call's first
 * argument. If we may not read memory, every signal that the thread does not block: while it waits,
 * the kernel unblocks those that it waits for (kernel/signal.c, do_sigtimedwait). */
static uint64_t waited_set(pid_t pid, uint64_t at, uint64_t blocked)
{
	uint64_t set;
	struct iovec local = { &set, sizeof(set) }, remote = { (void *)(uintptr_t)at, sizeof(set) };

	if (at && process_vm_readv(pid, &local, 1, &remote, 1, 0) == sizeof(set))
		return set & ~blocked;
	return ~blocked;
}

/* Does the thread wait for the signal? /proc/PID/task/TID/syscall may be read only by those who may
 * trace the process; wchan needs less. */
static bool is_waiting(int proc, pid_t pid, pid_t tid, uint64_t bit)
{
	char path[64], text[8192];
	unsigned long long at = 0;
	int number = -1;

	snprintf(path, sizeof(path), "task/%d/status", tid);
	if (tc_proc_read(proc, path, text, sizeof(text)) <= 0)
		return false;
	uint64_t blocked = mask(text, "SigBlk");
	const char *state = tc_proc_field(text, "State");
	if (blocked & bit || !state || *state != 'S')
		return false;
	snprintf(path, sizeof(path), "task/%d/syscall", tid);
	if (tc_proc_read(proc, path, text, sizeof(text)) > 0) {
		sscanf(text, "%d %llx", &number, &at);
		return number == SYS_rt_sigtimedwait && waited_set(pid, at, blocked) & bit;
	}
	snprintf(path, sizeof(path), "task/%d/wchan", tid);
	return tc_proc_read(proc, path, text, sizeof(text)) > 0 && strstr(text, "sigtimedwait");
}

pid_t tc_hooked_waits(pid_t pid, int sig)
{
	static pid_t tids[THREADS_MAX];
	char path[32];
	pid_t found = 0;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	int proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return 0;
	long n = tc_threads_list(proc, tids, THREADS_MAX);
	for (long i = 0; i < n && i < THREADS_MAX && !found; i++)
		if (is_waiting(proc, pid, tids[i], TC_SIGNAL_BIT(sig)))
			found = tids[i];
	close(proc);
	return found;
}

/* What prevents the hook from making dumps, or NULL. */
static const char *trouble(pid_t pid, const struct tc_hooked *hooked,
			   const struct tc_signals *signals, const struct tc_where *where)
{
	uint64_t private_bit = TC_SIGNAL_BIT(hooked->private_signal);
	uint64_t bit = hooked->signal ? TC_SIGNAL_BIT(hooked->signal) : private_bit;

	if (!hooked->private_signal)
		return "it found no free real-time signal for taskcore signal";
	if (!(signals->caught & private_bit))
		return "the program has taken the private signal away";
	if (!(signals->caught & bit))
		return "the program has taken its signal away by a raw system call";
	if (signals->blocked & private_bit)
		return "every thread blocks the private signal";
	if (signals->blocked & bit)
		return "every thread blocks its signal";
	if (tc_hooked_waits(pid, hooked->private_signal))
		return "a thread waits for every signal in sigwait, and would take the private one";
	if (tc_hooked_waits(pid, hooked->signal))
		return "a thread waits for its signal in sigwait, and takes it";
	if (where->known && !where->dir[0])
		return "no directory can be written";
	return where->why[0] ? where->why : NULL;
}

/* Where the next dump goes. */
static void describe_where(const struct tc_hooked *hooked, const struct tc_where *where, char *to,
			   size_t size)
{
	if (hooked->dir_unknown)
		snprintf(to, size, "to TASKCORE_DIR");
	else if (where->dir[0] && hooked->dir[0])
		snprintf(to, size, "to %s", where->dir);
	else if (where->dir[0])
		snprintf(to, size, "to where the kernel would write its core: now to %s",
			 where->dir);
	else if (hooked->dir[0])
		snprintf(to, size, "to %s", hooked->dir);
	else
		snprintf(to, size, "to where the kernel would write its core");
}

bool tc_hooked_describe(pid_t pid, char *line, size_t size)
{
	struct tc_hooked hooked;
	struct tc_signals signals;
	static struct tc_where where; /* too big for the stack */
	char on[TC_SIGNAME_SIZE] = "no signal", private_on[TC_SIGNAME_SIZE], to[PATH_MAX + 64];

	int r = tc_hooked_find(pid, &hooked);
	if (r < 0 || tc_hooked_signals(pid, &signals) < 0) {
		snprintf(line, size, "unknown: /proc/%d/maps cannot be read", pid);
		return true;
	}
	if (!hooked.here) {
		snprintf(line, size, "no: not started with taskcore run");
		return true;
	}
	if (hooked.emulator) {
		snprintf(line, size,
			 "runs under %s and makes no dump there: taskcore dump %d reads it from "
			 "outside",
			 hooked.emulator, pid);
		return false;
	}
	if (hooked.signal)
		tc_signame(hooked.signal, on, sizeof(on));
	tc_signame(hooked.private_signal, private_on, sizeof(private_on));
	if (hooked.dir_unknown)
		where.known = false;
	else
		tc_where_find(pid, hooked.dir, &where);
	describe_where(&hooked, &where, to, sizeof(to));
	const char *bad = trouble(pid, &hooked, &signals, &where);
	snprintf(line, size, "%s, dumps on %s and taskcore signal (%s, number %d), %s%s%s",
		 hooked.late ?
			 "installed late (a handler that the program sets now takes its place)" :
			 "preloaded",
		 on, private_on, hooked.private_signal, to, bad ? "; but " : "", bad ? bad : "");
	tc_plain(line);
	return !bad;
}
