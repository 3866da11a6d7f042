/* SPDX-License-Identifier: Apache-2.0
 * Raises a signal at chosen instructions of a running program, or makes its hook fault there:
 * breaks into a function, steps some instructions further, and injects. One process, by ptrace.
 *
 *   step PID ANSWERS COUNT MAX_STEPS SEED HIT_S ANSWER_S signal NUMBER <functions
 *   step PID ANSWERS COUNT MAX_STEPS SEED HIT_S ANSWER_S fault NUMBER <functions
 *
 * functions: one name a line, those that the program has are taken in turn; "MODULE:NAME" only in a
 * file whose name holds MODULE; one that nobody calls for HIT_S is left out. ANSWERS: the file that
 * is the program's standard error; after each injection a new line beginning with "taskcore: " must
 * come within ANSWER_S; after a fault it may stay away, because refusals are told once a second.
 * fault: the signal is sent to the process, the function belongs to the hook, in the handler or in
 * its child, and jumps to nowhere. Prints "site FUNCTION+STEPS FILE+OFFSET HOW" for each injection;
 * exit code 1 when the program hangs or ends. HOW: handler (at once), blocked (the thread has the
 * signal blocked), call (in a system call that waits), fault. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/hook/step_symbols.h"

#define BLOCKED_S 0.05 /* after so long we look whether a step waits in a system call */
#define LOST_S 5 /* after which nobody answers any more */
#define NOWHERE 0x1000 /* below vm.mmap_min_addr, nothing is mapped there */

static pid_t pid;
static double hit_s, answer_s;
static bool ended;
/* The thread that got the signal while it blocks it, as one does that ends; and whether it has
 * ended with it. Nobody answers then. */
static pid_t blocked;
static bool blocked_ended;
static int end_status;

/* The breakpoint: where it is, what stood there. */
struct breakpoint {
	uint64_t at;
	uint8_t was;
	bool in;
};
static struct breakpoint breakpoint;
/* Those before: what was hit or forked a moment ago is reported late. */
static struct breakpoint past[8];
static unsigned n_past;

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "step: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* One byte of code of the process; threads may run meanwhile. */
static bool poke(pid_t of, uint64_t at, uint8_t byte, uint8_t *was)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", of);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool good =
		(!was || pread(fd, was, 1, (off_t)at) == 1) && pwrite(fd, &byte, 1, (off_t)at) == 1;
	close(fd);
	return good;
}

static bool peek(pid_t of, uint64_t at, uint8_t *ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", of);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && pread(fd, ret, 1, (off_t)at) == 1;
	if (fd >= 0)
		close(fd);
	return good;
}

static bool breakpoint_set(uint64_t at)
{
	past[n_past++ % 8] = breakpoint;
	breakpoint.at = at;
	breakpoint.in = poke(pid, at, 0xcc, &breakpoint.was);
	return breakpoint.in;
}

static void breakpoint_remove(pid_t of)
{
	if (breakpoint.in)
		poke(of, breakpoint.at, breakpoint.was, NULL);
	if (of == pid)
		breakpoint.in = false;
}

static void clean(pid_t child, const struct breakpoint *old)
{
	uint8_t now;

	if (old->at && old->was != 0xcc && peek(child, old->at, &now) && now == 0xcc)
		poke(child, old->at, old->was, NULL);
}

/* A forked child has what its parent had at that time. */
static void clean_child(pid_t child)
{
	clean(child, &breakpoint);
	for (unsigned i = 0; i < 8; i++)
		clean(child, &past[i]);
}

/* Whether a thread that stands at pc has hit a breakpoint, present or past. */
static bool was_hit(uint64_t pc)
{
	for (unsigned i = 0; i < 8; i++)
		if (past[i].at && pc == past[i].at + 1)
			return true;
	return breakpoint.at && pc == breakpoint.at + 1;
}

static pid_t process_of(pid_t tid)
{
	char path[64], line[256];
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file) && sscanf(line, "Tgid: %d", &found) != 1)
		;
	if (file)
		fclose(file);
	return found;
}

static uint64_t pc_of(pid_t tid)
{
	struct user_regs_struct regs;

	return ptrace(PTRACE_GETREGS, tid, 0, &regs) == 0 ? regs.rip : 0;
}

static void set_pc(pid_t tid, uint64_t pc)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, tid, 0, &regs) == 0) {
		regs.rip = pc;
		ptrace(PTRACE_SETREGS, tid, 0, &regs);
	}
}

