/* SPDX-License-Identifier: Apache-2.0
 * Looks at a thread through the scheduler's counters, which change each time that it runs. Two
 * looks that show the same state, system call and CPU time prove nothing: for a loop that had run
 * between the looks 400 times of 400, they were equal in 352. */
#include "lib/process/look.h"

#include <linux/time_types.h>
#include <sys/syscall.h>
#include <time.h>

#include "lib/sys/arch_x86_64.h"
#include "lib/format/format.h"
#include "lib/process/proc.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

#define STEP_NS 2000000
#define RUNS_NS 44000000
#define ENOUGH_NS 20000000 /* so much work without a sleep, before we say that it never sleeps */
#define HANDLER_NS 12000000 /* enough for a thread to return from our own handler */
#define LONGEST_NS 1000000000 /* for a thread that must share its processor to get that much */
#define HELD_NS 250000000 /* a sleep of a loop's thread outside of its selector */
#define END_NS (HELD_NS + LONGEST_NS)

void tc_look_first(int proc, struct tc_os_thread *thread)
{
	thread->look = TC_LOOKED_NOT;
	tc_proc_sched(proc, thread->tid, &thread->sched);
}

void tc_look_last(int proc, struct tc_os_thread *thread)
{
	struct tc_os_thread now = { 0 };
	struct tc_sched sched;

	if (!thread->sched.known || !tc_proc_thread(proc, thread->tid, &now) ||
	    !tc_proc_sched(proc, thread->tid, &sched))
		return;
	thread->last_state = now.state;
	/* The counters of a running thread do not change until it is switched, so a running one
	 * counts as one that ran. */
	bool ran = thread->state == 'R' || now.state == 'R' ||
		   sched.run_ns != thread->sched.run_ns || sched.turns != thread->sched.turns;
	thread->look = ran ? TC_LOOKED_RAN : TC_LOOKED_STOOD;
}

void tc_look_choose(struct tc_looks *looks, const struct tc_os_thread *threads, size_t n_threads,
		    const uint32_t *tids_ns, unsigned n, uint64_t ready)
{
	looks->n = 0;
	for (unsigned i = 0; i < n; i++)
		for (size_t t = 0; t < n_threads && looks->n < TC_LOOKS_MAX; t++)
			if (threads[t].tid_ns == tids_ns[i]) {
				looks->at[looks->n++] = (struct tc_thread_look){
					.thread = &threads[t], .ready = ready >> i & 1
				};
				break;
			}
}

/* A call with timeout 0 returns at once: it is no sleep. */
static bool polls_only(const struct tc_os_thread *thread)
{
	return ((thread->syscall == SYS_epoll_wait || thread->syscall == SYS_epoll_pwait) &&
		(int32_t)thread->args[3] == 0) ||
	       (thread->syscall == SYS_poll && (int32_t)thread->args[2] == 0);
}

/* Is it worth watching? A thread that sleeps is not. */
static bool was_running(const struct tc_os_thread *thread)
{
	char state = thread->last_state ? thread->last_state : thread->state;

	return thread->look != TC_LOOKED_NOT &&
	       (state == 'R' || thread->state == 'R' || thread->how == TC_REGS_NONE ||
		(state == 'S' && polls_only(thread)));
}

/* Does the thread sleep in a call that is not the wait of an event loop on Linux, or in its wait
 * though callbacks are ready? time.sleep is a select without descriptors up to Python 3.10, and a
 * socket with a timeout waits in poll. */
static bool is_held(const struct tc_thread_look *look)
{
	const struct tc_os_thread *thread = look->thread;
	bool select = thread->syscall == SYS_select || thread->syscall == SYS_pselect6;
	bool epoll = thread->syscall == SYS_epoll_wait || thread->syscall == SYS_epoll_pwait ||
		     thread->syscall == SYS_epoll_pwait2;

	return thread->look == TC_LOOKED_STOOD && thread->syscall >= 0 &&
	       (!epoll || (look->ready && !polls_only(thread))) &&
	       !(select && (int32_t)thread->args[0] != 0) &&
	       (thread->state == 'S' || thread->state == 'D' || thread->state == '?');
}

static bool read_counters(int proc, const struct tc_thread_look *look, struct tc_os_thread *ret)
{
	return tc_proc_thread(proc, look->thread->tid, ret) &&
	       tc_proc_sched(proc, look->thread->tid, &ret->sched);
}

