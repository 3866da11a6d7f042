/* SPDX-License-Identifier: Apache-2.0
 * Dumps of fatal signals: what is said of the address, of who sent it, of the loop, and of what
 * ended with it; and that a file that lies is told apart or at least survived. */
#include <check.h>
#include <jansson.h>

#include "analyzer/facts/crash_address.h"
#include "analyzer/facts/signal_code.h"
#include "tests/unit/opened.h"
#include "tests/unit/run_suite.h"

enum { SEGV = 11, BUS = 7, ABRT = 6, FPE = 8, ILL = 4, TASKS = 12 };

#define FILE_PATH "/srv/orders/prices.bin"
#define PLACE ", in handle_request at web.py:31"
#define TASK "the task T1 \"reprice-7\""

static void opened_crash(struct opened *o, const struct builder_crash *crash)
{
	builder_init(&o->b);
	o->b.crash = crash;
	builder_sample(&o->b);
	opened_built(o);
}

static const struct tc_finding *finding_of(const struct opened *o)
{
	ck_assert_uint_ge(o->report.findings.n, 1);
	ck_assert_int_eq(o->report.findings.at[0].cause, TC_CAUSE_CRASH);
	return &o->report.findings.at[0];
}

static void ck_text(const struct tc_out *out, const char *want)
{
	char text[1024];

	ck_assert_uint_lt(out->used, sizeof(text));
	memcpy(text, out->buffer, out->used);
	text[out->used] = 0;
	ck_assert_str_eq(text, want);
}

/* Is this text, without regard to how it is folded, on the page? */
static bool page_has(const struct opened *o, const char *want)
{
	struct tc_out out;
	size_t n = 0;

	tc_out_init_memory(&out);
	tc_report_text(&o->report, &out);
	tc_out_raw(&out, "", 1);
	for (const char *at = out.buffer; *at; at++) {
		const bool blank = *at == ' ' || *at == '\n';
		if (!blank || (n && out.buffer[n - 1] != ' '))
			out.buffer[n++] = blank ? ' ' : *at;
	}
	out.buffer[n] = 0;
	const bool found = strstr(out.buffer, want) != NULL;
	tc_out_deinit(&out);
	return found;
}

