/* SPDX-License-Identifier: Apache-2.0
 * Sends the hook's private signal with a cookie, and waits for the dump that has the same cookie in
 * its head. Nothing is sent to a process that does not catch the signal: it would die of it. */
#define _GNU_SOURCE
#include "dumper/ask/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/process/proc.h"
#include "lib/sys/sys.h"
#include "dumper/ask/ask_words.h"
#include "dumper/base/budget.h"
#include "dumper/outside/children.h"
#include "dumper/base/exit.h"
#include "dumper/ask/dump_head.h"
#include "dumper/base/wire.h"
#include "dumper/ask/hooked.h"
#include "dumper/base/permit.h"
#include "dumper/ask/dump_dirs.h"
#include "dumper/outside/probe.h"
#include "dumper/outside/threads.h"

#ifndef SYS_pidfd_send_signal /* Linux 5.1 and 5.3: include/uapi/asm-generic/unistd.h */
#define SYS_pidfd_send_signal 424
#define SYS_pidfd_open 434
#endif

#define BLOCKED_TRIES 100 /* a fork or pthread_create blocks all signals for a moment */
#define BLOCKED_MS 1
/* The hook makes one dump at a time, and refuses requests meanwhile. So the request is sent again:
 * so long after a dump for somebody else was completed, or so long after the signal was delivered
 * and nothing happened. */
#define AGAIN_OTHER_MS 50
#define AGAIN_SILENT_MS 1000 /* then twice as long */
#define AGAIN_SILENT_MAX 2

#define CHILDREN_MAX 1024 /* children of the process that are looked at for a refusal */

struct request {
	pid_t pid;
	/* the process's pid in its own pid namespace, which its files have in their names */
	uint32_t own_pid;
	int pidfd;	  /* -1: the kernel has none */
	int sig;
	uint64_t cookie;
	uint64_t began_ns;	    /* CLOCK_REALTIME */
	/* CLOCK_MONOTONIC: when the last request was sent; when a dump for somebody else was seen
	 * since, 0: none */
	uint64_t sent_ns, other_ns;
	/* how often the request was sent again without any sign of another dump */
	unsigned n_silent;
	struct tc_hooked hooked;
	struct tc_signals signals;
	struct tc_dump_dirs dirs;
	char path[PATH_MAX + 512]; /* of the answer */
	bool unknown_python;	   /* it holds threads and modules only */
};

/* Open a pidfd, so that the signal cannot go to a new process with the same pid. */
static int open_process(struct request *q)
{
	q->pidfd = (int)syscall(SYS_pidfd_open, q->pid, 0);
	if (q->pidfd < 0 && errno == ESRCH)
		return tc_ask_say(TC_EXIT_GONE, "no process %d", q->pid);
	int r = tc_hooked_signals(q->pid, &q->signals);
	q->own_pid = q->signals.own_pid;
	if (r == -TC_EPERM)
		return tc_ask_say(TC_EXIT_PERMISSION, "process %d: /proc/%d may not be read",
				  q->pid, q->pid);
	if (r < 0 && kill(q->pid, 0) < 0 && errno == ESRCH)
		return tc_ask_say(TC_EXIT_GONE, "no process %d", q->pid);
	if (r < 0 && access("/proc/self/stat", R_OK) < 0)
		return tc_ask_say(TC_EXIT_PERMISSION, "process %d: /proc is not mounted here",
				  q->pid);
	if (r < 0)
		return tc_ask_say(TC_EXIT_GONE, "process %d is a zombie, or hidden by hidepid",
				  q->pid);
	return 0;
}

/* We may not read its maps: use the signal of --force-signal, if it is given. */
static int find_blindly(struct request *q, int force_signal)
{
	char line[400];

	if (!force_signal) {
		tc_permit_explain(q->pid, line, sizeof(line));
		return tc_ask_say(TC_EXIT_PERMISSION,
			   "%s; or give the hook's private signal with --force-signal N", line);
	}
	if (!(q->signals.caught & TC_SIGNAL_BIT(force_signal)))
		return tc_ask_say(
			TC_EXIT_PERMISSION,
			"process %d does not catch signal %d: nothing was sent, it would die of it",
			q->pid, force_signal);
	q->sig = force_signal;
	return 0;
}

static int find_hook(struct request *q, int force_signal)
{
	int r = tc_hooked_find(q->pid, &q->hooked);

	if (r == -TC_EPERM)
		return find_blindly(q, force_signal);
	if (r < 0)
		return tc_ask_say(TC_EXIT_GONE, "process %d has ended", q->pid);
	if (!q->hooked.here)
		return tc_ask_say(TC_EXIT_INPUT,
			   "process %d has no hook: it was not started with taskcore run; taskcore "
			   "dump %d reads it from outside%s",
			   q->pid, q->pid, tc_ask_hint(q->pid));
	if (q->hooked.emulator)
		return tc_ask_say(
			TC_EXIT_INPUT,
			"process %d runs under %s, where the hook makes no dump: nothing was sent; "
			"taskcore dump %d reads it from outside",
			q->pid, q->hooked.emulator, q->pid);
	q->sig = q->hooked.private_signal;
	if (!q->sig)
		return tc_ask_say(
			TC_EXIT_INPUT,
			"the hook in process %d found no free real-time signal: nothing was sent; "
			"taskcore dump %d reads it from outside",
			q->pid, q->pid);
	return 0;
}

