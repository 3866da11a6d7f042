/* SPDX-License-Identifier: Apache-2.0
 * Choosing a layout: the row of each version is believed where the fake interpreter reads back as
 * it, and refused where anything on the way is not so. */
#include <check.h>

#include "tests/unit/run_suite.h"
#include "tests/unit/fake_python.h"

static const struct {
	unsigned minor, micro;
	const char *source;
} releases[] = {
	{ 8, 0, "row 3.8" },
	{ 9, 18, "row 3.9" },
	{ 10, 0, "row 3.10.0 to 3.10.5" },
	{ 10, 5, "row 3.10.0 to 3.10.5" },
	{ 10, 6, "row 3.10.6 and later" },
	{ 11, 2, "row 3.11" },
	{ 12, 1, "row 3.12" },
	{ 13, 0, "the target's debug offsets and row 3.13" },
	{ 14, 8, "the target's debug offsets and row 3.14" },
	{ 15, 0, "the target's debug offsets and row 3.15" },
};

static int choose(struct fake *f, struct tc_layout *ret, uint32_t *ret_version, char source[64])
{
	struct tc_runtime_site site = fake_site(f);

	return tc_layout_choose(&f->target.mem, &site, ret, ret_version, source);
}

START_TEST(test_row_of_each_release_is_chosen)
{
	struct fake *f = fake_new_micro(releases[_i].minor, releases[_i].micro);
	struct tc_layout layout;
	uint32_t version;
	char source[64];

	ck_assert_int_eq(choose(f, &layout, &version, source), 0);
	ck_assert_uint_eq(version, f->version);
	ck_assert_str_eq(source, releases[_i].source);
	ck_assert_mem_eq(&layout, &f->py.at, sizeof(layout));
	fake_free(f);
}
END_TEST

START_TEST(test_unknown_and_free_threaded_versions_have_no_row)
{
	struct fake *f = fake_new(14);
	struct tc_runtime_site site = fake_site(f);
	struct tc_layout layout;
	uint32_t version;
	char source[64];

	site.version = 0x03070000;
	ck_assert_int_eq(tc_layout_choose(&f->target.mem, &site, &layout, &version, source),
			 -TC_EUNKNOWN);
	ck_assert_str_eq(source, "");
	site.version = 0x03630000;
	ck_assert_int_eq(tc_layout_choose(&f->target.mem, &site, &layout, &version, source),
			 -TC_EUNKNOWN);
	site.version = f->version;
	site.free_threaded = true;
	ck_assert_int_eq(tc_layout_choose(&f->target.mem, &site, &layout, &version, source),
			 -TC_EUNKNOWN);
	fake_free(f);
}
END_TEST

/* What is broken, and what is said then: where the version is exported, and where each row is
 * tried. What one row takes for a dict another may find empty, unless the version was told
 * before. */
static void no_interp(struct fake *f)
{
	fake_put(f, f->runtime + f->py.at.rt_interp_head, 0);
}

static void no_sysdict(struct fake *f)
{
	fake_put(f, f->interp + f->py.at.is_sysdict, 0);
}

static void wild_interp(struct fake *f)
{
	fake_put(f, f->runtime + f->py.at.rt_interp_head, 0x10);
}

static void wild_sysdict(struct fake *f)
{
	fake_put(f, f->interp + f->py.at.is_sysdict, 0x10);
}

static void wild_thread(struct fake *f)
{
	fake_put(f, f->interp + f->py.at.is_threads_head, 0x10);
}

static void other_interp_of_thread(struct fake *f)
{
	fake_put(f, f->main_thread + f->py.at.ts_interp, f->runtime);
}

static void set_hexversion(struct fake *f, tc_addr value)
{
	fake_put(f, f->interp + f->py.at.is_sysdict,
		 fake_dict(f, FAKE_PAIRS({ "hexversion", value })));
}

static void other_version(struct fake *f)
{
	set_hexversion(f, fake_int(f, 0x03030000));
}

static void huge_version(struct fake *f)
{
	set_hexversion(f, fake_int(f, 1l << 40));
}

static void no_version(struct fake *f)
{
	fake_put(f, f->interp + f->py.at.is_sysdict, fake_dict(f, FAKE_EMPTY));
}

static void larger_future(struct fake *f)
{
	fake_put(f, f->types[FAKE_FUTURE] + 32, f->py.at.fut_size + 8u);
}

static void larger_task(struct fake *f)
{
	fake_put(f, f->types[FAKE_TASK] + 32, f->py.at.task_size + 8u);
}

static const struct {
	void (*breaks)(struct fake *f);
	int want, tried;
} broken[] = {
	{ no_interp, -TC_ESTARTING, -TC_ESTARTING },
	{ no_sysdict, -TC_ESTARTING, -TC_ESTARTING },
	{ wild_interp, -TC_EPROBE, -TC_EUNKNOWN },
	{ wild_sysdict, -TC_EPROBE, 0 },
	{ other_version, -TC_EPROBE, 0 },
	{ huge_version, -TC_EPROBE, 0 },
	{ no_version, -TC_EPROBE, 0 },
	{ wild_thread, -TC_EPROBE, -TC_EPROBE },
	{ other_interp_of_thread, -TC_EPROBE, -TC_EPROBE },
	{ larger_future, -TC_EPROBE, -TC_EPROBE },
	{ larger_task, -TC_EPROBE, -TC_EPROBE },
};

