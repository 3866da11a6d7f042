/* SPDX-License-Identifier: Apache-2.0
 * What is concluded where all who know an object wait for it, and what speaks against that. */
#include <check.h>

#include "analyzer/facts/live.h"
#include "tests/unit/opened.h"
#include "tests/unit/run_suite.h"

enum { TASKS = 5 };

static void opened_orphans(struct opened *o)
{
	builder_init(&o->b);
	builder_orphans(&o->b, TASKS);
	opened_built(o);
	o->model.status.flags |= TC_STATUS_FROZEN;
	opened_again(o);
}

/* How many tasks the finding has; 0: there is none. */
static size_t found(const struct opened *o)
{
	for (size_t i = 0; i < o->report.findings.n; i++)
		if (o->report.findings.at[i].cause == TC_CAUSE_ORPHAN_QUEUE_FULL)
			return o->report.findings.at[i].tasks.n;
	return 0;
}

static void nothing(struct opened *o)
{
	(void)o;
}

static void one_more_reference(struct opened *o)
{
	o->model.refs[o->model.n_refs - 1].references++;
}

static void one_reference_less(struct opened *o)
{
	o->model.refs[o->model.n_refs - 1].references--;
}

static void weakly_known(struct opened *o)
{
	o->model.refs[o->model.n_refs - 1].flags |= TC_REFS_WEAK;
}

static void of_several_moments(struct opened *o)
{
	o->model.status.flags &= ~(uint32_t)TC_STATUS_FROZEN;
	o->model.n_looks = 0;
}

static void one_runs(struct opened *o)
{
	o->model.tasks[1].flags |= TC_TASK_RUNNING;
}

static void one_is_torn(struct opened *o)
{
	o->model.tasks[1].flags |= TC_TASK_TORN;
}

static void one_is_not_recorded(struct opened *o)
{
	o->model.refs[3].owner += 16;
}

static void one_is_in_a_frame_that_has_ended(struct opened *o)
{
	o->model.refs[3].flags |= TC_REFS_ENDED;
}

static void somebody_may_cancel_one(struct opened *o)
{
	o->model.refs[2].references++;
}

static const struct {
	void (*change)(struct opened *o);
	size_t found;
} cases[] = {
	{ nothing, TASKS },
	{ one_more_reference, 0 },
	{ one_reference_less, 0 },
	{ weakly_known, 0 },
	{ of_several_moments, 0 },
	{ one_runs, 0 },
	{ one_is_torn, 0 },
	{ one_is_not_recorded, 0 },
	{ somebody_may_cancel_one, 0 },
	{ one_is_in_a_frame_that_has_ended, TASKS },
};

START_TEST(test_what_speaks_against_it)
{
	struct opened o;

	opened_orphans(&o);
	cases[_i].change(&o);
	opened_again(&o);
	ck_assert_uint_eq(found(&o), cases[_i].found);
	opened_close(&o);
}
END_TEST

/* The site of the first frame with bytecode. */
static uint32_t site_of(const struct tc_model *model)
{
	for (size_t i = 0; i < model->n_refs; i++)
		if (model->refs[i].site)
			return model->refs[i].site;
	return 0;
}

/* The loop that it goes around loads slot 0. Without its jump back, and with one to nowhere. */
START_TEST(test_variables_that_are_still_used)
{
	static const struct {
		uint8_t op, argument;
		bool all, first;
	} jumps[] = {
		{ 140, 4, false, true },  /* JUMP_BACKWARD */
		{ 9, 0, false, false },	  /* NOP: goes on to the return */
		{ 140, 200, true, true }, /* JUMP_BACKWARD to before the code */
		{ 255, 0, true, true },	  /* no opcode */
	};
	uint8_t instructions[14];
	struct tc_live live;
	struct opened o;

	opened_orphans(&o);
	ck_assert_uint_eq(o.model.bytecodes[0].size, sizeof(instructions));
	memcpy(instructions, o.model.bytecodes[0].at, sizeof(instructions));
	instructions[8] = jumps[_i].op;
	instructions[9] = jumps[_i].argument;
	o.model.bytecodes[0].at = instructions;
	tc_live_at(&o.model, site_of(&o.model), &live);
	ck_assert_int_eq(live.all, jumps[_i].all);
	ck_assert_int_eq(tc_live_has(&live, 0), jumps[_i].first);
	ck_assert_int_eq(tc_live_has(&live, 1), jumps[_i].all);
	ck_assert(tc_live_has(&live, TC_LIVE_SLOTS));
	opened_close(&o);
}
END_TEST

/* Without its bytecode all may be used. */
START_TEST(test_code_without_bytecode)
{
	struct tc_live live;
	struct opened o;

	opened_orphans(&o);
	memset(o.model.bytecode_of, 0, o.model.n_codes * sizeof(*o.model.bytecode_of));
	tc_live_at(&o.model, site_of(&o.model), &live);
	ck_assert(tc_live_has(&live, 1));
	tc_live_at(&o.model, UINT32_MAX, &live);
	ck_assert(tc_live_has(&live, 1));
	opened_close(&o);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("orphan");
	TCase *c = tcase_create("orphan");

	tcase_add_loop_test(c, test_what_speaks_against_it, 0, ROWS(cases));
	tcase_add_loop_test(c, test_variables_that_are_still_used, 0, 4);
	tcase_add_test(c, test_code_without_bytecode);
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