static const struct {
	struct builder_crash crash;
	const char *summary;
} rows[] = {
	{ { .signal = SEGV, .tid = 100, .flags = TC_CRASH_ADDRESS, .code = 1, .address = 0x18 },
	  "SIGSEGV: " TASK " was reading address 0x18 (NULL + 0x18), where nothing is "
	  "mapped" PLACE },
	{ { .signal = SEGV, .tid = 100, .flags = TC_CRASH_ADDRESS | TC_CRASH_FETCH, .code = 1 },
	  "SIGSEGV: " TASK " was executing address 0x0 (NULL), where nothing is mapped" PLACE },
	{ { .signal = SEGV, .tid = 100, .flags = TC_CRASH_ADDRESS, .code = 1, .address = 0x500040,
	    .below = 0x500000, .above = 0x700000 },
	  "SIGSEGV: " TASK " was reading address 0x500040, where nothing is mapped, 64 B behind "
	  "the end of a mapping" PLACE },
	{ { .signal = SEGV, .tid = 100, .flags = TC_CRASH_ADDRESS | TC_CRASH_WRITE, .code = 2,
	    .address = 0x501ff8, .start = 0x501000, .end = 0x502000, .sp = 0x502010,
	    .stack_start = 0x502000, .stack_end = 0x600000 },
	  "SIGSEGV: " TASK " was writing to address 0x501ff8, in the guard below the stack of H1: "
	  "the stack of this thread has overflowed" PLACE },
	{ { .signal = SEGV, .tid = 100, .flags = TC_CRASH_ADDRESS | TC_CRASH_WRITE, .code = 1,
	    .address = 0x501ff8, .above = 0x502000, .sp = 0x502010, .stack_start = 0x502000,
	    .stack_end = 0x600000 },
	  "SIGSEGV: " TASK " was writing to address 0x501ff8, right below the stack of H1: the "
	  "stack of this thread has overflowed" PLACE },
	{ { .signal = SEGV, .tid = 100, .flags = TC_CRASH_ADDRESS | TC_CRASH_WRITE, .code = 2,
	    .address = 0x501ff8, .start = 0x501000, .end = 0x502000, .access = 5,
	    .path = "/srv/orders/_native.so (deleted)" },
	  "SIGSEGV: " TASK " was writing to address 0x501ff8, in the mapping of "
	  "/srv/orders/_native.so, a file that was deleted, which is mapped read-only" PLACE },
	{ { .signal = SEGV, .tid = 100, .flags = TC_CRASH_ADDRESS | TC_CRASH_FETCH, .code = 2,
	    .address = 0x501ff8, .start = 0x501000, .end = 0x502000, .access = 3,
	    .path = "[heap]" },
	  "SIGSEGV: " TASK " was executing address 0x501ff8, in [heap], which is not "
	  "executable" PLACE },
	{ { .signal = BUS, .tid = 100, .flags = TC_CRASH_ADDRESS, .code = 2, .address = 0x501ff8,
	    .start = 0x501000, .end = 0x502000, .access = 1, .path = FILE_PATH },
	  "SIGBUS: " TASK " was reading address 0x501ff8, in the mapping of " FILE_PATH
	  ", behind the end of the file, or where it cannot be read" PLACE },
	{ { .signal = SEGV, .tid = 100, .code = 0x80 },
	  "SIGSEGV: " TASK " was using an address that no program can have, or the processor "
	  "refused its instruction for another reason (privileged, or data that is not "
	  "aligned)" PLACE },
	{ { .signal = FPE, .tid = 100, .flags = TC_CRASH_ADDRESS, .code = 1,
	    .address = 0x7f0000001000 },
	  "SIGFPE: " TASK " ran into an integer division by zero, or one whose result does not "
	  "fit" PLACE },
	{ { .signal = ILL, .tid = 100, .flags = TC_CRASH_ADDRESS, .code = 2 },
	  "SIGILL: " TASK " ran into an illegal instruction" PLACE },
	{ { .signal = ABRT, .tid = 100, .flags = TC_CRASH_SENT, .code = -6, .sender_pid = 100 },
	  "SIGABRT: the process itself sent it while " TASK " was running" PLACE
	  ": abort(), a check of a library (heap corruption, stack smashing) or Py_FatalError" },
	{ { .signal = SEGV, .tid = 101, .flags = TC_CRASH_SENT, .sender_pid = 7 },
	  "SIGSEGV: process 7 of user 0 sent it, and the thread H2 \"python3\" took it, in "
	  "EpollSelector.select at selectors.py:468" },
	{ { .signal = ABRT, .tid = 102, .flags = TC_CRASH_SENT },
	  "SIGABRT: the kernel or a process outside of its pid namespace sent it, and the thread "
	  "H3 \"pool-2\" took it" },
	/* a file that lies */
	{ { .signal = SEGV, .tid = 9999, .flags = TC_CRASH_ADDRESS, .code = 1,
	    .address = UINT64_MAX, .start = UINT64_MAX, .end = 1, .below = UINT64_MAX,
	    .above = 1 },
	  "SIGSEGV: a thread that is not recorded was reading address 0xffffffffffffffff, where "
	  "nothing is mapped, right behind the end of a mapping" },
	{ { .signal = 77, .tid = 100, .flags = UINT32_MAX & ~(uint32_t)TC_CRASH_SENT,
	    .code = INT64_MIN, .handler = UINT64_MAX },
	  "signal 77: " TASK " ran into a fault" PLACE },
};

START_TEST(test_summary_says_what_was_seen)
{
	struct opened o;

	opened_crash(&o, &rows[_i].crash);
	ck_text(&finding_of(&o)->summary, rows[_i].summary);
	opened_close(&o);
}
END_TEST

static const struct builder_crash null_read = {
	.signal = SEGV, .tid = 100, .flags = TC_CRASH_ADDRESS, .code = 1, .address = 0x18
};

START_TEST(test_crash_is_first_and_the_others_died_with_it)
{
	struct opened o;

	opened_crash(&o, &null_read);
	const struct tc_finding *finding = finding_of(&o);
	ck_assert_int_eq(finding->confidence, TC_PROVED);
	ck_assert_uint_eq(finding->victims, TASKS - 1);
	ck_assert_int_eq(finding->ends, TC_ENDS_NO);
	ck_assert_uint_eq(finding->tasks.n, 1);
	ck_assert_uint_eq(finding->n_culprits, 1);
	ck_text(&finding->evidence[0],
		"signal 11 (SIGSEGV), code 1 (SEGV_MAPERR), taken by the thread H1 \"python3\"");
	ck_text(&finding->evidence[1], "H1 was at the instruction _native.so+0x1000");
	ck_text(&finding->evidence[2],
		"11 other tasks were pending, and the process had 4 threads");
	ck_assert(page_has(&o, "signal SIGSEGV (SEGV_MAPERR) in H1, reading 0x18 (NULL + 0x18), "
			       "where nothing is mapped"));
	ck_assert(page_has(&o, "VERDICT a fatal signal: the process was killed by SIGSEGV, and 11 "
			       "other pending tasks died with it"));
	opened_close(&o);
}
END_TEST

