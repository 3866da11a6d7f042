/* SPDX-License-Identifier: Apache-2.0
 * The one way to a dump: who may begin, who is refused, who is reaped. */
#include <errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "../lib/find_python.h"
#include "../lib/mem_self.h"
#include "../lib/sys.h"
#include "hook.h"
#include "hook_process.h"
#include "../lib/safe.h"

#define LOCATE_MEMORY (16u << 20)
#define PARK_NS 20000000u
#define TURN_LOOK_NS 50000
#define TURN_LOOKS 400
#define LEAVE_NS 5000000
#define LEAVE_LOOKS 50

struct tc_hook_dump tc_hook_dump;

static _Atomic bool has_python; /* once found, an interpreter stays where it is, in forks too */
static struct tc_runtime_site python;
static _Atomic bool has_site;
static struct tc_outcome_page *outcome;

static uint32_t own_tid(void)
{
	return (uint32_t)tc_syscall0(SYS_gettid);
}

/* Take the one right to make a dump; false: somebody has it. While it is held signals are
 * blocked: a handler of the program's could leave by a jump and take it along. */
static bool take_turn(struct tc_hook_process *process, uint64_t *ret_mask)
{
	uint32_t nobody = 0;
	uint64_t mask;

	tc_sys_block(&mask);
	if (atomic_compare_exchange_strong(&process->busy, &nobody, own_tid())) {
		*ret_mask = mask;
		return true;
	}
	tc_sys_mask(mask, NULL);
	return false;
}

static void give_turn(struct tc_hook_process *process, uint64_t mask)
{
	process->busy = 0;
	tc_syscall3(SYS_futex, (long)&process->busy, FUTEX_WAKE, INT32_MAX); /* the parked ones */
	tc_sys_mask(mask, NULL);
}

/* Reap the child whose pid was read there if it has ended; true: there is none. __WCLONE
 * (wait4(2)): no child that sends SIGCHLD, should the program have reaped ours and have one of its
 * own under that pid now. */
static bool reap_one(_Atomic uint32_t *pid, uint32_t child, int *ret_status)
{
	if (!child || tc_syscall4(SYS_wait4, child, (long)ret_status, WNOHANG | __WCLONE, 0) == 0)
		return !child;
	atomic_compare_exchange_strong(pid, &child, 0);
	return true;
}

static bool reap(_Atomic uint32_t *pid, int *ret_status)
{
	return reap_one(pid, *pid, ret_status);
}

/* The one that says a line. 1 is the claim of a thread that is about to start it. */
static void reap_speaker(struct tc_hook_process *process)
{
	uint32_t child = process->speaking;
	int status;

	if (child != 1)
		reap_one(&process->speaking, child, &status);
}

/* The same for the one that makes a dump; whether it was killed at that (nothing else but SIGKILL
 * ends it so): nobody has said a word about its dump. */
static bool reap_maker(struct tc_hook_process *process)
{
	struct tc_outcome_page *page = process->outcome;
	uint32_t running = TC_OUTCOME_RUNNING;
	int status = 0;

	if (!reap(&process->child, &status))
		return false;
	if (!WIFSIGNALED(status) || !page ||
	    !atomic_compare_exchange_strong(&page->outcome, &running, TC_OUTCOME_REFUSED))
		return true;
	process->lost = 1;
	tc_hook_refuse(&(struct tc_request){ .reason = page->reason }, -EOWNERDEAD, 0);
	return true;
}

/* A copy of ourselves that has done its work only gives back its memory, which takes its time when
 * there is much of it: the next dump need not wait. */
static bool let_go(struct tc_hook_process *process, uint32_t from)
{
	const struct tc_outcome_page *page = process->outcome;
	uint32_t child = process->child;

	if (!process->child_apart || process->leaving || !page || page->outcome < from ||
	    !atomic_compare_exchange_strong(&process->child, &child, 0))
		return false;
	process->leaving = child;
	return true;
}

bool tc_hook_reap(void)
{
	struct tc_hook_process *process = tc_process();
	int status;

	reap_speaker(process);
	reap(&process->leaving, &status);
	if (process->stuck && process->stuck == process->child) /* it has no more to do */
		process->child = 0;
	reap(&process->stuck, &status);
	return reap_maker(process) || let_go(process, TC_OUTCOME_SEALED);
}