/* A stop that nobody waits for. keep: children of the hook stay traced, with the breakpoint in
 * them. True: the breakpoint was hit, and the thread still stands there. */
static bool pass(pid_t tid, int status, bool keep)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	if (!WIFSTOPPED(status)) {
		blocked_ended |= tid == blocked;
		if (tid == pid) {
			ended = true;
			end_status = status;
		}
		return false;
	}
	if (event == PTRACE_EVENT_STOP && !keep && process_of(tid) != pid) {
		clean_child(tid);
		ptrace(PTRACE_DETACH, tid, 0, 0);
		return false;
	}
	if (event) {
		ptrace(PTRACE_CONT, tid, 0, 0);
		return false;
	}
	if (sig == SIGTRAP) {
		uint64_t pc = pc_of(tid);
		if (was_hit(pc)) {
			if (breakpoint.in && pc == breakpoint.at + 1)
				return true;
			set_pc(tid, pc - 1);
		}
		sig = 0;
	}
	ptrace(PTRACE_CONT, tid, 0, sig);
	return false;
}

/* The next stop of anybody; 0 when there is none at once. */
static pid_t next_stop(int *status)
{
	pid_t tid = waitpid(-1, status, __WALL | WNOHANG);

	return tid > 0 ? tid : 0;
}

static void idle(unsigned *spins)
{
	if (++*spins > 300)
		usleep(*spins > 3000 ? 1000 : 50);
}

/* Wait until somebody hits the breakpoint; 0: nobody does. */
static pid_t await_hit(bool keep)
{
	double end = now() + hit_s;
	unsigned spins = 0;
	int status;

	while (!ended && now() < end) {
		pid_t tid = next_stop(&status);
		if (tid && pass(tid, status, keep))
			return tid;
		if (!tid)
			idle(&spins);
	}
	return 0;
}

/* Does it sleep, in a system call? On a busy machine a step may take long without that; and a
 * thread that is then left alone is reported later, perhaps right behind a first instruction of
 * one byte, where it seems to have hit a breakpoint. */
static bool is_asleep(pid_t tid)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	FILE *file = fopen(path, "re");
	if (file && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	if (file)
		fclose(file);
	return state == 'S' || state == 'D';
}

enum way { WAY_HANDLER, WAY_BLOCKED, WAY_CALL, WAY_GONE };

/* Step tid n instructions further. Where it is then. */
static enum way step_on(pid_t tid, unsigned n, bool keep)
{
	unsigned spins = 0;
	int status, sig = 0;

	while (n && !ended) {
		double end = now() + BLOCKED_S;
		if (ptrace(PTRACE_SINGLESTEP, tid, 0, sig) < 0)
			return WAY_GONE;
		for (;;) {
			pid_t other = next_stop(&status);
			if (other == tid)
				break;
			if (other)
				pass(other, status, keep);
			else
				idle(&spins);
			if (now() > end && is_asleep(tid))
				return WAY_CALL;
		}
		spins = 0;
		if (!WIFSTOPPED(status)) {
			pass(tid, status, keep);
			return WAY_GONE;
		}
		sig = status >> 16 || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
		n -= status >> 16 == 0;
	}
	uint64_t mask = 0;
	if (ptrace(PTRACE_GETSIGMASK, tid, sizeof(mask), &mask) < 0)
		return WAY_GONE;
	return mask & 1u << (SIGUSR1 - 1) ? WAY_BLOCKED : WAY_HANDLER;
}

static FILE *answers;
static char part[8192]; /* of a line that is not whole yet */

/* Lines that begin with "taskcore: " since the last look; *last is one of them. */
static unsigned new_answers(char *last, size_t size)
{
	unsigned n = 0;
	size_t have = strlen(part);

	clearerr(answers);
	while (fgets(part + have, (int)(sizeof(part) - have), answers)) {
		have = strlen(part);
		if (part[have - 1] != '\n')
			continue;
		if (strncmp(part, "taskcore: ", 10) == 0) {
			n++;
			snprintf(last, size, "%.*s", (int)have - 1, part);
		}
		part[have = 0] = 0;
	}
	return n;
}