/* What explains why other tasks wait is none of its business. */
START_TEST(test_crash_explains_its_own_task_alone)
{
	struct opened o;

	opened_crash(&o, &null_read);
	for (size_t i = 0; i < o.model.n_tasks; i++)
		ck_assert_uint_eq(o.report.findings.of_task[i], i == 0);
	opened_close(&o);
}
END_TEST

/* The loop's turn lasts long: without the crash it is called blocked. */
START_TEST(test_loop_whose_thread_raised_it_is_not_blocked)
{
	struct opened o;

	opened_crash(&o, &null_read);
	ck_assert_int_eq(o.report.loops.at[0].state, TC_LOOP_CRASHED);
	ck_assert_int_eq(o.report.loops.at[1].state, TC_LOOP_IDLE);
	ck_assert(page_has(&o, "state CRASHED L1 was running T1 \"reprice-7\" when its thread "
			       "raised SIGSEGV at handle_request web.py:112"));
	for (size_t i = 0; i < o.report.findings.n; i++)
		ck_assert_uint_eq(o.report.findings.at[i].loop, 0);
	opened_close(&o);
}
END_TEST

/* Somebody who kills a process that hangs wants to know why it hung. */
START_TEST(test_signal_from_outside_says_nothing_of_the_loop)
{
	static const struct builder_crash killed = {
		.signal = ABRT, .tid = 101, .flags = TC_CRASH_SENT, .sender_pid = 1
	};
	struct opened o;

	opened_crash(&o, &killed);
	ck_assert_int_eq(o.report.loops.at[1].state, TC_LOOP_IDLE);
	opened_close(&o);
}
END_TEST

START_TEST(test_nothing_is_said_to_have_died_where_that_is_not_known)
{
	struct builder_crash crash = null_read;
	struct opened o;

	crash.flags = TC_CRASH_ADDRESS | TC_CRASH_HANDLED;
	crash.sender_pid = 100;
	crash.handler = 0x7f0000002000;
	opened_crash(&o, &crash);
	ck_assert_uint_eq(finding_of(&o)->victims, 0);
	ck_assert_int_eq(finding_of(&o)->ends, TC_ENDS_UNKNOWN);
	ck_assert_int_eq(o.report.loops.at[0].state, TC_LOOP_RUNS);
	ck_assert(page_has(&o, "The program has a handler of its own, which was called after this "
			       "dump; whether it survived is not in this file"));
	ck_assert(!page_has(&o, "killed"));
	ck_assert(!page_has(&o, "died"));
	opened_close(&o);
}
END_TEST

static json_t *json_of(const struct opened *o)
{
	struct tc_out out;

	tc_out_init_memory(&out);
	tc_report_json(&o->report, &out);
	json_t *root = json_loadb(out.buffer, out.used, 0, NULL);
	ck_assert_ptr_nonnull(root);
	tc_out_deinit(&out);
	return root;
}

START_TEST(test_json_has_the_crash)
{
	struct opened o;

	opened_crash(&o, &null_read);
	json_t *root = json_of(&o);
	json_t *got = json_object_get(json_object_get(root, "dump"), "crash");
	json_t *want = json_pack("{s:s,s:i,s:s,s:s,s:s,s:s,s:s,s:s,s:b}", "signal", "SIGSEGV",
				 "code", 1, "code_name", "SEGV_MAPERR", "address", "0x18",
				 "access", "read", "where", "NULL + 0x18, where nothing is mapped",
				 "thread", "H1", "task", "T1", "handled", 0);
	ck_assert_ptr_nonnull(want);
	ck_assert(json_equal(got, want));
	json_t *finding = json_array_get(json_object_get(root, "findings"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(finding, "class")), "crash");
	ck_assert_str_eq(json_string_value(json_object_get(finding, "kind")), "crash");
	json_decref(want);
	json_decref(root);
	opened_close(&o);
}
END_TEST

START_TEST(test_other_dumps_have_none)
{
	struct opened o;

	opened_crash(&o, NULL);
	json_t *root = json_of(&o);
	ck_assert_ptr_null(json_object_get(json_object_get(root, "dump"), "crash"));
	json_decref(root);
	ck_assert(!page_has(&o, "fatal signal"));
	opened_close(&o);
}
END_TEST