bool tc_hook_reap_all(void)
{
	struct tc_hook_process *process = tc_process();

	tc_hook_reap();
	return !process->child && !process->leaving && !process->speaking && !process->stuck;
}

/* What the search for an interpreter said. */
enum presence { CANNOT_TELL, ABSENT, PRESENT };

static void locate(void *result)
{
	struct tc_hook_dump *dump = &tc_hook_dump;
	struct tc_runtime_site site;
	void *memory = tc_sys_map(LOCATE_MEMORY, false);
	struct tc_arena arena;
	enum presence *presence = result;

	if (!memory)
		return;
	tc_arena_init(&arena, memory, LOCATE_MEMORY);
	tc_mem_self_init(&dump->mem, false);
	if (tc_hook_gather_maps(dump, &arena) == 0)
		*presence = tc_find_runtime(&dump->mem, &site) == 0 ? PRESENT : ABSENT;
	if (*presence == PRESENT) {
		python = site;
		python.module = NULL; /* in memory that is given back here */
		has_site = true;
		tc_hook_keep_maps(&arena);
		tc_hook_note_limits();
	}
	tc_sys_unmap(memory, LOCATE_MEMORY);
}

extern int Py_IsInitialized(void) __attribute__((weak)); /* set by the loader */

bool tc_hook_is_linked_python(void)
{
	return Py_IsInitialized;
}

/* Another thread may be at the search: its turn is short. */
static bool wait_turn(struct tc_hook_process *process, uint64_t *ret_mask)
{
	struct timespec wait = { 0, TURN_LOOK_NS };

	for (int i = 0; i < TURN_LOOKS && !has_python; i++) {
		if (take_turn(process, ret_mask))
			return true;
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
	}
	return false;
}

bool tc_hook_has_python(void)
{
	struct tc_hook_process *process = tc_process();
	enum presence presence = CANNOT_TELL;
	uint64_t mask;

	if (has_python)
		return true;
	if (tc_hook_emulator())
		return tc_hook_is_linked_python();
	if (wait_turn(process, &mask)) {
		if (!tc_hook_reap() || !tc_hook_guarded(locate, &presence, false))
			presence = CANNOT_TELL;
		if (presence == PRESENT)
			has_python = true;
		give_turn(process, mask);
	}
	/* No /proc, memory or descriptor, too many mappings: a Python must not die of that. */
	return has_python || (presence == CANNOT_TELL && tc_hook_is_linked_python());
}

const struct tc_runtime_site *tc_hook_python(void)
{
	return has_site ? &python : NULL;
}

void tc_hook_before_fork(void)
{
	const struct tc_hook_process *process = tc_process();
	uint64_t end = tc_sys_clock_ns(CLOCK_MONOTONIC) + tc_hook_settings.pause_ms * 1000000u;
	struct timespec wait = { 0, TURN_LOOK_NS };
	uint32_t busy;

	while ((busy = process->busy) != 0 && busy != own_tid() &&
	       tc_sys_clock_ns(CLOCK_MONOTONIC) < end)
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
	/* A zombie counts in RLIMIT_NPROC until it is reaped. */
	if (tc_process_kind() == TC_PROCESS_OWN)
		tc_hook_reap();
}

/* The page of this process; a forked one leaves its parent's. */
static struct tc_outcome_page *outcome_page(const struct tc_request *request)
{
	struct tc_hook_process *process = tc_process();
	struct tc_text text;

	if (!process->outcome) {
		if (outcome)
			tc_sys_unmap(outcome, sizeof(*outcome));
		process->outcome = outcome = tc_sys_map(sizeof(*outcome), true);
	}
	if (!outcome || request->again)
		return outcome;
	tc_text_init(&text, outcome->reason, sizeof(outcome->reason));
	tc_text_s(&text, request->reason);
	outcome->signal = request->signal;
	outcome->sender_pid = request->sender_pid;
	outcome->sender_uid = request->sender_uid;
	outcome->cookie = request->cookie;
	return outcome;
}