START_TEST(test_row_that_does_not_fit_is_not_believed)
{
	for (int m = 0; m < ROWS(releases); m++) {
		struct fake *f = fake_new_micro(releases[m].minor, releases[m].micro);
		bool exported = releases[m].minor > 10;
		struct tc_layout layout;
		uint32_t version;
		char source[64];
		broken[_i].breaks(f);
		int r = choose(f, &layout, &version, source),
		    want = exported ? broken[_i].want : broken[_i].tried;
		if (want)
			ck_assert_int_eq(r, want);
		else
			ck_assert(r == -TC_EUNKNOWN || r == -TC_ESTARTING);
		if (want == -TC_EPROBE)
			ck_assert_uint_eq(version, f->version);
		fake_free(f);
	}
}
END_TEST

START_TEST(test_interpreter_without_asyncio_fits)
{
	struct fake *f = fake_new_micro(releases[_i].minor, releases[_i].micro);
	struct tc_layout layout;
	uint32_t version;
	char source[64];

	fake_put(f, f->interp + f->py.at.is_modules, fake_dict(f, FAKE_EMPTY));
	ck_assert_int_eq(choose(f, &layout, &version, source), 0);
	fake_free(f);
}
END_TEST

/* Debug offsets that lie: the position in the table of 3.14, and an offset that is absurd there. */
static const struct {
	uint16_t at;
	uint64_t value;
} offsets[] = {
	{ 40, 70000 },	/* rt_interp_head: in no struct */
	{ 256, 500 },	/* if_previous: behind the frame */
	{ 280, 200 },	/* if_locals: larger than a frame can be */
	{ 320, 140 },	/* co_filename: behind what is read of a code object */
	{ 384, 60000 }, /* co_adaptive */
	{ 680, 8 },	/* gi_frame: in the object's head */
	{ 688, 100 },	/* gi_state: behind the frame's beginning */
	{ 192, UINT64_MAX },
};

START_TEST(test_debug_offsets_that_lie_are_refused)
{
	struct fake *f = fake_new(14);
	struct tc_layout layout;
	uint32_t version;
	char source[64];

	fake_put(f, f->runtime + offsets[_i].at, offsets[_i].value);
	ck_assert_int_eq(choose(f, &layout, &version, source), -TC_EPROBE);
	fake_free(f);
}
END_TEST

START_TEST(test_debug_offsets_at_the_end_of_memory_are_refused)
{
	struct fake *f = fake_new(14);
	struct tc_runtime_site site = fake_site(f);
	struct tc_layout layout;
	uint32_t version;
	char source[64];

	site.runtime = FAKE_BASE + f->target.size - 64;
	ck_assert_int_eq(tc_layout_choose(&f->target.mem, &site, &layout, &version, source),
			 -TC_EPROBE);
	fake_free(f);
}
END_TEST

/* asyncio's own table of 3.14: words of it that lie. */
static const struct {
	unsigned word;
	uint64_t value;
} asyncio[] = { { 0, 5000 }, { 0, 100 },   { 1, 165 },	      { 5, 4000 },
		{ 6, 160 },  { 8, 70000 }, { 10, 1ul << 32 }, { 12, UINT64_MAX } };

START_TEST(test_asyncio_table_that_lies_changes_nothing)
{
	struct fake *f = fake_new(14);
	tc_addr state = fake_word(f, f->asyncio_c + f->py.at.module_state);
	tc_addr table = fake_word(f, state + f->py.at.as_debug);
	struct tc_layout layout = f->py.at;

	ck_assert_int_eq(tc_layout_asyncio(&f->target.mem, table, &layout), 0);
	ck_assert_mem_eq(&layout, &f->py.at, sizeof(layout));
	fake_put(f, table + 8 * asyncio[_i].word, asyncio[_i].value);
	ck_assert_int_eq(tc_layout_asyncio(&f->target.mem, table, &layout), -TC_EPROBE);
	ck_assert_int_eq(tc_layout_asyncio(&f->target.mem, 0x10, &layout), -TC_EPROBE);
	ck_assert_mem_eq(&layout, &f->py.at, sizeof(layout));
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("layout");
	TCase *c = tcase_create("layout");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, test_row_of_each_release_is_chosen, 0, ROWS(releases));
	tcase_add_test(c, test_unknown_and_free_threaded_versions_have_no_row);
	tcase_add_loop_test(c, test_row_that_does_not_fit_is_not_believed, 0, ROWS(broken));
	tcase_add_loop_test(c, test_interpreter_without_asyncio_fits, 0, ROWS(releases));
	tcase_add_loop_test(c, test_debug_offsets_that_lie_are_refused, 0, ROWS(offsets));
	tcase_add_test(c, test_debug_offsets_at_the_end_of_memory_are_refused);
	tcase_add_loop_test(c, test_asyncio_table_that_lies_changes_nothing, 0, ROWS(asyncio));
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
