/* SPDX-License-Identifier: Apache-2.0
 * Stops a process by ptrace (ptrace(2), "Attaching and detaching"). The tracer is a helper process.
 * If it or we are killed, the kernel detaches it from every thread, and the target runs on; a
 * target that was stopped before stays stopped. */
#define _GNU_SOURCE
#include "dumper/outside/stop.h"

#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "dumper/base/permit.h"
#include "dumper/outside/threads.h"

enum outcome { STOP_PENDING, STOP_DONE, STOP_LATE, STOP_DENIED, STOP_GONE };

struct regs {
	bool known;
	int64_t syscall; /* that the thread sleeps in; -1: it runs */
	uint64_t args[6];
};

struct tc_stop_shared {
	volatile int outcome; /* enum outcome */
	volatile uint64_t begun_ns, stopped_ns, asked_ns, ended_ns;
	volatile bool let_go; /* because the time was over */
	struct tc_registers running[TC_TARGET_RUNNING_MAX];
	size_t n_running;
	struct regs regs[];   /* as target->threads */
};

struct tracee {
	pid_t tid;
	bool stopped, gone;
	int signal; /* that was about to be delivered when it stopped; 0: none */
};

struct tracer {
	struct tc_target *target;
	struct tc_stop_shared *shared;
	struct tc_watch *watch;
	uint64_t deadline_ns;
	struct tracee *tracees; /* ascending up to n_sorted */
	size_t n, n_sorted, max;
};

static uint64_t now_ns(void)
{
	return tc_sys_clock_ns(CLOCK_MONOTONIC);
}

static int compare(const void *a, const void *b)
{
	const struct tracee *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static bool is_known(const struct tracer *t, pid_t tid)
{
	struct tracee key = { .tid = tid };

	return t->n_sorted && bsearch(&key, t->tracees, t->n_sorted, sizeof(key), compare);
}

static bool has_ended(const struct tracer *t, pid_t tid)
{
	char path[64], text[1024];
	struct tc_stat st;

	snprintf(path, sizeof(path), "task/%d/stat", tid);
	return tc_proc_read(t->target->proc, path, text, sizeof(text)) <= 0 ||
	       !tc_proc_parse_stat(text, &st) || st.state == 'Z' || st.state == 'X';
}

/* Attach to one thread and ask it to stop. */
static int seize(struct tracer *t, pid_t tid)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0) {
		if (errno == ESRCH || has_ended(t, tid))
			return 0;
		return -TC_EPERM;
	}
	if (!t->shared->begun_ns)
		t->shared->begun_ns = now_ns();
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	if (t->n == t->max) {
		t->max = t->max ? t->max * 2 : 256;
		t->tracees = realloc(t->tracees, t->max * sizeof(*t->tracees));
		if (!t->tracees)
			return -TC_ENOSPACE;
	}
	t->tracees[t->n++] = (struct tracee){ .tid = tid };
	return 0;
}

/* Attach to the threads that are not known yet; *ret_n of them. */
static int seize_new(struct tracer *t, size_t *ret_n)
{
	size_t before = t->n, max = t->n + 1024;
	pid_t *tids = malloc(max * sizeof(*tids));
	long n = tids ? tc_threads_list(t->target->proc, tids, max) : -TC_ENOSPACE;
	int r = n < 0 ? -TC_EGONE : 0;

	if (n > (long)max) /* the rest comes in the next round */
		n = (long)max;
	for (long i = 0; i < n && r == 0; i++)
		if (!is_known(t, tids[i]))
			r = seize(t, tids[i]);
	free(tids);
	if (r < 0)
		return r;
	qsort(t->tracees, t->n, sizeof(*t->tracees), compare);
	t->n_sorted = t->n;
	*ret_n = t->n - before;
	return 0;
}

/* Take note of a wait status. */
static void note_status(struct tracee *tracee, int status)
{
	if (!WIFSTOPPED(status)) {
		tracee->gone = true;
		return;
	}
	tracee->stopped = true;
	/* PTRACE_EVENT_STOP is our interrupt, or a group stop. Everything else is a signal that was
	 * about to be delivered: it is delivered when we detach. */
	if (status >> 16 != PTRACE_EVENT_STOP)
		tracee->signal = WSTOPSIG(status);
}