static void begin(struct tc_hook_dump *dump, const struct tc_request *request)
{
	tc_hook_release(dump); /* a child that was killed could not */
	memset(dump, 0, offsetof(struct tc_hook_dump, exe));
	dump->began_ns = tc_sys_clock_ns(CLOCK_MONOTONIC);
	dump->wall_ns = tc_sys_clock_ns(CLOCK_REALTIME);
	dump->boot_ns = tc_sys_clock_ns(CLOCK_BOOTTIME);
	dump->deadline_ns = dump->began_ns + tc_hook_settings.budget_ms * 1000000u;
	dump->request = *request;
	dump->pid = tc_process()->pid;
	dump->tid = own_tid();
	dump->proc = -1;
	dump->outcome = outcome_page(request);
	if (!dump->outcome)
		return;
	dump->outcome->outcome = TC_OUTCOME_RUNNING;
	dump->outcome->pause_ns = 0;
	dump->request.reason = dump->outcome->reason;
}

static void capture(void *result)
{
	*(volatile int *)result = -EFAULT; /* until it returns */
	*(int *)result = tc_hook_capture(&tc_hook_dump);
}

/* With the turn taken and no child in our memory. */
static int make(struct tc_hook_dump *dump, const struct tc_request *request)
{
	int r = -EPERM;

	begin(dump, request);
	if (!tc_hook_guarded(capture, &r, false))
		tc_hook_capture_failed(dump);
	if (dump->outcome) {
		if (r < 0)
			dump->outcome->outcome = TC_OUTCOME_REFUSED;
		dump->outcome->pause_ns = tc_sys_clock_ns(CLOCK_MONOTONIC) - dump->began_ns;
	}
	return r;
}

/* Wait a little for a child that has done its work and is about to end. */
static bool has_left(void)
{
	struct timespec wait = { 0, LEAVE_NS / LEAVE_LOOKS };

	for (int i = 0; i < LEAVE_LOOKS; i++) {
		if (tc_hook_reap())
			return true;
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
	}
	return let_go(tc_process(), TC_OUTCOME_LEAVING);
}

/* True: no child is in the way. */
static bool is_free(const struct tc_hook_process *process)
{
	return tc_hook_reap() ||
	       (process->outcome && process->outcome->outcome >= TC_OUTCOME_LEAVING && has_left());
}

int tc_hook_request(const struct tc_request *request)
{
	struct tc_hook_process *process = tc_process();
	uint64_t mask;
	int r = -EBUSY, status;

	if (!tc_hook_has_python())
		return -ENOEXEC;
	if (tc_hook_emulator())
		return -EOPNOTSUPP;
	if (!take_turn(process, &mask))
		return -EBUSY;
	if (is_free(process)) {
		process->child_apart = 0;
		r = make(&tc_hook_dump, request);
		process->n_dumps++;
		reap(&process->leaving, &status); /* by now: no two zombies if it can be helped */
	}
	give_turn(process, mask);
	return r;
}

int tc_hook_request_again(const struct tc_arch_context *context)
{
	struct tc_outcome_page *page = tc_process()->outcome;
	uint32_t asked = TC_OUTCOME_AGAIN;

	if (!page || !atomic_compare_exchange_strong(&page->outcome, &asked, TC_OUTCOME_ACCEPTED))
		return -ENOENT;
	if (!has_left()) { /* it leaves as soon as it sees that it was accepted */
		uint32_t accepted = TC_OUTCOME_ACCEPTED;
		atomic_compare_exchange_strong(&page->outcome, &accepted, TC_OUTCOME_RUNNING);
		return -EBUSY;
	}
	struct tc_request request = {
		.reason = page->reason,
		.signal = page->signal,
		.sender_pid = page->sender_pid,
		.sender_uid = page->sender_uid,
		.cookie = page->cookie,
		.context = context,
		.again = true,
	};
	int r = tc_hook_request(&request);
	if (r < 0)
		tc_hook_refuse(&request, r, 0);
	return r;
}

/* Parked threads wait for the end of busy. The park is asked for by whoever has it. */
void tc_hook_park(void)
{
	struct tc_hook_process *process = tc_process();
	uint32_t busy = process->busy;
	uint64_t limit = PARK_NS + tc_hook_settings.pause_ms * 1000000u;
	struct timespec wait = { (time_t)(limit / 1000000000u), (long)(limit % 1000000000u) };

	if (!busy)
		return;
	process->parked = own_tid();
	tc_syscall3(SYS_futex, (long)&process->parked, FUTEX_WAKE, INT32_MAX);
	tc_syscall4(SYS_futex, (long)&process->busy, FUTEX_WAIT, busy, (long)&wait);
	process->parked = 0;
}

