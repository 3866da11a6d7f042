/* SPDX-License-Identifier: Apache-2.0
 * When the watcher of a job gives up: not while the job only waits for a processor. */
#define _GNU_SOURCE
#include <check.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/run_suite.h"
#include "dumper/base/exit.h"
#include "dumper/outside/watch.h"

#define SILENCE_MS 50

/* On the first processor that we may use, with this policy. */
static void settle(int policy)
{
	const struct sched_param none = { 0 };
	cpu_set_t set;
	int cpu = 0;

	sched_getaffinity(0, sizeof(set), &set);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	sched_setscheduler(0, policy, &none);
}

/* Use so much CPU time without a sign of progress. */
static int compute(struct tc_watch *watch, void *ms)
{
	struct timespec used;

	watch->beats++;
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	while (used.tv_sec * 1000 + used.tv_nsec / 1000000 < *(int *)ms);
	return TC_EXIT_OK;
}

static int compute_in_vain(struct tc_watch *watch, void *ms)
{
	settle(SCHED_IDLE);
	return compute(watch, ms);
}

static int hang(struct tc_watch *watch, void *context)
{
	(void)watch, (void)context;
	return pause();
}

static int run(int (*job)(struct tc_watch *, void *), int ms)
{
	struct tc_watch *watch;

	return tc_watch_run(job, &ms, SILENCE_MS, &watch);
}

/* Another process keeps the processor: 10 ms of it take a second or more. */
START_TEST(test_job_without_a_processor_does_not_hang)
{
	pid_t spinner = fork();

	if (spinner == 0) {
		settle(SCHED_OTHER);
		for (;;)
			;
	}
	int code = run(compute_in_vain, SILENCE_MS / 5);
	kill(spinner, SIGKILL);
	waitpid(spinner, NULL, 0);
	ck_assert_int_eq(code, TC_EXIT_OK);
}
END_TEST

START_TEST(test_job_that_hangs_or_runs_for_ever_is_given_up)
{
	ck_assert_int_eq(run(hang, 0), TC_EXIT_GONE);
	ck_assert_int_eq(run(compute, 1000000), TC_EXIT_GONE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch");
	TCase *c = tcase_create("watch");

	tcase_set_timeout(c, 300);
	tcase_add_test(c, test_job_without_a_processor_does_not_hang);
	tcase_add_test(c, test_job_that_hangs_or_runs_for_ever_is_given_up);
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