/* Wait until a thread has stopped or ended. False: the time is over. */
static bool wait_stopped(struct tracer *t, struct tracee *tracee)
{
	sigset_t child;
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (!tracee->stopped && !tracee->gone) {
		pid_t r = waitpid(tracee->tid, &status, __WALL | WNOHANG);
		if (r == tracee->tid) {
			note_status(tracee, status);
		} else if (r < 0 && errno != EINTR) {
			tracee->gone = true;
		} else {
			struct timespec wait = { .tv_nsec = 1000000 };
			if (now_ns() >= t->deadline_ns)
				return false;
			sigtimedwait(&child, NULL, &wait);
			t->watch->beats++;
		}
	}
	return true;
}

/* Stop the threads, then those that were started meanwhile, until there are no new ones. */
static enum outcome stop_all(struct tracer *t)
{
	size_t n = 1;

	while (n) {
		int r = seize_new(t, &n);
		if (r < 0)
			return r == -TC_EPERM ? STOP_DENIED : STOP_GONE;
		for (size_t i = 0; n && i < t->n; i++)
			if (!wait_stopped(t, &t->tracees[i]))
				return STOP_LATE;
	}
	return t->n ? STOP_DONE : STOP_GONE;
}

/* Keep the registers of a thread that does not sleep, for the walk. */
static void keep_running(struct tc_stop_shared *shared, const uint64_t regs[TC_ARCH_N_REGS])
{
	if (shared->n_running == TC_TARGET_RUNNING_MAX)
		return;
	struct tc_registers *to = &shared->running[shared->n_running++];
	/* struct user_regs_struct begins with them: r15 to rdi */
	memcpy(to->general, regs, sizeof(to->general));
	to->sp = regs[TC_ARCH_REG_SP];
}

/* Read the registers of all stopped threads, which show what they do. What /proc said before was of
 * another moment than the memory that is read now. */
static void read_registers(struct tracer *t)
{
	for (size_t i = 0; i < t->target->n_threads; i++) {
		struct regs *to = &t->shared->regs[i];
		uint64_t *regs = t->target->regs[i];
		struct iovec iov = { regs, sizeof(t->target->regs[i]) };
		if (ptrace(PTRACE_GETREGSET, t->target->threads[i].tid, (void *)NT_PRSTATUS, &iov) <
		    0)
			continue;
		to->syscall = tc_arch_slept_in(regs, to->args);
		to->known = true;
		if (to->syscall < 0)
			keep_running(t->shared, regs);
	}
}

static void release(struct tracer *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->tracees[i].stopped)
			ptrace(PTRACE_DETACH, t->tracees[i].tid, NULL,
			       (void *)(uintptr_t)t->tracees[i].signal);
	t->shared->ended_ns = now_ns();
}

/* The helper process. When it ends, the kernel detaches it from threads that it has not
 * released. */
static void trace(struct tracer *t, int ready, int go)
{
	struct pollfd hold = { .fd = go, .events = POLLIN };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	enum outcome outcome = stop_all(t);
	t->shared->stopped_ns = now_ns();
	if (outcome == STOP_DONE)
		read_registers(t);
	else
		release(t);
	t->shared->outcome = outcome;
	if (write(ready, "", 1) < 0 || outcome != STOP_DONE)
		return;
	uint64_t now = now_ns();
	int left = now < t->deadline_ns ? (int)((t->deadline_ns - now) / 1000000) : 0;
	int r;
	while ((r = poll(&hold, 1, left)) < 0 && errno == EINTR)
		;
	if (r == 0) {
		/* set before they are released, because from then on memory may change while it is
		 * read */
		t->watch->released = true;
		t->shared->let_go = true;
	}
	release(t);
}

static int start(struct tc_stop *stop, struct tracer *t)
{
	int ready[2], go[2];
	char byte;
	pid_t parent = getpid();

	if (pipe(ready) < 0 || pipe(go) < 0)
		return -TC_EINTERNAL;
	stop->tracer = fork();
	if (stop->tracer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setsid(); /* Ctrl-Z must not stop it while it holds the target */
		close(go[1]);
		close(ready[0]);
		if (getppid() == parent)
			trace(t, ready[1], go[0]);
		_exit(0);
	}
	close(ready[1]);
	close(go[0]);
	stop->go = go[1];
	if (stop->tracer > 0)
		while (read(ready[0], &byte, 1) < 0 && errno == EINTR)
			;
	close(ready[0]);
	return stop->tracer > 0 ? 0 : -TC_EINTERNAL;
}

