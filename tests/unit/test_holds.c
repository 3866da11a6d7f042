/* SPDX-License-Identifier: Apache-2.0
 * What tasks hold: exit functions on the stacks of suspended frames, out of a fake interpreter, of
 * each version. */
#include <check.h>
#include <stdio.h>

#include "tests/unit/fake_stack.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/walked.h"
#include "lib/walk/walk_holds.h"

enum { FIRST_NEW = 3 }; /* of minors: 3.11 */

static void register_task(struct fake *f, tc_addr coro)
{
	fake_register(f,
		      fake_task(f, (struct fake_task){ .name = fake_str(f, "T"), .coro = coro }));
}

/* What a task holds as "Class a f:11; …": a for async, i for inside of another; its place. */
static const char *held_by(const struct walked *w, size_t task)
{
	static char text[8192];
	size_t n, at = 0;
	const struct tc_hold *holds = tc_model_holds(&w->model, &w->model.tasks[task], &n);

	text[0] = 0;
	for (size_t i = 0; i < n && at < sizeof(text) - 256; i++)
		at += (size_t)snprintf(
			text + at, sizeof(text) - at, "%s%.60s %s%s%.120s", i ? "; " : "",
			walked_string(w, tc_model_type(&w->model, holds[i].type)->name),
			holds[i].flags & TC_HOLD_ASYNC ? "a" : "",
			holds[i].flags & TC_HOLD_INSIDE ? "i " : " ",
			walked_chain(w, holds[i].place));
	return text;
}

static size_t n_held_by(const struct walked *w, size_t task)
{
	size_t n;

	tc_model_holds(&w->model, &w->model.tasks[task], &n);
	return n;
}

/* The one task, with this stack and awaiting a future, holds what is told. */
static void must_hold(const struct fake_stack *stack, tc_addr code, const char *told)
{
	struct fake *f = stack->f;

	register_task(f, fake_holder(stack, code, fake_future(f, (struct fake_future){ 0 })));
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, 1);
	ck_assert_str_eq(held_by(w, 0), told);
	ck_assert_uint_eq(w->walk.notices.n, 0);
	walked_free(w);
}

/* Blocks of one frame. */

START_TEST(test_managers_on_the_stack_are_held_from_the_outside_in)
{
	for (int wide = 0; wide < 2; wide++) {
		struct fake_stack stack = { .f = fake_new(minors[_i]) };
		struct fake *f = stack.f;
		tc_addr class = fake_static_type(f, "_thread.lock", 0, 16);
		fake_push_held(&stack, "Lock");
		fake_push(&stack, fake_list(f, FAKE_EMPTY)); /* a for statement */
		fake_push_native(&stack, fake_object(f, class, 16), "__exit__");
		fake_push_plain(&stack, "Plain");
		fake_push_held(&stack, "Semaphore");
		must_hold(&stack, fake_code_that(f, BODY, wide),
			  "Lock a f:11; lock  f:11; Plain  f:11; Semaphore a f:11");
		fake_free(f);
	}
}
END_TEST

START_TEST(test_other_functions_on_the_stack_hold_nothing)
{
	struct fake_stack stack = { .f = fake_new(minors[_i]) };
	struct fake *f = stack.f;

	fake_push_method(&stack, fake_manager(f, "A"), "A.__aenter__");
	fake_push_method(&stack, fake_manager(f, "A"), "A.__exit__.inner");
	fake_push_method(&stack, fake_manager(f, "A"), "__exit");
	fake_push_method(&stack, fake_manager(f, "A"), "A.x__aexit__");
	fake_push_native(&stack, fake_manager(f, "A"), "__exit__s");
	fake_push_native(&stack, fake_manager(f, "A"), "acquire");
	fake_push(&stack, 0);
	fake_push(&stack, 8);
	fake_push(&stack, fake_function(f, 0, "A.__exit__", FAKE_EMPTY)); /* nothing above it */
	fake_push(&stack, 0);
	must_hold(&stack, fake_code_that(f, BODY, false), "");
	fake_free(f);
}
END_TEST

