/* SPDX-License-Identifier: Apache-2.0
 * Frames, generators, code objects and their tables of lines, of a fake interpreter. */
#include <check.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/fake_python.h"

/* Generators */

static const enum tc_gen_state states[] = { TC_GEN_CREATED, TC_GEN_SUSPENDED, TC_GEN_EXECUTING,
					    TC_GEN_FINISHED };

START_TEST(test_generator_is_in_the_state_that_it_was_made_in)
{
	for (int m = 0; m < ROWS(minors); m++) {
		struct fake *f = fake_new(minors[m]);
		tc_addr code = fake_code(f, (struct fake_code){ .name = "f" }), frame;
		tc_addr at = fake_coro(
			f,
			(struct fake_coro){ .code = code, .state = states[_i], .qualname = "A.f" });
		struct tc_gen gen;
		ck_assert_int_eq(tc_gen_read(&f->py, at, &gen), 0);
		ck_assert_int_eq(gen.state, states[_i]);
		ck_assert(tc_str_is(&f->py, gen.qualname, "A.f"));
		ck_assert(!gen.awaits);
		if (states[_i] != TC_GEN_FINISHED) {
			ck_assert_uint_eq(gen.frame.code, code);
			ck_assert_int_eq(gen.frame.lasti < 0, states[_i] == TC_GEN_CREATED);
			ck_assert_int_eq(tc_gen_frame(&f->py, at, &frame), 0);
			ck_assert_uint_eq(frame, gen.frame.addr);
			ck_assert_uint_eq(frame, fake_coro_frame(f, at));
		}
		ck_assert_int_eq(tc_gen_read(&f->py, 0, &gen), -TC_EFAULT);
		fake_free(f);
	}
}
END_TEST

START_TEST(test_what_a_generator_awaits_is_below_the_top_of_its_stack)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr code = fake_code(f, (struct fake_code){ .names = "a b", .awaits = true }),
		target = fake_str(f, "x");
	tc_addr at = fake_coro(f, (struct fake_coro){ .code = code, .awaits = target, .n_locals = 2,
						      .locals = (tc_addr[]){ f->yes, f->no } });
	struct tc_gen gen;

	ck_assert_int_eq(tc_gen_read(&f->py, at, &gen), 0);
	ck_assert_uint_eq(gen.target, target);
	ck_assert_uint_eq(fake_word(f, gen.frame.locals + 8), f->no);
	ck_assert_int_eq(gen.awaits_known, minors[_i] >= 13);
	ck_assert(gen.awaits_known ? gen.awaits : tc_code_awaits(&f->py, code, gen.frame.lasti));
	ck_assert(!tc_code_awaits(&f->py, fake_code(f, (struct fake_code){ 0 }), 2));
	ck_assert(!tc_code_awaits(&f->py, code, -1));
	ck_assert(!tc_code_awaits(&f->py, 0, 2));
	/* a tagged integer is nothing that can be awaited */
	if (minors[_i] >= 11) {
		fake_put(f, gen.frame.locals + 16, 0x1003);
		ck_assert_int_eq(tc_gen_read(&f->py, at, &gen), 0);
		ck_assert_uint_eq(gen.target, 0);
	}
	fake_free(f);
}
END_TEST

START_TEST(test_generator_whose_stack_lies_is_a_fault)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr code = fake_code(f, (struct fake_code){ .awaits = true });
	tc_addr at = fake_coro(f, (struct fake_coro){ .code = code, .awaits = f->none }),
		frame = fake_coro_frame(f, at);
	struct tc_gen gen;

	if (f->py.at.frames != TC_FRAMES_OBJECT && f->py.at.stack_is_pointer)
		fake_put(f, frame + f->py.at.if_stack, 0x30);
	else if (f->py.at.frames != TC_FRAMES_OBJECT)
		fake_put32(f, frame + f->py.at.if_stack, 0x7fffffff);
	else if (f->py.at.fo_state != TC_NONE)
		fake_put32(f, frame + f->py.at.fo_stack, 0x7fffffff);
	else
		fake_put(f, frame + f->py.at.fo_stack, 0x30);
	ck_assert_int_eq(tc_gen_read(&f->py, at, &gen), -TC_EFAULT);
	if (f->py.at.frames == TC_FRAMES_OBJECT) {
		fake_put(f, at + f->py.at.gi_frame, 0x10);
		ck_assert_int_eq(tc_gen_read(&f->py, at, &gen), -TC_EFAULT);
	}
	fake_free(f);
}
END_TEST

/* Frames of threads */