/* Describe the thread as it was when all were stopped. */
static void take_registers(struct tc_os_thread *thread, const struct regs *regs,
			   const uint64_t all[TC_ARCH_N_REGS])
{
	thread->look = TC_LOOKED_NOT;
	thread->regs = NULL;
	if (!regs->known) /* it has ended meanwhile */
		return;
	thread->regs = all;
	thread->pc = all[TC_ARCH_REG_PC];
	thread->sp = all[TC_ARCH_REG_SP];
	thread->how = TC_REGS_PTRACE;
	thread->syscall = regs->syscall;
	memcpy(thread->args, regs->args, sizeof(thread->args));
	thread->look = TC_LOOKED_STOOD;
	if (thread->state == 'T' || thread->state == 't') /* stopped before */
		return;
	thread->state = regs->syscall >= 0 ? 'S' : 'R';
	if (regs->syscall < 0)
		thread->wchan[0] = 0;
}

/* The end of tc_stop_begin: registers into the threads, or the reason of a failure. */
static int take_outcome(struct tc_stop *stop, struct tc_target *target)
{
	switch (stop->shared->outcome) {
	case STOP_DONE:
		for (size_t i = 0; i < target->n_threads; i++)
			take_registers(&target->threads[i], &stop->shared->regs[i],
				       target->regs[i]);
		memcpy(target->running, stop->shared->running, sizeof(target->running));
		target->reader.mem.registers = target->running;
		target->reader.mem.n_registers = stop->shared->n_running;
		return 0;
	case STOP_LATE:
		return 1;
	case STOP_GONE:
		snprintf(target->line, sizeof(target->line), "process %d has ended", target->pid);
		return -TC_EGONE;
	case STOP_DENIED:
		tc_permit_explain(target->pid, target->line, sizeof(target->line));
		return -TC_EPERM;
	default:
		snprintf(target->line, sizeof(target->line),
			 "the helper that stops process %d has ended", target->pid);
		return -TC_EINTERNAL;
	}
}

static void *map_shared(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

int tc_stop_begin(struct tc_stop *stop, struct tc_target *target, unsigned ms,
		  struct tc_watch *watch)
{
	*stop = (struct tc_stop){ .go = -1,
				  .shared_size = sizeof(struct tc_stop_shared) +
						 target->n_threads * sizeof(struct regs) };
	stop->shared = map_shared(stop->shared_size);
	/* stays mapped for a second try, and as long as the threads refer to it */
	if (!target->regs)
		target->regs = map_shared((target->n_threads + 1) * sizeof(*target->regs));
	if (!stop->shared || !target->regs)
		return -TC_ENOSPACE;
	struct tracer t = { .target = target,
			    .shared = stop->shared,
			    .watch = watch,
			    .deadline_ns = now_ns() + (uint64_t)ms * 1000000u };
	watch->released = false;
	target->reader.mem.n_registers = 0;
	int r = start(stop, &t);
	if (r == 0)
		r = take_outcome(stop, target);
	if (r != 0)
		tc_stop_end(stop);
	return r;
}

/* How long the pause was, and its parts. */
static void take_times(struct tc_stop *stop)
{
	const struct tc_stop_shared *shared = stop->shared;

	stop->pause_ns = stop->stopping_ns = stop->releasing_ns = 0;
	if (!shared->begun_ns || shared->ended_ns <= shared->begun_ns)
		return;
	stop->pause_ns = shared->ended_ns - shared->begun_ns;
	if (shared->stopped_ns > shared->begun_ns)
		stop->stopping_ns = shared->stopped_ns - shared->begun_ns;
	if (shared->asked_ns && shared->ended_ns > shared->asked_ns)
		stop->releasing_ns = shared->ended_ns - shared->asked_ns;
}

bool tc_stop_end(struct tc_stop *stop)
{
	bool whole;

	if (stop->shared)
		stop->shared->asked_ns = now_ns();
	if (stop->go >= 0)
		close(stop->go);
	stop->go = -1;
	if (stop->tracer > 0)
		while (waitpid(stop->tracer, NULL, __WALL) < 0 && errno == EINTR)
			;
	stop->tracer = 0;
	if (!stop->shared)
		return false;
	whole = stop->shared->outcome == STOP_DONE && !stop->shared->let_go;
	take_times(stop);
	munmap(stop->shared, stop->shared_size);
	stop->shared = NULL;
	return whole;
}