/* Up to 3.13 a with block keeps a bound method; a function and an object are a call. */
START_TEST(test_call_of_an_exit_function_holds_nothing)
{
	struct fake_stack stack = { .f = fake_new(minors[_i]) };

	fake_push(&stack, fake_function(stack.f, 0, "A.__aexit__", FAKE_EMPTY));
	fake_push(&stack, fake_manager(stack.f, "A"));
	fake_push(&stack, stack.f->none);
	must_hold(&stack, fake_code_that(stack.f, BODY, false), minors[_i] < 14 ? "" : "A a f:11");
	fake_free(stack.f);
}
END_TEST

START_TEST(test_block_that_is_being_entered_is_not_held)
{
	for (int wide = 0; wide < 2; wide++) {
		struct fake_stack stack = { .f = fake_new(minors[_i]) };
		fake_push_held(&stack, "Lock");
		fake_push_held(&stack, "Entered");
		must_hold(&stack, fake_code_that(stack.f, ENTERS, wide), "Lock a f:11");
		fake_free(stack.f);
	}
}
END_TEST

/* Something lies between: the await is in the body. */
START_TEST(test_only_the_topmost_can_be_one_that_is_being_entered)
{
	struct fake_stack stack = { .f = fake_new(minors[_i]) };

	fake_push_held(&stack, "Lock");
	fake_push(&stack, stack.f->none);
	must_hold(&stack, fake_code_that(stack.f, ENTERS, false), "Lock a f:11");
	fake_free(stack.f);
}
END_TEST

START_TEST(test_topmost_is_left_out_where_it_is_unknown_what_is_awaited)
{
	struct fake_stack stack = { .f = fake_new(minors[_i]) };

	fake_push_held(&stack, "Lock");
	fake_push_held(&stack, "Perhaps");
	must_hold(&stack, fake_code_that(stack.f, UNKNOWN, false), "Lock a f:11");
	fake_free(stack.f);
}
END_TEST

/* A generator may wait by `yield from` in it. */
START_TEST(test_plain_block_is_never_being_entered)
{
	static const enum awaited kinds[] = { BODY, ENTERS, UNKNOWN };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct fake_stack stack = { .f = fake_new(minors[_i]) };
		fake_push_plain(&stack, "Plain");
		must_hold(&stack, fake_code_that(stack.f, kinds[i], false), "Plain  f:11");
		fake_free(stack.f);
	}
}
END_TEST

START_TEST(test_locals_are_not_the_stack)
{
	struct fake_stack stack = { .f = fake_new(minors[_i]) };
	tc_addr code = fake_code_that(stack.f, BODY, false), names = fake_names(stack.f, "a b c d");

	/* one slot for each value of the first */
	fake_push_held(&stack, "Local");
	fake_push_held(&stack, "Local");
	while (stack.n < 4)
		fake_push(&stack, stack.f->none);
	fake_push_held(&stack, "Lock");
	fake_put(stack.f, code + stack.f->py.at.co_varnames, names);
	must_hold(&stack, code, "Lock a f:11");
	fake_free(stack.f);
}
END_TEST

/* The instruction at 0 is of line 10. */
START_TEST(test_place_is_where_the_block_begins)
{
	struct fake_stack stack = { .f = fake_new(minors[_i]) };
	struct fake *f = stack.f;
	tc_addr code = fake_code_that(f, BODY, false);
	uint8_t entry[] = { 128, 40, 50, (uint8_t)(f->py.at.with_values << 1 | 1) };

	fake_push_held(&stack, "Lock");
	if (fake_is_old(f)) {
		fake_put8(f, fake_word(f, code + f->py.at.co_code) + 32, 143); /* SETUP_WITH */
		fake_put8(f, fake_word(f, code + f->py.at.co_code) + 33, 40);
	} else {
		fake_put(f, code + 40, fake_bytes(f, entry, sizeof(entry)));
	}
	tc_addr coro = fake_holder(&stack, code, fake_future(f, (struct fake_future){ 0 }));
	if (fake_is_old(f)) {
		fake_put32(f, fake_coro_frame(f, coro) + f->py.at.fo_lasti + 8, 1);
		fake_put32(f, fake_locals(f, coro) - 240, 122);
		fake_put32(f, fake_locals(f, coro) - 236, 40 + 2u / f->py.at.lasti_unit);
		fake_put32(f, fake_locals(f, coro) - 232, 1);
	}
	register_task(f, coro);
	struct walked *w = fake_walk(f);
	ck_assert_str_eq(held_by(w, 0), "Lock a f:10");
	walked_free(w);
	fake_free(f);
}
END_TEST