START_TEST(test_stack_of_a_thread_is_read_from_its_top)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr code = fake_code(f, (struct fake_code){ 0 }), at, previous;
	tc_addr outer = fake_frame(f, (struct fake_frame){ .code = code, .lasti = 4 });
	tc_addr entry = fake_frame(f, (struct fake_frame){ .owner = 3 }),
		inner = fake_frame(f, (struct fake_frame){ .code = code });
	struct tc_frame_view view;
	bool foreign;

	ck_assert_int_eq(tc_thread_frame(&f->py, f->main_thread, &at), 0);
	ck_assert_uint_eq(at, 0);
	fake_run(f, f->main_thread, outer);
	fake_run(f, f->main_thread, entry);
	fake_run(f, f->main_thread, inner);
	ck_assert_int_eq(tc_thread_frame(&f->py, f->main_thread, &at), 0);
	ck_assert_uint_eq(at, inner);
	ck_assert_int_eq(tc_frame_read(&f->py, inner, &view, &foreign, &previous), 0);
	ck_assert(!foreign && previous == entry && view.code == code && view.lasti == 0);
	ck_assert_int_eq(tc_frame_read(&f->py, entry, &view, &foreign, &previous), 0);
	ck_assert_int_eq(foreign, minors[_i] >= 12 || minors[_i] == 11);
	ck_assert_int_eq(tc_frame_read(&f->py, outer, &view, &foreign, &previous), 0);
	ck_assert(previous == 0 && view.lasti == 4);
	ck_assert_int_eq(tc_frame_read(&f->py, 0x10, &view, &foreign, &previous), -TC_EFAULT);
	ck_assert_int_eq(tc_thread_frame(&f->py, 0x10, &at), -TC_EFAULT);
	if (f->py.at.frames == TC_FRAMES_CFRAME) {
		fake_put(f, f->main_thread + f->py.at.ts_frame, 0x10);
		ck_assert_int_eq(tc_thread_frame(&f->py, f->main_thread, &at), -TC_EFAULT);
	}
	fake_free(f);
}
END_TEST

/* Code objects */

START_TEST(test_code_has_its_names_and_number_of_slots)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr code = fake_code(f, (struct fake_code){ .name = "f",
							.qualname = "A.f",
							.file = "/x.py",
							.names = "a b",
							.cells = "c",
							.frees = "d e",
							.flags = 0x80,
							.line = 7 });
	struct tc_code_facts facts;

	ck_assert_int_eq(tc_code_facts_read(&f->py, code, &facts), 0);
	ck_assert(tc_str_is(&f->py, facts.filename, "/x.py") && tc_str_is(&f->py, facts.name, "f"));
	ck_assert_uint_eq(facts.n_slots, 5);
	ck_assert_uint_eq(facts.flags, 0x80);
	ck_assert_uint_eq(facts.firstlineno, 7);
	if (minors[_i] >= 11)
		ck_assert(tc_str_is(&f->py, facts.qualname, "A.f"));
	else
		ck_assert_uint_eq(facts.qualname, 0);
	fake_put(f, facts.names[0] + TC_OB_SIZE, 70000); /* more names than a code can have */
	ck_assert_int_eq(tc_code_facts_read(&f->py, code, &facts), -TC_EFAULT);
	fake_put(f, code + f->py.at.co_varnames, 0x10);
	ck_assert_int_eq(tc_code_facts_read(&f->py, code, &facts), -TC_EFAULT);
	ck_assert_int_eq(tc_code_facts_read(&f->py, 0, &facts), -TC_EFAULT);
	fake_free(f);
}
END_TEST