/* A thread in sigwait would get the signal instead of the hook, and would not know what it
 * means. */
static int check_waits(const struct request *q)
{
	pid_t thread = tc_hooked_waits(q->pid, q->sig);

	if (!thread)
		return 0;
	return tc_ask_say(TC_EXIT_GONE,
			  "process %d waits for signal %d in sigwait (thread %d), which would take "
			  "it from the hook: nothing was sent; taskcore dump %d reads it from "
			  "outside",
			  q->pid, q->sig, thread, q->pid);
}

/* Does the process catch the signal now, and will its handler get it? To be called before anything
 * is sent. 0, or an exit code. */
static int check_signal(struct request *q)
{
	uint64_t bit = TC_SIGNAL_BIT(q->sig);

	for (int i = 0; i < BLOCKED_TRIES; i++) {
		if (tc_hooked_signals(q->pid, &q->signals) < 0)
			return tc_ask_say(TC_EXIT_GONE, "process %d has ended", q->pid);
		if (!(q->signals.caught & bit))
			return tc_ask_say(
				TC_EXIT_INPUT,
				"process %d does not catch signal %d any more: nothing was sent; "
				"taskcore dump %d reads it from outside",
				q->pid, q->sig, q->pid);
		if (!(q->signals.blocked & bit))
			return check_waits(q);
		poll(NULL, 0, BLOCKED_MS);
	}
	return tc_ask_say(TC_EXIT_GONE,
		   "process %d blocks signal %d in every thread: nothing was sent; taskcore dump "
		   "%d reads it from outside",
		   q->pid, q->sig, q->pid);
}

static int send(struct request *q)
{
	siginfo_t info;
	long r = -1;

	memset(&info, 0, sizeof(info));
	info.si_signo = q->sig;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_ptr = (void *)q->cookie;
	errno = ENOSYS;
	if (q->pidfd >= 0)
		r = syscall(SYS_pidfd_send_signal, q->pidfd, q->sig, &info, 0);
	if (r < 0 && (errno == ENOSYS || errno == EPERM)) /* EPERM: may also be a seccomp filter */
		r = syscall(SYS_rt_sigqueueinfo, q->pid, q->sig, &info);
	q->sent_ns = tc_sys_clock_ns(CLOCK_MONOTONIC);
	q->other_ns = 0;
	if (r == 0)
		return 0;
	if (errno == ESRCH)
		return tc_ask_say(TC_EXIT_GONE, "process %d has ended", q->pid);
	if (errno == EPERM)
		return tc_ask_say(TC_EXIT_PERMISSION,
			   "process %d may not be signalled: run as its user, or with sudo",
			   q->pid);
	return tc_ask_say(TC_EXIT_GONE, "signal %d cannot be queued for process %d: %s", q->sig,
			  q->pid,
			  errno == EAGAIN ? "its user has too many signals waiting (ulimit -i)" :
					    strerror(errno));
}

/* Is it a name that the hook can have made (tc_dump_name)? */
static bool is_plain_name(const char *name)
{
	return name[strspn(name,
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")] ==
	       0;
}

/* Is this dump the answer to our request? */
static bool take(void *context, const struct tc_dump_dir *dir, const char *name)
{
	struct request *q = context;
	struct tc_dump_head head;

	if (!is_plain_name(name) || !tc_dump_head_read(dir->fd, name, O_NOFOLLOW, &head))
		return false;
	q->unknown_python = head.unknown_python;
	if (head.cookie == q->cookie)
		return tc_dump_dirs_path(&q->dirs, dir, name, q->path, sizeof(q->path));
	if (head.pid_ns == q->own_pid && head.wall_ns >= q->began_ns && !q->other_ns)
		q->other_ns = tc_sys_clock_ns(CLOCK_MONOTONIC);
	return false;
}

/* Has a child of the process the name that refuses this request (wire.h)? */
static bool is_answered_no(const struct request *q)
{
	static pid_t children[CHILDREN_MAX];
	char name[TC_REFUSED_SIZE], path[32], comm[32];
	size_t n = tc_children_own(q->pid, children, CHILDREN_MAX);

	tc_refused_name(q->cookie, name);
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/comm", children[i]);
		if (tc_proc_read(AT_FDCWD, path, comm, sizeof(comm)) > 0 &&
		    strncmp(comm, name, strlen(name)) == 0)
			return true;
	}
	return false;
}

static bool is_there(void *context, const struct tc_dump_dir *dir, const char *name)
{
	(void)context;
	(void)dir;
	(void)name;
	return true;
}

/* Was the signal delivered, and no dump is being made? */
static bool is_refused(struct request *q)
{
	uint64_t bit = TC_SIGNAL_BIT(q->sig);
	char temporary[40];

	snprintf(temporary, sizeof(temporary), ".taskcore.%u.", q->own_pid);
	return tc_hooked_signals(q->pid, &q->signals) == 0 && !(q->signals.pending & bit) &&
	       !(q->signals.blocked & bit) &&
	       !tc_dump_dirs_look(&q->dirs, temporary, is_there, NULL);
}

/* Send the request again if it seems to have been refused. 0, or an exit code. */
static int send_again(struct request *q)
{
	uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC);
	uint64_t silent_ns = (AGAIN_SILENT_MS * 1000000ull) << q->n_silent;
	bool other = q->other_ns && now - q->other_ns > AGAIN_OTHER_MS * 1000000ull;
	int code;

	if (!other && now - q->sent_ns < silent_ns)
		return 0;
	if (!is_refused(q) || (!other && q->n_silent == AGAIN_SILENT_MAX)) {
		q->sent_ns = now;
		q->other_ns = 0;
		return 0;
	}
	q->n_silent += !other;
	if ((code = check_signal(q)))
		return code;
	return send(q);
}