/* Frames of a chain, and managers inside of managers. */

START_TEST(test_each_frame_of_a_chain_holds_its_own)
{
	struct fake_stack outer = { .f = fake_new(minors[_i]) }, inner = { .f = outer.f };
	struct fake *f = outer.f;
	tc_addr code = fake_code_that(f, BODY, false);

	fake_push_held(&outer, "Outer");
	fake_push_held(&inner, "Inner");
	tc_addr coro = fake_holder(&inner, code, fake_future(f, (struct fake_future){ 0 }));
	register_task(f, fake_holder(&outer, code, coro));
	struct walked *w = fake_walk(f);
	ck_assert_str_eq(held_by(w, 0), "Outer a f:11; Inner a f:11 > f:11");
	walked_free(w);
	fake_free(f);
}
END_TEST

static tc_addr made_from(struct fake *f, tc_addr gen)
{
	tc_addr class =
		fake_class(f, (struct fake_class){ .name = "Made", .module = "contextlib" });

	return fake_instance(f, class, FAKE_PAIRS({ "args", f->none }, { "gen", gen }));
}

/* Async generators and plain ones; the latter in a with statement. */
START_TEST(test_manager_holds_what_its_generator_holds)
{
	for (int async = 0; async < 2; async++) {
		struct fake_stack stack = { .f = fake_new(minors[_i]) }, inner = { .f = stack.f };
		struct fake *f = stack.f;
		fake_push_held(&inner, "Lock");
		tc_addr manager =
			made_from(f, fake_paused(&inner, async ? FAKE_ASYNCGEN : FAKE_GENERATOR));
		fake_push_method(&stack, manager,
				 async ? "_AsyncGeneratorContextManager.__aexit__" :
					 "_GeneratorContextManager.__exit__");
		fake_push_held(&stack, "Last");
		must_hold(&stack, fake_code_that(f, BODY, false),
			  async ? "Made a f:11; Last a f:11; Lock ai f:11 > g:11" :
				  "Made  f:11; Last a f:11; Lock ai f:11 > g:11");
		fake_free(f);
	}
}
END_TEST

START_TEST(test_generator_that_is_not_suspended_holds_nothing)
{
	static const enum tc_gen_state states[] = { TC_GEN_CREATED, TC_GEN_EXECUTING,
						    TC_GEN_FINISHED };

	for (int i = 0; i < 3; i++) {
		struct fake_stack stack = { .f = fake_new(minors[_i]) }, inner = { .f = stack.f };
		struct fake *f = stack.f;
		tc_addr code = fake_code(f, (struct fake_code){ 0 });
		fake_push_held(&inner, "Lock");
		tc_addr gen = fake_coro(f, (struct fake_coro){ .type = FAKE_ASYNCGEN,
							       .code = code,
							       .state = states[i],
							       .n_locals = inner.n,
							       .locals = inner.values });
		fake_push_method(&stack, made_from(f, gen),
				 "_AsyncGeneratorContextManager.__aexit__");
		must_hold(&stack, fake_code_that(f, BODY, false), "Made a f:11");
		fake_free(f);
	}
}
END_TEST

static tc_addr callback(struct fake *f, tc_addr manager, const char *qualname)
{
	tc_addr function = fake_function(f, 0, qualname, FAKE_EMPTY);

	return fake_tuple(f, FAKE_ITEMS(f->yes, fake_method(f, function, manager)));
}

static tc_addr exit_stack(struct fake *f, tc_addr callbacks)
{
	tc_addr class = fake_class(f, (struct fake_class){ .name = "Stack" });

	return fake_instance(f, class, FAKE_PAIRS({ "_exit_callbacks", callbacks }));
}