/* Tables of lines; what instruction lasti is of, when the code begins in line 100. */
static const struct {
	unsigned minor;
	uint8_t table[16];
	size_t size;
	int64_t lasti;
	struct tc_position want;
} lines[] = {
	/* Objects/lnotab_notes.txt of 3.8: pairs of bytes and lines */
	{ 8, { 4, 1, 6, 2 }, 4, 0, { .line = 100 } },
	{ 8, { 4, 1, 6, 2 }, 4, 4, { .line = 101 } },
	{ 8, { 4, 1, 6, 2 }, 4, 10, { .line = 103 } },
	{ 8, { 4, 0xff }, 2, 8, { .line = 99 } }, /* backwards */
	{ 8, { 4 }, 1, 8, { .line = 100 } },	  /* cut in a pair */
	{ 8, { 0 }, 0, 8, { .line = 100 } },
	/* of 3.10: the line of the bytes themselves; -128: none */
	{ 10, { 4, 1, 4, 0x80, 4, 2 }, 6, 0, { .line = 101 } },
	{ 10, { 4, 1, 4, 0x80, 4, 2 }, 6, 4, { .line = 0 } },
	{ 10, { 4, 1, 4, 0x80, 4, 2 }, 6, 8, { .line = 103 } },
	{ 10, { 4, 1 }, 2, 8, { .line = 0 } }, /* behind its end */
	/* Objects/locations.md: short form, columns in two bytes */
	{ 11, { 0x80 | 2 << 3, 0x35 }, 2, 0, { 100, 100, 20, 25 } },
	/* one line further, columns in bytes */
	{ 11, { 0x80 | 11 << 3, 4, 9 }, 3, 0, { 101, 101, 5, 10 } },
	/* no columns, two lines back */
	{ 11, { 0x80 | 13 << 3, 5 }, 2, 0, { .line = 98, .end_line = 98 } },
	/* long form: +1 line, 2 lines long, columns 70 and 3 */
	{ 11, { 0x80 | 14 << 3, 2, 2, 64 | 6, 1, 3 }, 6, 0, { 101, 103, 70, 3 } },
	/* none */
	{ 11, { 0x80 | 15 << 3 }, 1, 0, { .line = 0 } },
	/* the second entry */
	{ 11,
	  { 0x80 | 13 << 3 | 1, 0, 0x80 | 13 << 3, 2 },
	  4,
	  4,
	  { .line = 101, .end_line = 101 } },
	{ 11, { 0x80 | 13 << 3, 0 }, 2, 100, { .line = 0 } }, /* behind its end */
	{ 11,
	  { 0x80 | 14 << 3, 0x40, 0x40, 0x40 },
	  4,
	  0,
	  { .line = 100, .end_line = 100 } }, /* cut */
	/* not started */
	{ 8, { 4, 1 }, 2, -1, { .line = 100 } },
	{ 14, { 0 }, 0, -1, { .line = 100 } },
};

START_TEST(test_instruction_is_of_the_line_that_its_table_says)
{
	struct fake *f = fake_new(lines[_i].minor);
	tc_addr code = fake_code(f, (struct fake_code){ .line = 100,
							.table = lines[_i].table,
							.table_size = lines[_i].size });
	struct tc_position position;

	ck_assert_int_eq(tc_code_position(&f->py, code, lines[_i].lasti, &position), 0);
	ck_assert_uint_eq(position.line, lines[_i].want.line);
	ck_assert_uint_eq(position.end_line, lines[_i].want.end_line);
	ck_assert_uint_eq(position.column, lines[_i].want.column);
	ck_assert_uint_eq(position.end_column, lines[_i].want.end_column);
	fake_free(f);
}
END_TEST

START_TEST(test_table_of_lines_that_cannot_be_read_gives_no_line)
{
	struct fake *f = fake_new(minors[_i]);
	tc_addr code = fake_code(f, (struct fake_code){ .line = 100 }),
		table = fake_word(f, code + f->py.at.co_linetable);
	struct tc_position position;

	fake_put(f, table + TC_OB_SIZE, 1ul << 40);
	ck_assert_int_eq(tc_code_position(&f->py, code, 2, &position), -TC_ETYPE);
	ck_assert_uint_eq(position.line, 0);
	fake_put(f, code + f->py.at.co_linetable, 0x10);
	ck_assert_int_eq(tc_code_position(&f->py, code, 2, &position), -TC_EFAULT);
	ck_assert_int_eq(tc_code_position(&f->py, code, -1, &position),
			 0); /* the first line needs no table */
	ck_assert_uint_eq(position.line, 100);
	ck_assert_int_eq(tc_code_position(&f->py, 0, 2, &position), -TC_EFAULT);
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pyframe");
	TCase *c = tcase_create("pyframe");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_generator_is_in_the_state_that_it_was_made_in, 0, ROWS(states));
	tcase_add_loop_test(c, test_what_a_generator_awaits_is_below_the_top_of_its_stack, 0,
			    ROWS(minors));
	tcase_add_loop_test(c, test_generator_whose_stack_lies_is_a_fault, 0, ROWS(minors));
	tcase_add_loop_test(c, test_stack_of_a_thread_is_read_from_its_top, 0, ROWS(minors));
	tcase_add_loop_test(c, test_code_has_its_names_and_number_of_slots, 0, ROWS(minors));
	tcase_add_loop_test(c, test_instruction_is_of_the_line_that_its_table_says, 0, ROWS(lines));
	tcase_add_loop_test(c, test_table_of_lines_that_cannot_be_read_gives_no_line, 0,
			    ROWS(minors));
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