START_TEST(test_canonical_form_has_the_kind_and_no_address)
{
	struct opened o;
	struct tc_out out;

	opened_crash(&o, &null_read);
	tc_out_init_memory(&out);
	tc_report_canonical(&o.report, &out);
	tc_out_raw(&out, "", 1);
	ck_assert_ptr_nonnull(
		strstr(out.buffer, "{\"finding\":\"crash\",\"signal\":\"SIGSEGV\"}\n"));
	ck_assert_ptr_null(strstr(out.buffer, "0x18"));
	tc_out_deinit(&out);
	opened_close(&o);
}
END_TEST

static void fingerprint(const struct builder_crash *crash, char *ret)
{
	struct opened o;

	opened_crash(&o, crash);
	tc_finding_fingerprint(&o.model, finding_of(&o), ret);
	opened_close(&o);
}

/* Where a line of Python is known it says enough; else the module and the signal must. */
START_TEST(test_fingerprint_of_a_crash)
{
	struct builder_crash crash = null_read;
	char one[TC_FINGERPRINT], other[TC_FINGERPRINT];

	fingerprint(&crash, one);
	crash.address = 0x501000;
	fingerprint(&crash, other);
	ck_assert_str_eq(one, other);
	crash.tid = 102; /* no thread of Python */
	fingerprint(&crash, one);
	crash.address = 0x18;
	fingerprint(&crash, other);
	ck_assert_str_eq(one, other);
	crash.signal = BUS;
	fingerprint(&crash, other);
	ck_assert_str_ne(one, other);
}
END_TEST

/* A head, a crash, and nothing else. */
START_TEST(test_dump_without_threads)
{
	struct opened o;

	builder_init(&o.b);
	o.b.crash = &null_read;
	builder_head(&o.b, 0);
	builder_seal(&o.b, 0, 0, 0);
	opened_built(&o);
	ck_text(&finding_of(&o)->summary, "SIGSEGV: a thread that is not recorded was reading "
					  "address 0x18 (NULL + 0x18), where nothing is mapped");
	ck_assert(page_has(&o, "and 0 pending tasks died with it"));
	opened_close(&o);
}
END_TEST

/* A record may be cut anywhere, and a thread of an older dump says nothing of its stack. */
START_TEST(test_fields_that_are_missing_are_unknown)
{
	struct opened o;

	builder_init(&o.b);
	tc_record_begin(&o.b.rec, TC_REC_CRASH);
	tc_put_u(&o.b.rec, UINT64_MAX);
	tc_record_end(&o.b.rec);
	builder_head(&o.b, 1);
	builder_seal(&o.b, 0, 0, 0);
	opened_built(&o);
	ck_assert(o.model.crash.present);
	ck_assert_uint_eq(o.model.crash.tid, 0);
	ck_assert_uint_eq(o.model.threads[0].stack.end, 0);
	ck_text(&finding_of(&o)->summary,
		"a signal that is not known: a thread that is not recorded ran into a fault");
	opened_close(&o);
}
END_TEST

START_TEST(test_codes_have_names)
{
	ck_assert_str_eq(tc_signal_code_name(SEGV, 1), "SEGV_MAPERR");
	ck_assert_str_eq(tc_signal_code_name(BUS, 2), "BUS_ADRERR");
	ck_assert_str_eq(tc_signal_code_name(FPE, 1), "FPE_INTDIV");
	ck_assert_str_eq(tc_signal_code_name(ABRT, -6), "SI_TKILL");
	ck_assert_ptr_null(tc_signal_code_name(ABRT, 1));
	ck_assert_ptr_null(tc_signal_code_name(SEGV, (1ll << 32) + 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("crash");
	TCase *c = tcase_create("crash");

	tcase_add_loop_test(c, test_summary_says_what_was_seen, 0, ROWS(rows));
	tcase_add_test(c, test_crash_is_first_and_the_others_died_with_it);
	tcase_add_test(c, test_crash_explains_its_own_task_alone);
	tcase_add_test(c, test_loop_whose_thread_raised_it_is_not_blocked);
	tcase_add_test(c, test_signal_from_outside_says_nothing_of_the_loop);
	tcase_add_test(c, test_nothing_is_said_to_have_died_where_that_is_not_known);
	tcase_add_test(c, test_json_has_the_crash);
	tcase_add_test(c, test_other_dumps_have_none);
	tcase_add_test(c, test_canonical_form_has_the_kind_and_no_address);
	tcase_add_test(c, test_fingerprint_of_a_crash);
	tcase_add_test(c, test_dump_without_threads);
	tcase_add_test(c, test_fields_that_are_missing_are_unknown);
	tcase_add_test(c, test_codes_have_names);
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