START_TEST(test_exit_stack_holds_what_was_pushed)
{
	struct fake_stack stack = { .f = fake_new(minors[_i]) };
	struct fake *f = stack.f;
	tc_addr function = fake_function(f, 0, "A.__exit__", FAKE_EMPTY);
	tc_addr wrapper = fake_function(f, 0, "_exit_wrapper", FAKE_EMPTY);

	tc_addr callbacks =
		fake_deque(f, FAKE_ITEMS(callback(f, fake_manager(f, "One"), "One.__aexit__"),
					 f->none, fake_tuple(f, FAKE_ITEMS(f->yes, wrapper)),
					 fake_tuple(f, FAKE_ITEMS(f->yes, function)),
					 fake_tuple(f, FAKE_ITEMS(f->yes)),
					 callback(f, fake_manager(f, "Two"), "Two.__exit__")));
	fake_push_method(&stack, exit_stack(f, callbacks), "AsyncExitStack.__aexit__");
	must_hold(&stack, fake_code_that(f, BODY, false), "Stack a f:11; One ai f:11; Two i f:11");
	fake_free(f);
}
END_TEST

/* Bounds. */

/* The generator that a manager was made from is in the block of that manager. */
START_TEST(test_manager_that_holds_itself_ends)
{
	struct fake_stack stack = { .f = fake_new(minors[_i]) }, inner = { .f = stack.f };
	struct fake *f = stack.f;
	tc_addr function =
		fake_function(f, 0, "_AsyncGeneratorContextManager.__aexit__", FAKE_EMPTY);
	tc_addr method = fake_method(f, function, f->none);
	bool two = f->py.at.with_values == 2;

	fake_push(&inner, two ? function : method);
	fake_push(&inner, f->none);
	tc_addr gen = fake_paused(&inner, FAKE_ASYNCGEN);
	tc_addr manager = made_from(f, gen);
	fake_put(f, two ? fake_locals(f, gen) + 8 : method + TC_METHOD_SELF, manager);
	fake_push_method(&stack, manager, "_AsyncGeneratorContextManager.__aexit__");
	must_hold(&stack, fake_code_that(f, BODY, false),
		  "Made a f:11; Made ai f:11 > g:11; Made ai f:11 > g:11 > g:11; "
		  "Made ai f:11 > g:11 > g:11 > g:11; Made ai f:11 > g:11 > g:11 > g:11 > g:11");
	fake_free(f);
}
END_TEST

START_TEST(test_exit_stack_that_contains_itself_is_cut)
{
	struct fake_stack stack = { .f = fake_new(minors[_i]) };
	struct fake *f = stack.f;
	tc_addr function = fake_function(f, 0, "AsyncExitStack.__aexit__", FAKE_EMPTY), items[40];
	tc_addr method = fake_method(f, function, f->none);

	for (int i = 0; i < 40; i++)
		items[i] = fake_tuple(f, FAKE_ITEMS(f->no, method));
	tc_addr manager = exit_stack(f, fake_deque(f, 40, items));
	fake_put(f, method + TC_METHOD_SELF, manager);
	fake_push_method(&stack, manager, "AsyncExitStack.__aexit__");
	register_task(f, fake_holder(&stack, fake_code_that(f, BODY, false),
				     fake_future(f, (struct fake_future){ 0 })));
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(w->walk.counts.read, 1);
	ck_assert_uint_eq(n_held_by(w, 0), TC_HOLDS_MAX);
	ck_assert(walked_says(w, "more than 256 context managers"));
	walked_free(w);
	fake_free(f);
}
END_TEST

/* 32 of an exit stack, and no more. */
START_TEST(test_of_an_exit_stack_the_first_callbacks_are_read)
{
	struct fake_stack stack = { .f = fake_new(minors[_i]) };
	struct fake *f = stack.f;
	tc_addr items[40], lock = fake_manager(f, "Lock");

	for (int i = 0; i < 40; i++)
		items[i] = callback(f, lock, "Lock.__aexit__");
	fake_push_method(&stack, exit_stack(f, fake_deque(f, 40, items)),
			 "AsyncExitStack.__aexit__");
	register_task(f, fake_holder(&stack, fake_code_that(f, BODY, false),
				     fake_future(f, (struct fake_future){ 0 })));
	struct walked *w = fake_walk(f);
	ck_assert_uint_eq(n_held_by(w, 0), 1 + 32);
	walked_free(w);
	fake_free(f);
}
END_TEST