/* True: the hook has answered. */
static bool await_answer(bool keep)
{
	double end = now() + answer_s;
	char line[512];
	unsigned spins = 0;
	int status;

	while (!ended && now() < end) {
		pid_t tid = next_stop(&status);
		if (tid && pass(tid, status, keep))
			set_pc(tid, breakpoint.at), ptrace(PTRACE_CONT, tid, 0, 0);
		if (!tid && new_answers(line, sizeof(line))) {
			printf("answer %s\n", line);
			return true;
		}
		if (!tid)
			idle(&spins);
		if (blocked_ended && end > now() + LOST_S)
			end = now() + LOST_S;
	}
	return false;
}

/* What every thread does, for whoever reads of a hang. */
static void describe(void)
{
	char command[128];

	if (ended) {
		printf("END the program ended, wait status %#x\n", (unsigned)end_status);
		return;
	}
	printf("HANG no answer for %.0f s\n", answer_s);
	fflush(stdout);
	snprintf(command, sizeof(command),
		 "cd /proc/%d/task && head -v -n 1 */syscall */wchan && grep -H ^Sig */status",
		 pid);
	if (system(command) != 0)
		printf("no such process any more\n");
}

static void attach(void)
{
	const long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
	char path[64];
	bool more = true;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	for (int round = 0; more; round++) { /* until a round finds no new thread */
		more = false;
		char **tids = list_directory(path);
		for (char **tid = tids; *tid; tid++)
			if (ptrace(PTRACE_SEIZE, atoi(*tid), 0, options) == 0)
				more = true;
			else if (errno != EPERM && errno != ESRCH)
				die("PTRACE_SEIZE");
		free_list(tids);
	}
}

static const char *const way_names[] = { "handler", "blocked", "call", "gone" };

/* One injection; a function that nobody calls is left out from then on. False: the program does not
 * answer any more. */
static bool inject(struct site *site, unsigned steps, int sig, bool fault)
{
	char place[512];

	if (!breakpoint_set(site->at))
		die("/proc/PID/mem");
	if (fault)
		kill(pid, sig);
	pid_t tid = await_hit(fault);
	breakpoint_remove(pid);
	if (!tid) {
		printf("miss %s\n", site->name);
		site->at = 0;
		return !ended && (!fault || await_answer(fault) || !ended);
	}
	if (fault && process_of(tid) != pid)
		poke(tid, breakpoint.at, breakpoint.was, NULL);
	set_pc(tid, breakpoint.at);
	enum way way = step_on(tid, steps, fault);
	if (way == WAY_GONE) {
		printf("gone %s+%u\n", site->name, steps);
		return !ended && (!fault || await_answer(fault) || !ended);
	}
	uint64_t pc = way == WAY_CALL ? 0 : pc_of(tid);
	locate(pid, pc, place, sizeof(place));
	printf("site %s+%u %s %s\n", site->name, steps, place, fault ? "fault" : way_names[way]);
	fflush(stdout);
	blocked = way == WAY_BLOCKED && !fault ? tid : 0;
	blocked_ended = false;
	if (fault) {
		if (way != WAY_CALL)
			set_pc(tid, NOWHERE);
		ptrace(PTRACE_CONT, tid, 0, 0);
	} else if (way == WAY_CALL) {
		syscall(SYS_tgkill, pid, tid, sig);
	} else {
		ptrace(PTRACE_CONT, tid, 0, sig);
	}
	if (await_answer(fault) || (fault && !ended))
		return true;
	if (!blocked_ended || ended)
		return false;
	printf("lost %s: a thread has ended with the signal\n", site->name);
	return true;
}

int main(int argc, char **argv)
{
	if (argc != 10)
		die("arguments");
	pid = atoi(argv[1]);
	unsigned count = (unsigned)atoi(argv[3]), max_steps = (unsigned)atoi(argv[4]);
	hit_s = atof(argv[6]);
	answer_s = atof(argv[7]);
	bool fault = strcmp(argv[8], "fault") == 0;
	int sig = atoi(argv[9]);
	char ignored[512];

	srandom((unsigned)atoi(argv[5]));
	answers = fopen(argv[2], "re");
	if (!answers)
		die(argv[2]);
	size_t n;
	struct site *sites = find_sites(pid, stdin, &n);
	if (n == 0)
		die("none of the functions is there");
	attach();
	new_answers(ignored, sizeof(ignored));
	for (unsigned i = 0, idle = 0; i < count && idle <= n; i++) {
		struct site *site = &sites[i % n];
		unsigned steps = (unsigned)random() % max_steps;
		idle = site->at ? 0 : idle + 1;
		if (site->at && !inject(site, steps, sig, fault)) {
			describe();
			return 1;
		}
	}
	return 0;
}
