/* SPDX-License-Identifier: Apache-2.0
 * Parts of the hook that need what no test can arrange from outside: pinned memory, and somebody
 * who knows the name of a temporary file beforehand. */
#define _GNU_SOURCE
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/run_suite.h"
#include "dumper/hook/capture/hook_memory.h"
#include "dumper/hook/child/hook_file.h"
#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/common/hook_settings.h"

#define BEGAN_NS 5000000000ull

static char directory[64];

static void write_file(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void setup(void)
{
	strcpy(directory, "/tmp/taskcore-hook.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static void ask_memory(const char *statm, const char *status, struct tc_hook_memory *ret)
{
	write_file("statm", statm);
	write_file("status", status);
	int proc = open(directory, O_RDONLY | O_DIRECTORY);
	tc_hook_memory(proc, true, ret);
	close(proc);
}

START_TEST(pinned_memory_forbids_a_clone)
{
	struct tc_hook_memory memory;

	ask_memory("5000 3000 1000 1 0 2 0\n", "Name:\tx\nVmPin:\t   65536 kB\n", &memory);
	ck_assert_uint_eq(memory.private_bytes, 2000 * 4096);
	ck_assert_ptr_null(memory.no_clone);
	ask_memory("5000 3000 1000 1 0 2 0\n", "Name:\tx\nVmPin:\t   65537 kB\n", &memory);
	ck_assert_ptr_nonnull(memory.no_clone);
	ck_assert_ptr_nonnull(strstr(memory.no_clone, "pinned"));
	ask_memory("5000 1000 3000 1 0 2 0\n", "Name:\tx\n", &memory);
	ck_assert_uint_eq(memory.private_bytes, 0);
	ck_assert_ptr_null(memory.no_clone);
	tc_hook_memory(-1, true, &memory); /* no /proc */
	ck_assert_ptr_null(memory.no_clone);
}
END_TEST

/* Make what stands under the first n temporary names; then create. */
static int create_behind(int n, int (*make)(const char *path), struct tc_hook_file *file)
{
	static struct tc_hook_dump dump;
	char path[256], why[512];
	struct tc_strbuf text;
	unsigned place = 0;

	dump.pid = 77;
	dump.began_ns = BEGAN_NS;
	dump.maker.guest = true;
	strcpy(tc_hook_settings.dir, directory);
	ck_assert_int_eq(chdir("/proc"), 0); /* nobody can create files in the other places */
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/.taskcore.77.%llu.tmp", directory,
			 BEGAN_NS / 1000 + (unsigned)i);
		ck_assert_int_eq(make(path), 0);
	}
	tc_strbuf_init(&text, why, sizeof(why));
	int r = tc_hook_file_create(file, &place, &dump, &text);
	return r < 0 || strncmp(file->dir_path, directory, strlen(directory)) == 0 ? r : -EXDEV;
}

static int make_link(const char *path)
{
	char victim[128];

	snprintf(victim, sizeof(victim), "%s/victim", directory);
	return symlink(victim, path);
}

static int make_directory(const char *path)
{
	return mkdir(path, 0755);
}

START_TEST(a_temporary_name_that_is_taken_is_left_alone)
{
	struct tc_hook_file file;
	char path[256];
	struct stat st;

	ck_assert_int_eq(create_behind(5, make_link, &file), 0);
	ck_assert_str_eq(file.temporary, ".taskcore.77.5000005.tmp");
	snprintf(path, sizeof(path), "%s/victim", directory);
	ck_assert_int_eq(lstat(path, &st), -1); /* nothing was made through the links */
	ck_assert_int_eq(fstat(file.fd, &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0600);
	tc_hook_file_abort(&file);
	ck_assert_int_eq(fstatat(AT_FDCWD, path, &st, 0), -1);
}
END_TEST

START_TEST(names_that_are_all_taken_are_the_end)
{
	struct tc_hook_file file;

	ck_assert_int_ne(create_behind(1000, make_directory, &file), 0);
}
END_TEST

/* Whether the temporary file called name is there after another dump has begun and ended. */
static bool survives(const char *name)
{
	struct tc_hook_file file;
	char path[256];
	struct stat st;

	ck_assert_int_eq(create_behind(0, NULL, &file), 0);
	tc_hook_file_abort(&file);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return lstat(path, &st) == 0;
}

START_TEST(only_what_nobody_writes_is_swept)
{
	struct tc_hook_file under_way;

	ck_assert_int_eq(create_behind(0, NULL, &under_way), 0);
	char name[64];
	strcpy(name, under_way.temporary);
	write_file(".taskcore.78.1.tmp", "left by a child that was killed");
	write_file(".taskcore.other", "");
	ck_assert(!survives(".taskcore.78.1.tmp"));
	ck_assert(survives(".taskcore.other"));
	ck_assert(survives(name));
	tc_hook_file_abort(&under_way);
	ck_assert(!survives(name));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hook");
	TCase *tests = tcase_create("hook");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, pinned_memory_forbids_a_clone);
	tcase_add_test(tests, a_temporary_name_that_is_taken_is_left_alone);
	tcase_add_test(tests, names_that_are_all_taken_are_the_end);
	tcase_add_test(tests, only_what_nobody_writes_is_swept);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