/* A chain of n frames of 3 blocks each. */
static tc_addr chain_of(struct fake *f, unsigned n)
{
	struct fake_stack stack = { .f = f };
	tc_addr code = fake_code_that(f, BODY, false),
		at = fake_future(f, (struct fake_future){ 0 });

	for (int i = 0; i < 3; i++)
		fake_push_held(&stack, "Lock");
	for (; n > 0; n--)
		at = fake_holder(&stack, code, at);
	return at;
}

START_TEST(test_more_than_256_are_cut_and_said)
{
	static const struct {
		unsigned frames, held;
		bool said;
	} cases[] = { { 85, 255, false }, { 86, 256, true }, { 300, 256, true } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake *f = fake_new(minors[_i]);
		register_task(f, chain_of(f, cases[i].frames));
		register_task(f, chain_of(f, 1));
		struct walked *w = fake_walk(f);
		size_t n[2] = { n_held_by(w, 0), n_held_by(w, 1) };
		ck_assert_uint_eq(n[0] + n[1], cases[i].held + 3);
		ck_assert(n[0] == 3 || n[1] == 3);
		ck_assert_int_eq(walked_says(w, "more than 256 context managers"), cases[i].said);
		walked_free(w);
		fake_free(f);
	}
}
END_TEST

/* The lowest 64 values. */
START_TEST(test_deep_stack_is_read_from_below)
{
	struct fake_stack stack = { .f = fake_new(minors[_i]) };

	fake_push_held(&stack, "First");
	while (stack.n < 64u - stack.f->py.at.with_values)
		fake_push(&stack, stack.f->none);
	fake_push_held(&stack, "Last");
	fake_push_held(&stack, "Beyond");
	fake_push(&stack, stack.f->none);
	must_hold(&stack, fake_code_that(stack.f, BODY, false), "First a f:11; Last a f:11");
	fake_free(stack.f);
}
END_TEST

/* Whatever the fields say that the end of the stack is found by, what is held is what is there. */
static void walk_forged(struct fake *f)
{
	struct walked *w = fake_walk(f);

	for (size_t i = 0; i < w->model.n_holds; i++) {
		const struct tc_type *type = tc_model_type(&w->model, w->model.holds[i].type);
		ck_assert_str_eq(walked_string(w, type->name), "Lock");
	}
	ck_assert_uint_le(w->model.n_holds, 2);
	walked_free(w);
}

static void forge(struct fake *f, tc_addr field, bool half, tc_addr locals)
{
	const uint64_t words[] = { 0,
				   1,
				   2,
				   8,
				   63,
				   0x7fffffff,
				   0x80000000,
				   ~0ull,
				   1ull << 63,
				   locals - 8,
				   locals,
				   locals + 8,
				   locals + 16,
				   locals + 24,
				   locals + 8 * 64,
				   locals + (1ull << 40),
				   FAKE_BASE };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		uint64_t right = fake_word(f, field);
		if (half)
			fake_put32(f, field, (uint32_t)words[i]);
		else
			fake_put(f, field, words[i]);
		walk_forged(f);
		fake_put(f, field, right);
	}
}

START_TEST(test_forged_end_of_a_stack_does_no_harm)
{
	struct fake_stack stack = { .f = fake_new(minors[_i]) };
	struct fake *f = stack.f;
	const struct tc_layout *at = &f->py.at;

	fake_push_held(&stack, "Lock");
	fake_push(&stack, f->none);
	fake_push_held(&stack, "Lock");
	tc_addr coro = fake_holder(&stack, fake_code_that(f, BODY, false),
				   fake_future(f, (struct fake_future){ 0 }));
	tc_addr frame = fake_coro_frame(f, coro), locals = fake_locals(f, coro);
	register_task(f, coro);
	if (fake_is_old(f))
		forge(f, frame + at->fo_stack, at->fo_state != TC_NONE, locals);
	else
		forge(f, frame + at->if_stack, !at->stack_is_pointer, locals);
	if (fake_is_old(f))
		forge(f, frame + at->fo_valuestack, false, locals);
	fake_free(f);
}
END_TEST

