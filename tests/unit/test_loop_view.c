/* SPDX-License-Identifier: Apache-2.0
 * Loops and threads of a dump: who runs each loop, what it is doing, and for how long. */
#include <check.h>

#include "tests/unit/opened.h"
#include "tests/unit/run_suite.h"

START_TEST(test_loops_of_the_sample)
{
	struct opened o;

	opened_sample(&o);
	ck_assert_uint_eq(o.report.loops.n, 2);
	ck_assert_int_eq(o.report.loops.at[0].state, TC_LOOP_BLOCKED);
	ck_assert_uint_eq(o.report.loops.at[0].blocked_ns, 182000000000);
	ck_assert_int_eq(o.report.loops.at[1].state, TC_LOOP_IDLE);
	ck_assert_uint_eq(o.report.loops.at[1].blocked_ns, 0);
	opened_close(&o);
}
END_TEST

/* The second loop of the sample never slept while it was watched, but its thread slept when its
 * state was read, before the memory; and that says that it holds the GIL. */
START_TEST(test_state_and_memory_of_two_moments_are_not_put_together)
{
	static const uint32_t moved_flags[] = { 0, TC_STATUS_FROZEN };
	struct tc_out out;
	struct opened o;

	opened_sample(&o);
	for (size_t i = 0; i < o.model.n_looks; i++)
		if (o.model.looks[i].tid == 101)
			o.model.looks[i] = (struct tc_look){ .tid = 101,
							     .flags = TC_LOOK_RAN | TC_LOOK_AWAKE,
							     .watched_ns = 44000000,
							     .run_ns = 40000000 };
	o.model.pythreads[0].flags &= ~(uint32_t)TC_PYTHREAD_HOLDS_GIL;
	o.model.pythreads[1].flags |= TC_PYTHREAD_HOLDS_GIL | TC_PYTHREAD_GIL_KNOWN;
	o.model.status.flags = moved_flags[_i];
	opened_again(&o);
	ck_assert_int_eq(o.report.loops.at[1].state, TC_LOOP_BUSY);
	tc_out_init_memory(&out);
	tc_report_text(&o.report, &out);
	tc_out_raw(&out, "", 1);
	ck_assert_ptr_nonnull(strstr(out.buffer, "the thread ran while it was read"));
	ck_assert_ptr_null(strstr(out.buffer, "holds the GIL"));
	tc_out_deinit(&out);
	opened_close(&o);
}
END_TEST

/* The first loop's thread sleeps in a callback. Only one that neither slept anew nor ran while it
 * was watched is said to have stayed in its call; our own signal may have ended that. */
START_TEST(test_who_ran_while_watched_was_not_held_up)
{
	static const struct {
		uint64_t run_ns, switches, flags, held_ns;
	} watched[] = {
		{ 0, 0, 0, 250000000 },
		{ 1000, 0, 0, 0 },
		{ 0, 1, 0, 0 },
		{ 0, 0, TC_LOOK_AWAKE, 0 },
	};
	struct opened o;

	opened_sample(&o);
	for (size_t i = 0; i < o.model.n_looks; i++)
		if (o.model.looks[i].tid == 100)
			o.model.looks[i] = (struct tc_look){
				.tid = 100,
				.flags = (uint32_t)watched[_i].flags,
				.watched_ns = 250000000,
				.run_ns = watched[_i].run_ns,
				.switches = watched[_i].switches,
			};
	opened_again(&o);
	ck_assert_int_eq(o.report.loops.at[0].state, TC_LOOP_BLOCKED);
	ck_assert_uint_eq(o.report.loops.at[0].held_ns, watched[_i].held_ns);
	ck_assert_uint_eq(o.report.findings.n, watched[_i].held_ns ? 1 : 0);
	opened_close(&o);
}
END_TEST

enum { MANY = 10000, SAME = 50 }; /* threads; states of the interpreter that claim one thread */

static void build_many_threads(struct builder *b)
{
	builder_init(b);
	builder_head(b, MANY);
	for (uint64_t i = 0; i < MANY + SAME; i++) {
		/* the last thread first, as the interpreter has them; then those of tid 100 */
		const uint64_t state[8] = { 0, 0x80000000 + i,
					    i < MANY ? 100 + MANY - 1 - i : 100 };
		tc_record_begin(&b->rec, TC_REC_PYTHREAD);
		for (size_t n = 0; n < 8; n++)
			tc_put_u(&b->rec, state[n]);
		tc_record_end(&b->rec);
	}
	builder_seal(b, 0, 0, 0);
}

START_TEST(test_many_threads_are_joined)
{
	struct opened o;

	build_many_threads(&o.b);
	opened_built(&o);
	ck_assert_uint_eq(o.report.threads.n, MANY + SAME);
	for (size_t i = 0; i < o.report.threads.n; i++) {
		const struct tc_thread_view *thread = &o.report.threads.at[i];
		ck_assert(thread->os && thread->py && thread->os->tid_ns == thread->py->tid);
		ck_assert_ptr_eq(tc_threads_of(&o.report.threads, thread->py), thread);
	}
	opened_close(&o);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop_view");
	TCase *c = tcase_create("loop_view");

	tcase_add_test(c, test_loops_of_the_sample);
	tcase_add_loop_test(c, test_state_and_memory_of_two_moments_are_not_put_together, 0, 2);
	tcase_add_loop_test(c, test_who_ran_while_watched_was_not_held_up, 0, 4);
	tcase_add_test(c, test_many_threads_are_joined);
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