static bool has_ended(const struct request *q)
{
	struct pollfd fd = { .fd = q->pidfd, .events = POLLIN };
	struct tc_signals signals;

	if (q->pidfd >= 0)
		return poll(&fd, 1, 0) > 0;
	return tc_hooked_signals(q->pid, &signals) < 0;
}

static int wait_answer(struct request *q, unsigned timeout_ms)
{
	uint64_t end = tc_sys_clock_ns(CLOCK_MONOTONIC) + timeout_ms * 1000000ull;

	for (;;) {
		uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC);
		uint64_t left = now < end ? (end - now) / 1000000 + 1 : 0;
		bool ended = has_ended(q);
		/* At the end look through the directories too, because inotify may have lost
		 * events. */
		if (left == 0 || ended ?
			    tc_dump_dirs_look(&q->dirs, NULL, take, q) :
			    tc_dump_dirs_wait(&q->dirs, q->pidfd,
					      (int)(left < AGAIN_OTHER_MS ? left : AGAIN_OTHER_MS),
					      take, q)) {
			puts(q->path);
			return q->unknown_python ? tc_ask_say_unknown(q->pid) : TC_EXIT_OK;
		}
		if (ended)
			return tc_ask_say(TC_EXIT_GONE, "process %d has ended without a dump",
					  q->pid);
		if (is_answered_no(q))
			return tc_ask_explain_no(q->pid, &q->hooked);
		if (left == 0)
			return tc_ask_explain_silence(q->pid, q->sig, timeout_ms);
		int code = send_again(q);
		if (code)
			return code;
	}
}

/* Look from outside, if we may, whether the process runs a Python that can be walked: otherwise the
 * signal would only disturb it. 0, or an exit code. */
static int check_python(const struct request *q)
{
	struct tc_probe probe = {
		.pid = q->pid, .max_memory = tc_budget_default(), .no_walk = true
	};

	if (tc_probe_run(&probe) != TC_EXIT_INPUT || probe.has_python)
		return 0;
	if (probe.other[0])
		return tc_ask_say(TC_EXIT_INPUT,
			   "process %d runs %s, which is not supported (" TC_SUPPORTED
			   "): nothing was sent",
			   q->pid, probe.other);
	return tc_ask_say(TC_EXIT_INPUT,
		   "process %d has the hook, but no Python in it: no dump, nothing was sent%s",
		   q->pid, tc_ask_hint(q->pid));
}

static int watch_and_send(struct request *q, const struct tc_ask_options *o)
{
	bool blind = !q->hooked.here;
	const char *dir = q->hooked.dir[0] || !o->dir ? q->hooked.dir : o->dir;
	int code;

	if (!tc_dump_dirs_open(&q->dirs, q->pid, tc_threads_via(q->pid), dir, blind))
		return tc_ask_say(TC_EXIT_PERMISSION,
			   "process %d: none of the directories where it may dump can be read: run "
			   "as its user, or with sudo",
			   q->pid);
	/* Checked last before sending: after an execve the process does not catch the signal any
	 * more. */
	if ((code = check_signal(q)) || (code = send(q)))
		return code;
	return wait_answer(q, o->timeout_ms);
}

int tc_ask(const struct tc_ask_options *o)
{
	static struct request q;
	uint64_t random;
	int code;

	q = (struct request){ .pid = o->pid, .dirs = { .root = -1, .notify = -1 } };
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = tc_sys_clock_ns(CLOCK_MONOTONIC) << 16 ^ (uint64_t)getpid();
	q.cookie = tc_cookie(TC_COOKIE_DUMP, random);
	q.began_ns = tc_sys_clock_ns(CLOCK_REALTIME);
	if (!(code = open_process(&q)) && !(code = find_hook(&q, o->force_signal)) &&
	    !(code = check_python(&q)))
		code = watch_and_send(&q, o);
	tc_dump_dirs_close(&q.dirs);
	if (q.pidfd >= 0)
		close(q.pidfd);
	return code;
}