static void begin_watch(int proc, struct tc_thread_look *look)
{
	struct tc_os_thread now = { 0 };

	look->watched_ns = look->run_ns = look->wait_ns = look->switches = 0;
	look->awake = false;
	look->held = is_held(look);
	look->watched = look->held || was_running(look->thread);
	if (!look->watched)
		return;
	if (!tc_proc_switches(proc, look->thread->tid, &look->switches_before) ||
	    !read_counters(proc, look, &now)) {
		look->watched = false;
		return;
	}
	look->sched = now.sched;
	look->begun_ns = tc_sys_clock_ns(CLOCK_MONOTONIC);
	/* The switches were read before this state: if it is ready now, and no switch is added
	 * until the end, it never slept. One that was held up did, whatever it does now: our own
	 * signal may have ended its call. */
	look->awake = now.state == 'R' && !look->held;
}

/* Was enough seen, or enough time spent? */
static bool is_over(const struct tc_thread_look *look)
{
	if (look->held)
		return look->switches || look->watched_ns >= HELD_NS;
	if (!look->awake)
		return look->switches || look->watched_ns >= HANDLER_NS;
	return look->switches || look->watched_ns >= LONGEST_NS ||
	       (look->watched_ns >= RUNS_NS && look->run_ns >= ENOUGH_NS);
}

/* Look once more. True: it is still to be watched. */
static bool go_on(int proc, struct tc_thread_look *look)
{
	struct tc_os_thread now = { 0 };
	uint64_t switches;

	if (!look->watched)
		return false;
	if (!read_counters(proc, look, &now) ||
	    !tc_proc_switches(proc, look->thread->tid, &switches)) {
		look->watched = false; /* it has ended */
		look->watched_ns = 0;
		return false;
	}
	look->watched_ns = tc_sys_clock_ns(CLOCK_MONOTONIC) - look->begun_ns;
	look->run_ns = now.sched.run_ns - look->sched.run_ns;
	look->wait_ns = now.sched.wait_ns - look->sched.wait_ns;
	look->switches = switches - look->switches_before;
	/* Start the watch again where the thread has only now returned from our handler, and, once,
	 * where it slept and runs again: that sleep may have been in a lock of the kernel. A thread
	 * that works only now and then soon sleeps again. One that is held up goes back to its
	 * sleep after our handler: that is one switch. */
	bool first = look->switches && !look->again;
	if (look->held ? first : (first || !look->awake) && now.state == 'R') {
		look->again |= look->held || look->awake;
		begin_watch(proc, look);
		return true;
	}
	look->watched = !is_over(look);
	return look->watched;
}

void tc_look_watch(int proc, struct tc_looks *looks, volatile uint64_t *beats)
{
	struct __kernel_timespec step = { 0, STEP_NS };
	uint64_t end_ns = tc_sys_clock_ns(CLOCK_MONOTONIC) + END_NS;
	bool more = false;

	for (unsigned i = 0; i < looks->n; i++) {
		looks->at[i].again = false;
		begin_watch(proc, &looks->at[i]);
		more |= looks->at[i].watched;
	}
	while (more && tc_sys_clock_ns(CLOCK_MONOTONIC) < end_ns) {
		tc_syscall2(SYS_nanosleep, (long)&step, 0);
		if (beats)
			(*beats)++;
		more = false;
		for (unsigned i = 0; i < looks->n; i++)
			more |= go_on(proc, &looks->at[i]);
	}
}

void tc_look_put(const struct tc_looks *looks, struct tc_records *rec)
{
	for (unsigned i = 0; i < looks->n; i++) {
		const struct tc_thread_look *look = &looks->at[i];
		if (look->thread->look == TC_LOOKED_NOT)
			continue;
		tc_record_begin(rec, TC_REC_LOOK);
		tc_put_u(rec, look->thread->tid);
		tc_put_u(rec, (look->thread->look == TC_LOOKED_RAN ? TC_LOOK_RAN : 0u) |
				      (look->awake ? TC_LOOK_AWAKE : 0u));
		tc_put_u(rec, (uint8_t)look->thread->last_state);
		tc_put_u(rec, look->watched_ns);
		tc_put_u(rec, look->run_ns);
		tc_put_u(rec, look->wait_ns);
		tc_put_u(rec, look->switches);
		tc_record_end(rec);
	}
}
