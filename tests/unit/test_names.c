/* SPDX-License-Identifier: Apache-2.0
 * Who may use what is kept as `ready`: by functions that somebody keeps, by what these name, and by
 * what reaches attributes in other ways. */
#include <check.h>

#include "analyzer/facts/names.h"
#include "lib/format/key_words.h"
#include "tests/unit/opened.h"
#include "tests/unit/run_suite.h"

enum { KEPT = TC_FUNCTION_KEPT, MADE = TC_FUNCTION_CONSTRUCTOR };

struct function {
	unsigned flags;
	const char *keys, *names;
};

/* The functions, the last ones empty; whether of a package; whether others may use the name, and
 * whether they may with `set`. */
static const struct {
	struct function functions[4];
	bool package, used, set;
} cases[] = {
	{ { { 0, "warm", "ready set" } }, false, false, false },
	{ { { KEPT, "warm", "ready set" } }, false, true, true },
	{ { { TC_FUNCTION_FOREIGN, "warm", "ready set" } }, false, true, true },
	{ { { 0, "__call__", "ready set" } }, false, true, true },
	{ { { KEPT, "", "warm" }, { 0, "warm", "ready set" } }, false, true, true },
	{ { { KEPT, "", "a" }, { 0, "a", "b" }, { 0, "b", "ready set" } }, false, true, true },
	{ { { KEPT, "", "a" }, { 0, "a", "a b" }, { 0, "b", "a" } }, false, false, false },
	{ { { KEPT, "", "ready wait" }, { 0, "warm", "ready set" } }, false, true, false },
	{ { { KEPT, "", "ready" }, { KEPT, "", "set" } }, false, true, true },
	{ { { KEPT, "", "getattr" } }, false, true, true },
	{ { { KEPT, "", "getattr" } }, true, false, false },
	{ { { 0, "warm", "getattr" } }, false, false, false },
	{ { { KEPT, "", "Gate" }, { MADE, "Gate", "ready set" } }, false, true, true },
	{ { { KEPT, "", "gate" }, { MADE, "Gate", "ready set" } }, false, false, false },
	{ { { KEPT, "", "type" }, { MADE, "Gate", "ready set" } }, false, true, true },
	{ { { KEPT | TC_FUNCTION_CUT, "", "ready" } }, false, true, true },
};

static const struct tc_live *no_live(void *context, uint32_t site)
{
	(void)site;
	return context;
}

static void no_task(void *context, const struct tc_task *task)
{
	(void)context;
	(void)task;
	ck_abort();
}

static void must_be_used(const struct tc_model *model, uint32_t key, bool used, bool set)
{
	static const char *const calls[] = { "set", NULL };
	struct tc_live live = { .all = true };
	struct tc_names names;

	tc_names_init(&names, model, no_live, &live);
	ck_assert_int_eq(!tc_names_users(&names, key, NULL, no_task, NULL), used);
	ck_assert_int_eq(!tc_names_users(&names, key, calls, no_task, NULL), set);
	tc_names_deinit(&names);
}

static void open_case(struct opened *o, int i, unsigned heap, uint32_t *ret_key)
{
	builder_init(&o->b);
	builder_head(&o->b, 1);
	builder_interp(&o->b, 0x030b0000);
	uint32_t code = builder_code(
		&o->b, "f", cases[i].package ? "/x/site-packages/p.py" : "/srv/app.py", "");
	*ret_key = builder_word(&o->b, "ready", 5);
	for (size_t f = 0; f < 4 && cases[i].functions[f].keys; f++)
		builder_function(&o->b, code, cases[i].functions[f].flags,
				 cases[i].functions[f].keys, cases[i].functions[f].names);
	builder_heap(&o->b, heap);
	builder_seal(&o->b, 0, 0, 0);
	opened_built(o);
}

START_TEST(test_users)
{
	struct opened o;
	uint32_t key;

	open_case(&o, _i, TC_HEAP_WHOLE, &key);
	must_be_used(&o.model, key, cases[_i].used, cases[_i].set);
	opened_close(&o);
}
END_TEST

/* Where not all functions are known, anybody may use it. */
START_TEST(test_heap_not_seen)
{
	struct opened o;
	uint32_t key;

	open_case(&o, 0, 0, &key);
	must_be_used(&o.model, key, true, true);
	opened_close(&o);
}
END_TEST

/* What the reader looks for, the writer must write. */
START_TEST(test_calls_are_words)
{
	unsigned n = 0;

	for (int kind = 0; kind < TC_N_WAITS; kind++)
		for (const char *const *call = tc_graph_ended_by((enum tc_wait_kind)kind);
		     call && *call; call++, n++)
			ck_assert_msg(tc_is_word(*call), "%s", *call);
	ck_assert_uint_gt(n, 10);
	ck_assert(!tc_is_word("warm"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("names");
	TCase *c = tcase_create("names");

	tcase_add_loop_test(c, test_users, 0, ROWS(cases));
	tcase_add_test(c, test_heap_not_seen);
	tcase_add_test(c, test_calls_are_words);
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