/* More locals than the frame has room for. */
START_TEST(test_forged_number_of_locals_does_no_harm)
{
	static const uint64_t sizes[] = { 1, 2, 3, 4, 5, 1000, 65536, 1 << 20, 1ull << 31, ~0ull };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fake_stack stack = { .f = fake_new(minors[_i]) };
		struct fake *f = stack.f;
		tc_addr code = fake_code_that(f, BODY, false), names = fake_names(f, "a");
		fake_push_held(&stack, "Lock");
		fake_push_held(&stack, "Lock");
		fake_put(f, names + TC_OB_SIZE, sizes[i]);
		fake_put(f, code + f->py.at.co_varnames, names);
		register_task(f,
			      fake_holder(&stack, code, fake_future(f, (struct fake_future){ 0 })));
		walk_forged(f);
		fake_free(f);
	}
}
END_TEST

/* Exit functions, managers and callbacks that lead nowhere. */
START_TEST(test_forged_values_on_a_stack_do_no_harm)
{
	static const tc_addr nowhere[] = { 0, 1, 8, 0x7ff0, FAKE_BASE, ~0ull & ~7ull };

	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		struct fake_stack stack = { .f = fake_new(minors[_i]) };
		struct fake *f = stack.f;
		tc_addr function = fake_function(f, 0, "A.__exit__", FAKE_EMPTY);
		tc_addr builtin = fake_builtin(f, nowhere[i]);
		fake_push(&stack, fake_method(f, nowhere[i], nowhere[i]));
		fake_push(&stack, fake_method(f, function, nowhere[i]));
		fake_push(&stack, function);
		fake_push(&stack, nowhere[i]);
		fake_put(f, builtin + 16, nowhere[i]);
		fake_push(&stack, builtin);
		fake_push(&stack, nowhere[i]);
		fake_push_method(&stack, nowhere[i], "A.__aexit__");
		register_task(f, fake_holder(&stack, fake_code_that(f, BODY, false),
					     fake_future(f, (struct fake_future){ 0 })));
		walk_forged(f);
		fake_free(f);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("holds");
	TCase *c = tcase_create("holds");

	tcase_set_timeout(c, 60);
#define EACH(test) tcase_add_loop_test(c, test, 0, ROWS(minors))
	EACH(test_managers_on_the_stack_are_held_from_the_outside_in);
	EACH(test_other_functions_on_the_stack_hold_nothing);
	EACH(test_call_of_an_exit_function_holds_nothing);
	EACH(test_block_that_is_being_entered_is_not_held);
	EACH(test_only_the_topmost_can_be_one_that_is_being_entered);
	tcase_add_loop_test(c, test_topmost_is_left_out_where_it_is_unknown_what_is_awaited,
			    FIRST_NEW, ROWS(minors));
	EACH(test_plain_block_is_never_being_entered);
	EACH(test_locals_are_not_the_stack);
	EACH(test_place_is_where_the_block_begins);
	EACH(test_each_frame_of_a_chain_holds_its_own);
	EACH(test_manager_holds_what_its_generator_holds);
	EACH(test_generator_that_is_not_suspended_holds_nothing);
	EACH(test_exit_stack_holds_what_was_pushed);
	EACH(test_manager_that_holds_itself_ends);
	EACH(test_exit_stack_that_contains_itself_is_cut);
	EACH(test_of_an_exit_stack_the_first_callbacks_are_read);
	EACH(test_more_than_256_are_cut_and_said);
	EACH(test_deep_stack_is_read_from_below);
	EACH(test_forged_end_of_a_stack_does_no_harm);
	EACH(test_forged_number_of_locals_does_no_harm);
	EACH(test_forged_values_on_a_stack_do_no_harm);
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