void tc_hook_mark_refused(uint64_t cookie)
{
	char name[TC_REFUSED_SIZE];

	if (!cookie)
		return;
	tc_refused_name(cookie, name);
	tc_syscall2(SYS_prctl, PR_SET_NAME, (long)name);
}

struct refusal {
	char reason[32];
	int error;
	uint64_t ago_s;
	uint32_t n;
	uint64_t cookie; /* for the name of the child that says it; 0: none, or may be asked again */
	char line[256]; /* not on the stack: in an emulator that is the program's */
};
static struct refusal refusal; /* of the one who has claimed process->speaking */

static void say_refused(void)
{
	struct tc_text text;

	tc_text_init(&text, refusal.line, sizeof(refusal.line) - 1);
	tc_text_s(&text,
		  refusal.error == -EOWNERDEAD ? "taskcore: no dump (" : "taskcore: refused (");
	tc_text_s(&text, refusal.reason);
	tc_text_s(&text, refusal.error == -EOWNERDEAD ? "): the process that made it was killed, "
							"as if for want of memory" :
			 refusal.error == -EBUSY      ? "): a dump is under way" :
			 refusal.error == -ENOEXEC    ? "): no Python in this process" :
			 refusal.error == -ENOENT     ? "): there is no /proc" :
			 refusal.error == -EDQUOT     ? "): its cgroup has too little memory left" :
			 refusal.error == -ENOMEM     ? "): no memory to read the process" :
			 refusal.error == -EPERM      ? "): sigaltstack is forbidden (a filter of "
							"system calls?)" :
			 refusal.error == -EFAULT     ? "): a fault while the process was read" :
			 refusal.error == -EOPNOTSUPP ? "): the program runs under " :
							"): last dump ");
	if (refusal.error == -EOPNOTSUPP) {
		tc_text_s(&text, tc_hook_emulator());
		tc_text_s(&text, ", which ends a program that is copied");
	}
	if (refusal.error == -EAGAIN) {
		tc_text_u(&text, refusal.ago_s);
		tc_text_s(&text, " s ago, TASKCORE_MIN_INTERVAL_S is ");
		tc_text_u(&text, tc_hook_settings.min_interval_s);
	}
	if (refusal.n > 1) {
		tc_text_s(&text, "; ");
		tc_text_u(&text, refusal.n);
		tc_text_s(&text, " requests since the last such line");
	}
	tc_hook_say(refusal.line);
}

/* In a child, whose signal actions are its own. */
static void say_refused_apart(void *unused)
{
	(void)unused;
	tc_hook_answer_traps();
	tc_hook_leave_files(0);
	tc_hook_mark_refused(refusal.cookie);
	say_refused();
}

/* Where there can be no child. */
static void say_refused_here(void)
{
	uint64_t before = tc_hook_raised_begin();

	say_refused();
	tc_hook_raised_end(before);
}

void tc_hook_refuse(const struct tc_request *request, int error, uint64_t ago_s)
{
	struct tc_hook_process *process = tc_process();
	uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC), last = process->refused_ns;
	uint32_t none = 0;
	uint64_t mask;
	struct tc_text text;

	process->n_refused++;
	/* One line a second is enough for a storm of signals; each has a process of its own. A dump
	 * that was lost is not a request: nobody has heard of it. */
	if (last && now - last < 1000000000u && error != -EOWNERDEAD)
		return;
	tc_sys_block(&mask);
	reap_speaker(process);
	if (!atomic_compare_exchange_strong(&process->speaking, &none, 1)) {
		tc_sys_mask(mask, NULL);
		return;
	}
	process->refused_ns = now;
	tc_text_init(&text, refusal.reason, sizeof(refusal.reason));
	tc_text_s(&text, request->reason);
	refusal.error = error;
	refusal.ago_s = ago_s;
	refusal.n = atomic_exchange(&process->n_refused, 0);
	refusal.cookie = error == -EBUSY || error == -EOPNOTSUPP ? 0 : request->cookie;
	long child = 0;
	if (error == -EOPNOTSUPP)
		say_refused_here();
	else if (!tc_hook_may_have_child() ||
		 (child = tc_arch_spawn(CLONE_VM | TC_HOOK_SHARED, tc_hook_line_stack(),
					say_refused_apart, NULL)) <= 0)
		process->n_refused += refusal.n;
	process->speaking = child > 0 ? (uint32_t)child : 0;
	tc_sys_mask(mask, NULL);
}
