/* SPDX-License-Identifier: Apache-2.0
 * Tests of text, the parsers of /proc, and the name of a dump. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/run_suite.h"
#include "lib/core/dump_name.h"
#include "lib/process/proc.h"
#include "lib/base/strbuf.h"

START_TEST(text_is_built_and_cut)
{
	struct tc_strbuf text;
	char memory[12];

	tc_strbuf_init(&text, memory, sizeof(memory));
	tc_strbuf_s(&text, "ab");
	tc_strbuf_u(&text, 0);
	tc_strbuf_padded(&text, 7, 3);
	ck_assert_str_eq(memory, "ab0007");
	ck_assert(!text.full);
	tc_strbuf_u(&text, UINT64_MAX);
	ck_assert_str_eq(memory, "ab000718446");
	ck_assert(text.full);
}
END_TEST

START_TEST(numbers_are_read)
{
	static const struct {
		const char *text;
		unsigned base;
		uint64_t value;
		size_t used;
	} rows[] = {
		{ "12 34", 10, 12, 2 },		{ "  \t7", 10, 7, 4 },
		{ "-1 0x5", 10, UINT64_MAX, 2 }, { "0xfF,", 16, 255, 4 },
		{ "ff", 16, 255, 2 },		{ "x", 10, 0, 0 },
		{ "", 10, 0, 0 },		{ "18446744073709551615", 10, UINT64_MAX, 20 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *at = rows[i].text;
		ck_assert_uint_eq(tc_parse_number(&at, rows[i].base), rows[i].value);
		ck_assert_uint_eq((size_t)(at - rows[i].text), rows[i].used);
	}
}
END_TEST

START_TEST(a_stat_file_with_a_hostile_name)
{
	struct tc_stat st;

	ck_assert(tc_proc_parse_stat(
		"7 (a) R (b) c) S 1 7 7 0 -1 4194560 1 2 3 4 500 600 0 0 20 0 1 0 900 1 2 3", &st));
	ck_assert_str_eq(st.comm, "a) R (b) c");
	ck_assert_int_eq(st.state, 'S');
	ck_assert_uint_eq(st.ppid, 1);
	ck_assert_uint_eq(st.utime_ns, 5000000000u);
	ck_assert_uint_eq(st.stime_ns, 6000000000u);
	ck_assert_uint_eq(st.start_ns, 9000000000u);
	ck_assert(!tc_proc_parse_stat("", &st));
	ck_assert(!tc_proc_parse_stat("7 (abc", &st));
	ck_assert(!tc_proc_parse_stat("7 (abc)", &st));
}
END_TEST

START_TEST(fields_of_status)
{
	static const char status[] = "Name:\tx\nPid:\t7\nNSpid:\t70\t7\t3\nVmPin:\t      12 kB\n";

	ck_assert_int_eq(strncmp(tc_proc_field(status, "Pid"), "7\n", 2), 0);
	ck_assert_int_eq(strncmp(tc_proc_field(status, "VmPin"), "12 kB", 5), 0);
	ck_assert_ptr_null(tc_proc_field(status, "Vm"));
	ck_assert_ptr_null(tc_proc_field("", "Pid"));
	ck_assert_uint_eq(tc_proc_innermost(tc_proc_field(status, "NSpid")), 3);
	ck_assert_uint_eq(tc_proc_innermost(NULL), 0);
}
END_TEST

START_TEST(cgroups_of_both_versions)
{
	char path[32];

	tc_proc_cgroup("9:name=systemd:/a\n4:memory:/b/c\n0::/\n", path, sizeof(path));
	ck_assert_str_eq(path, "/");
	tc_proc_cgroup("4:memory:/b/c\n3:cpu:/x\n", path, sizeof(path));
	ck_assert_str_eq(path, "/b/c");
	tc_proc_cgroup("0::/system.slice/web:1.service\n", path, sizeof(path));
	ck_assert_str_eq(path, "/system.slice/web:1.service");
	static const char both[] = "9:name=systemd:/a\n5:cpu,cpuacct:/c:d\n4:memory:/b/c\n0::/u\n";
	ck_assert(tc_proc_cgroup_of(both, "memory", path, sizeof(path)));
	ck_assert_str_eq(path, "/b/c");
	ck_assert(tc_proc_cgroup_of(both, "cpuacct", path, sizeof(path)));
	ck_assert_str_eq(path, "/c:d");
	ck_assert(tc_proc_cgroup_of(both, "", path, sizeof(path)));
	ck_assert_str_eq(path, "/u");
	ck_assert(!tc_proc_cgroup_of(both, "cpua", path, sizeof(path)));
	ck_assert_str_eq(path, "");
	ck_assert(!tc_proc_cgroup_of("4:memory:/x", "", path, sizeof(path)));
	tc_proc_cgroup("3:cpu:/x\n0:\n\n", path, sizeof(path));
	ck_assert_str_eq(path, "");
	tc_proc_cgroup("0::/a-path-that-is-longer-than-the-memory-for-it\n", path, sizeof(path));
	ck_assert_uint_eq(strlen(path), sizeof(path) - 1);
}
END_TEST

static bool count(void *context, uint32_t tid)
{
	ck_assert_uint_ne(tid, 0);
	++*(int *)context;
	return true;
}

START_TEST(our_own_thread)
{
	struct tc_os_thread thread = { .syscall = -1 };
	int proc = open("/proc/self", O_RDONLY | O_DIRECTORY), n = 0;

	ck_assert_int_eq(tc_proc_each_thread(proc, count, &n), 0);
	ck_assert_int_eq(n, 1);
	ck_assert(tc_proc_thread(proc, (uint32_t)getpid(), &thread));
	ck_assert_int_eq(thread.state, 'R');
	ck_assert(!tc_proc_thread(proc, 0x7fffffff, &thread));
	ck_assert_int_lt(tc_proc_each_thread(-1, count, &n), 0);
	close(proc);
}
END_TEST

/* The same second as libc's own calendar writes it. */
START_TEST(names_of_dumps)
{
	static const uint64_t seconds[] = { 0,		951782399,  951782400, 1709164800,
					    1735689599, 1767225600, 4102444799 };
	char name[TC_DUMP_NAME_MAX], expected[TC_DUMP_NAME_MAX], stamp[32];

	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		time_t at = (time_t)seconds[i];
		strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", gmtime(&at));
		snprintf(expected, sizeof(expected), "taskcore.py_3.11.7.%s.042.usr1.tcore", stamp);
		tc_dump_name("/opt/x y/py 3.11", 7, seconds[i] * 1000000000u + 42999999, "usr1",
			     name);
		ck_assert_str_eq(name, expected);
	}
	tc_dump_name("/a/b (deleted)", 1, 0, "api", name);
	ck_assert_int_eq(strncmp(name, "taskcore.b.1.", 13), 0);
	tc_dump_name("", 1, 0, "api", name);
	ck_assert_int_eq(strncmp(name, "taskcore.unknown.1.", 19), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proc");
	TCase *one = tcase_create("proc");

	tcase_add_test(one, text_is_built_and_cut);
	tcase_add_test(one, numbers_are_read);
	tcase_add_test(one, a_stat_file_with_a_hostile_name);
	tcase_add_test(one, fields_of_status);
	tcase_add_test(one, cgroups_of_both_versions);
	tcase_add_test(one, our_own_thread);
	tcase_add_test(one, names_of_dumps);
	suite_add_tcase(suite, one);
	return run_suite(suite);
}
