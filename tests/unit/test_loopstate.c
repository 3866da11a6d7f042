/* SPDX-License-Identifier: Apache-2.0
 * What the state of an event loop is said to be, from the facts about its thread. */
#include <check.h>

#include "tests/unit/run_suite.h"
#include "analyzer/facts/loopstate.h"

#define EPOLL 232
#define SLEEP 230
#define FUTEX 202
#define POLL 7

/* Facts of one moment about a loop that runs: its thread sleeps, or runs. */
#define ASLEEP                                                                      \
	.running = true, .has_thread = true, .moment = TC_MOMENT_ONE, .state = 'S', \
	.has_frames = true
#define RUNNING                                                                     \
	.running = true, .has_thread = true, .moment = TC_MOMENT_ONE, .state = 'R', \
	.has_frames = true

/* clang-format off */
static const struct {
	const char *what;
	struct tc_loop_facts facts;
	enum tc_loop_state state;
	enum tc_loop_hint hint;
} loops[] = {
	{ "closed", { .closed = true, .syscall = -1 }, TC_LOOP_IS_CLOSED, 0 },
	{ "no thread", { .syscall = -1 }, TC_LOOP_STOPPED, 0 },
	{ "waits for descriptors",
	  { ASLEEP, .in_selector = true, .syscall = EPOLL, .args = { 4, 0, 5, 0xffffffff },
	    .ready = 1 }, TC_LOOP_IDLE, 0 },
	{ "asleep with work to do",
	  { ASLEEP, .in_selector = true, .syscall = EPOLL, .args = { 4, 0, 5, 0xffffffff },
	    .ready = 3 }, TC_LOOP_IDLE, TC_LOOP_HINT_LOST_WAKEUP },
	{ "looks for descriptors and goes on: a stop lands at system calls",
	  { ASLEEP, .in_selector = true, .syscall = EPOLL, .args = { 4, 0, 5, 0 }, .ready = 2,
	    .watched_ns = 44000000, .awake = true, .run_ns = 40000000 }, TC_LOOP_BUSY, 0 },
	{ "resolver's poll is not the loop's",
	  { ASLEEP, .in_callback = true, .syscall = POLL, .args = { 0, 1, 5000 }, .ready = 1 },
	    TC_LOOP_BLOCKED, 0 },
	{ "time.sleep in a task",
	  { ASLEEP, .in_callback = true, .syscall = SLEEP, .ready = 1,
	    .overdue_ns = 5000000000 }, TC_LOOP_BLOCKED, 0 },
	{ "a short computation",
	  { RUNNING, .in_callback = true, .syscall = -1, .ready = 1, .watched_ns = 44000000,
	    .awake = true, .run_ns = 40000000 }, TC_LOOP_BUSY, 0 },
	{ "a long computation",
	  { RUNNING, .in_callback = true, .syscall = -1, .ready = 1, .overdue_ns = 5000000000,
	    .watched_ns = 44000000, .awake = true, .run_ns = 40000000 }, TC_LOOP_BLOCKED,
	    TC_LOOP_HINT_COMPUTES },
	{ "a computation of which the turn tells",
	  { RUNNING, .in_callback = true, .syscall = -1, .ready = 1, .step_ns = 5000000000,
	    .watched_ns = 44000000, .awake = true, .run_ns = 40000000 }, TC_LOOP_BLOCKED,
	    TC_LOOP_HINT_COMPUTES },
	{ "a turn of many short steps",
	  { RUNNING, .in_callback = true, .syscall = -1, .ready = 20, .step_ns = 15000000,
	    .watched_ns = 44000000, .awake = true, .run_ns = 40000000 }, TC_LOOP_BUSY, 0 },
	{ "short sleeps one after the other, in one callback, in memory of one moment",
	  { .running = true, .has_thread = true, .moment = TC_MOMENT_RAN, .state = 'S',
	    .has_frames = true, .in_callback = true, .syscall = SLEEP, .frozen = true,
	    .step_ns = 5000000000 }, TC_LOOP_BLOCKED, 0 },
	{ "the same, read while the thread ran on",
	  { .running = true, .has_thread = true, .moment = TC_MOMENT_RAN, .state = 'S',
	    .has_frames = true, .in_callback = true, .syscall = SLEEP,
	    .step_ns = 5000000000 }, TC_LOOP_RUNS, 0 },
	{ "a long turn, out of the callback",
	  { RUNNING, .syscall = -1, .step_ns = 5000000000, .frozen = true }, TC_LOOP_RUNS, 0 },
	{ "a long turn, waiting for the GIL",
	  { ASLEEP, .in_callback = true, .syscall = FUTEX, .waits_gil = true,
	    .step_ns = 5000000000 }, TC_LOOP_RUNS, TC_LOOP_HINT_WAITS_GIL },
	{ "a long turn that ended in a fatal signal",
	  { RUNNING, .in_callback = true, .syscall = -1, .step_ns = 5000000000, .frozen = true,
	    .faulted = true, .killed = true }, TC_LOOP_CRASHED, 0 },
	{ "the same, and the program has a handler",
	  { RUNNING, .in_callback = true, .syscall = -1, .step_ns = 5000000000, .frozen = true,
	    .faulted = true }, TC_LOOP_RUNS, 0 },
	{ "a fatal signal in the thread of another loop",
	  { ASLEEP, .in_callback = true, .syscall = SLEEP, .killed = true }, TC_LOOP_BLOCKED, 0 },
	{ "a computation that nobody watched",
	  { RUNNING, .in_callback = true, .syscall = -1, .overdue_ns = 5000000000 },
	    TC_LOOP_RUNS, 0 },
	{ "one that was watched for too short a time",
	  { .running = true, .has_thread = true, .moment = TC_MOMENT_RAN, .state = 'R',
	    .syscall = -1, .watched_ns = 10000000, .awake = true, .run_ns = 10000000 },
	    TC_LOOP_RUNS, 0 },
	{ "one that went to sleep",
	  { .running = true, .has_thread = true, .moment = TC_MOMENT_RAN, .state = 'R',
	    .syscall = -1, .watched_ns = 44000000, .awake = true, .run_ns = 43000000,
	    .switches = 1 }, TC_LOOP_RUNS, 0 },
	{ "turns: asleep before, and its memory is of a callback",
	  { .running = true, .has_thread = true, .moment = TC_MOMENT_RAN, .state = 'S',
	    .has_frames = true, .in_callback = true, .syscall = EPOLL, .args = { 4, 0, 5, 2 },
	    .ready = 2, .overdue_ns = 3600000000000 }, TC_LOOP_RUNS, 0 },
	{ "of different moments",
	  { .running = true, .has_thread = true, .state = 'S', .has_frames = true,
	    .in_callback = true, .syscall = SLEEP }, TC_LOOP_UNKNOWN, 0 },
	{ "in a callback, and waits for the GIL",
	  { ASLEEP, .in_callback = true, .syscall = FUTEX, .waits_gil = true }, TC_LOOP_RUNS,
	    TC_LOOP_HINT_WAITS_GIL },
	{ "in a callback, waits for the GIL, and a timer is overdue for as long as happens",
	  { ASLEEP, .in_callback = true, .syscall = FUTEX, .waits_gil = true,
	    .overdue_ns = 900000000 }, TC_LOOP_RUNS, TC_LOOP_HINT_WAITS_GIL },
	{ "between two turns, and waits for the GIL",
	  { ASLEEP, .syscall = FUTEX, .waits_gil = true }, TC_LOOP_RUNS,
	    TC_LOOP_HINT_WAITS_GIL },
	{ "asleep in a call that is not known, and the GIL is held elsewhere",
	  { ASLEEP, .in_callback = true, .syscall = -1, .may_wait_gil = true }, TC_LOOP_UNKNOWN,
	    0 },
	{ "asleep in a call that is not known, and nobody holds the GIL",
	  { ASLEEP, .in_callback = true, .syscall = -1 }, TC_LOOP_BLOCKED, 0 },
	{ "in the selector, in a call that is not known, with callbacks",
	  { ASLEEP, .in_selector = true, .syscall = -1, .ready = 3 }, TC_LOOP_IDLE, 0 },
	{ "in the selector, and waits for a lock of the C library",
	  { ASLEEP, .in_selector = true, .syscall = FUTEX }, TC_LOOP_RUNS, 0 },
	{ "in a callback, and waits for a lock",
	  { ASLEEP, .in_callback = true, .syscall = FUTEX },
	    TC_LOOP_BLOCKED, 0 },
	{ "back from the selector, the GIL is held elsewhere",
	  { ASLEEP, .in_selector = true, .syscall = FUTEX, .waits_gil = true, .ready = 1 },
	    TC_LOOP_RUNS, TC_LOOP_HINT_WAITS_GIL },
	{ "the same for a long time",
	  { ASLEEP, .in_selector = true, .syscall = FUTEX, .waits_gil = true, .ready = 1,
	    .overdue_ns = 5000000000 }, TC_LOOP_BLOCKED, TC_LOOP_HINT_WAITS_GIL },
	{ "uvloop waits",
	  { .running = true, .opaque = true, .has_thread = true, .moment = TC_MOMENT_ONE,
	    .state = 'S', .has_frames = true, .syscall = EPOLL,
	    .args = { 4, 0, 5, 0xffffffff } }, TC_LOOP_IDLE, 0 },
	{ "uvloop is held up",
	  { .running = true, .opaque = true, .has_thread = true, .moment = TC_MOMENT_ONE,
	    .state = 'S', .has_frames = true, .in_callback = true, .syscall = SLEEP },
	    TC_LOOP_BLOCKED, 0 },
	{ "its thread's state was not read, its frames are the selector's",
	  { .running = true, .has_thread = true, .has_frames = true, .in_selector = true,
	    .syscall = -1, .ready = 3 }, TC_LOOP_UNKNOWN, 0 },
	{ "its thread's state was not read, it is in a callback",
	  { .running = true, .has_thread = true, .has_frames = true, .in_callback = true,
	    .syscall = -1, .ready = 1 }, TC_LOOP_UNKNOWN, 0 },
	{ "nothing is known",
	  { .running = true, .has_thread = true, .syscall = -1 }, TC_LOOP_UNKNOWN, 0 },
};
/* clang-format on */

START_TEST(test_loop_is_judged_by_its_facts)
{
	enum tc_loop_hint hint;

	ck_assert_msg(tc_loop_judge(&loops[_i].facts, &hint) == loops[_i].state, "%s",
		      loops[_i].what);
	ck_assert_msg(hint == loops[_i].hint, "%s", loops[_i].what);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loopstate");
	TCase *c = tcase_create("loopstate");

	tcase_add_loop_test(c, test_loop_is_judged_by_its_facts, 0, ROWS(loops));
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
