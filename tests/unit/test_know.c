/* SPDX-License-Identifier: Apache-2.0
 * Knowledge files: the built-in ones are right, a wrong one is named by line and left out,
 * functions are matched by package, file and name. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/run_suite.h"
#include "lib/base/err.h"
#include "analyzer/knowledge/know.h"

static const struct tc_model model; /* of no program: paths tell all */

static struct tc_text text(const char *s)
{
	return (struct tc_text){ (const uint8_t *)s, strlen(s) };
}

static bool has_waiter(const void *context, const char *variable)
{
	return context && strcmp(variable, context) == 0;
}

START_TEST(test_builtin_files_are_right)
{
	struct tc_knowledge k;

	tc_knowledge_init(&k);
	for (size_t i = 0; i < k.n_problems; i++)
		printf("%s\n", k.problems[i].text);
	ck_assert_uint_eq(k.n_problems, 0);
	ck_assert_uint_ge(k.n_packages, 2);
	ck_assert_uint_ge(k.n_rows, 40);
	tc_knowledge_deinit(&k);
}
END_TEST

/* What is found for a function, as the word of its kind; "" for a row without one, "none",
 * "foreign". */
static const char *found(const struct tc_knowledge *k, const char *file, const char *function,
			 bool qualified, const char *variable)
{
	uint32_t row = tc_knowledge_row(k, &model, text(file), text(function), qualified,
					has_waiter, variable);

	return row == TC_KNOWN_NONE    ? "none" :
	       row == TC_KNOWN_FOREIGN ? "foreign" :
					 tc_wait_word(k->rows[row].wait);
}

static const struct {
	const char *file, *function;
	bool qualified;
	const char *variable, *want;
} functions[] = {
	{ "/usr/lib/python3.11/asyncio/locks.py", "Lock.acquire", true, NULL, "lock" },
	{ "/usr/lib/python3.9/asyncio/locks.py", "wait", false, NULL, "event" },
	{ "/usr/lib/python3.11/asyncio/locks.py", "Lock.release", true, NULL, "none" },
	{ "/opt/app/lib/asyncio/locks.py", "Lock.acquire", true, NULL, "lock" },
	{ "/opt/app/library.zip/asyncio/locks.py", "Lock.acquire", true, NULL, "lock" },
	{ "asyncio/streams.py", "StreamReader.readexactly", true, NULL, "stream_read" },
	{ "/usr/lib/python3/dist-packages/redis/asyncio/locks.py", "Lock.acquire", true, NULL,
	  "foreign" },
	{ "/srv/asyncio/locks.py", "Lock.acquire", true, NULL, "foreign" },
	{ "/usr/lib/python3.11/asyncio/tasks.py", "wait_for", true, "waiter", "wait_for" },
	{ "/usr/lib/python3.12/asyncio/tasks.py", "wait_for", true, NULL, "wait_for" },
	{ "/usr/lib/python3.12/asyncio/locks.pyx", "Lock.acquire", true, NULL, "none" },
	{ "", "Lock.acquire", true, NULL, "foreign" },
};

START_TEST(test_function_is_found_by_package_file_and_name)
{
	struct tc_knowledge k;

	tc_knowledge_init(&k);
	ck_assert_str_eq(found(&k, functions[_i].file, functions[_i].function,
			       functions[_i].qualified, functions[_i].variable),
			 functions[_i].want);
	tc_knowledge_deinit(&k);
}
END_TEST

START_TEST(test_a_variable_chooses_between_rows)
{
	struct tc_knowledge k;
	const char *file = "/usr/lib/python3.11/asyncio/tasks.py";

	tc_knowledge_init(&k);
	uint32_t with = tc_knowledge_row(&k, &model, text(file), text("wait_for"), true, has_waiter,
					 "waiter");
	uint32_t without =
		tc_knowledge_row(&k, &model, text(file), text("wait_for"), true, has_waiter, NULL);
	ck_assert_uint_ne(with, without);
	ck_assert_str_eq(k.rows[with].object, "fut");
	ck_assert(k.rows[without].flags & TC_KNOWN_LEAF);
	tc_knowledge_deinit(&k);
}
END_TEST

START_TEST(test_native_functions_are_found_by_name)
{
	struct tc_knowledge k;

	tc_knowledge_init(&k);
	ck_assert_uint_eq(k.rows[tc_knowledge_native(&k, text("Loop.sock_recv"))].wait,
			  TC_WAIT_SOCK);
	ck_assert_uint_eq(tc_knowledge_native(&k, text("Loop.run")), TC_KNOWN_NONE);
	tc_knowledge_deinit(&k);
}
END_TEST

#define HEAD                                                                             \
	"{\"schema\": \"taskcore-knowledge/1\",\n\"package\": \"acme\",\n\"anywhere\": " \
	"true,\n\"waits\": ["
#define ROW                                                                                      \
	"{\"file\": \"pool.py\", \"function\": \"Pool.acquire\", \"waits_for\": \"semaphore\", " \
	"\"object\": \"self\"}"

START_TEST(test_own_file_adds_rows)
{
	static const char own[] = HEAD ROW "]}";
	struct tc_knowledge k;

	tc_knowledge_init(&k);
	ck_assert_int_eq(tc_knowledge_add(&k, "own.json", own, strlen(own)), 0);
	ck_assert_str_eq(found(&k, "/srv/app/acme/pool.py", "Pool.acquire", true, NULL),
			 "semaphore");
	ck_assert_str_eq(found(&k, "/srv/app/notacme/pool.py", "Pool.acquire", true, NULL),
			 "foreign");
	ck_assert_str_eq(
		found(&k, "/usr/lib/python3.11/asyncio/locks.py", "Lock.acquire", true, NULL),
		"lock");
	tc_knowledge_deinit(&k);
}
END_TEST

/* A file of the same package goes before the built-in one. */
START_TEST(test_later_rows_go_first)
{
	static const char own[] =
		"{\"schema\": \"taskcore-knowledge/1\", \"package\": \"asyncio\", \"waits\": ["
		"{\"file\": \"locks.py\", \"function\": \"Lock.acquire\", \"waits_for\": "
		"\"barrier\"}]}";
	struct tc_knowledge k;

	tc_knowledge_init(&k);
	ck_assert_int_eq(tc_knowledge_add(&k, "own.json", own, strlen(own)), 0);
	ck_assert_str_eq(
		found(&k, "/usr/lib/python3.11/asyncio/locks.py", "Lock.acquire", true, NULL),
		"barrier");
	ck_assert_str_eq(
		found(&k, "/usr/lib/python3.11/asyncio/locks.py", "Event.wait", true, NULL),
		"event");
	tc_knowledge_deinit(&k);
}
END_TEST

/* More rows than any one byte could number. */
START_TEST(test_thousands_of_rows)
{
	struct tc_knowledge k;
	char *own = malloc(400000);
	size_t n = (size_t)sprintf(own, HEAD);

	for (int i = 0; i < 3000; i++)
		n += (size_t)sprintf(own + n,
				     "{\"file\": \"pool.py\", \"function\": \"f%d\", "
				     "\"waits_for\": \"lock\"},\n",
				     i);
	n += (size_t)sprintf(own + n, ROW "]}");
	tc_knowledge_init(&k);
	ck_assert_int_eq(tc_knowledge_add(&k, "own.json", own, n), 0);
	ck_assert_str_eq(found(&k, "/srv/acme/pool.py", "Pool.acquire", true, NULL), "semaphore");
	ck_assert_str_eq(found(&k, "/srv/acme/pool.py", "f2999", true, NULL), "lock");
	tc_knowledge_deinit(&k);
	free(own);
}
END_TEST

static const struct {
	const char *text, *want;
} wrongs[] = {
	{ "", "own.json:1: " },
	{ "[]", "own.json:1: no object" },
	{ HEAD "\n" ROW "\n", "own.json:6: " },
	{ HEAD "\n" ROW ",\n{\"file\": \"a.py\"}]}", "own.json:6: no \"function\"" },
	{ HEAD "\n{\"function\": \"f\", \"waits_for\": \"lock\"}]}", "own.json:5: no \"file\"" },
	{ HEAD
	  "{\"file\": \"a.py\", \"function\": \"f\", \"native\": true, \"waits_for\": \"lock\"}]}",
	  "own.json:4: a native function has no \"file\"" },
	{ HEAD "\n\n{\"file\": \"a.py\", \"function\": \"f\"}]}",
	  "own.json:6: neither \"waits_for\" nor \"through\"" },
	{ HEAD "\n{\"file\": \"a.py\", \"function\": \"f\", \"waits_for\": \"lock\", "
	       "\"callback\": \"g\"}]}",
	  "own.json:5: \"callback\" without \"object\" and \"members\"" },
	{ HEAD "\n{\"file\": \"a.py\", \"function\": \"f\", \"waits_for\": \"lokc\"}]}",
	  "own.json:5: \"waits_for\": no kind of wait is called \"lokc\"" },
	{ HEAD "\n{\"file\": \"{[a.py\", \"function\": \"f\", \"waits_for\": \"lock\"},\n"
	       "{\"file\": \"\\\"a.py\", \"function\": \"f\", \"waits\": \"lock\"}]}",
	  "own.json:6: unknown key \"waits\"" },
	{ HEAD "\n{\"file\": 7, \"function\": \"f\", \"waits_for\": \"lock\"}]}",
	  "own.json:5: \"file\" is no text" },
	{ HEAD
	  "\n{\"file\": \"a.py\", \"function\": \"f\", \"waits_for\": \"lock\", \"final\": 1}]}",
	  "own.json:5: \"final\" is no true or false" },
	{ HEAD "3]}", "own.json:4: element 1 of \"waits\" is no object" },
	{ "{\"schema\": \"taskcore-knowledge/1\",\n\"package\": \"a\",\n\"wait\": []}",
	  "own.json:3: unknown key \"wait\"" },
	{ "{\n\"schema\": \"taskcore-knowledge/2\", \"package\": \"a\", \"waits\": []}",
	  "own.json:2: \"schema\" is not" },
	{ "{\"schema\": \"taskcore-knowledge/1\",\n\"package\": \"\", \"waits\": []}",
	  "own.json:2: \"package\" is no text" },
	{ "{\"schema\": \"taskcore-knowledge/1\",\n\"package\": \"a\",\n\"waits\": {}}",
	  "own.json:3: \"waits\" is no list" },
	{ "{\"schema\": 1, \"schema\": 2}", "own.json:1: duplicate" },
};

START_TEST(test_wrong_file_is_named_by_line_and_left_out)
{
	struct tc_knowledge k;

	tc_knowledge_init(&k);
	size_t n_rows = k.n_rows, n_packages = k.n_packages;
	ck_assert_int_eq(tc_knowledge_add(&k, "own.json", wrongs[_i].text, strlen(wrongs[_i].text)),
			 -TC_EDATA);
	ck_assert_uint_eq(k.n_problems, 1);
	ck_assert_msg(strncmp(k.problems[0].text, wrongs[_i].want, strlen(wrongs[_i].want)) == 0,
		      "%s", k.problems[0].text);
	ck_assert_uint_eq(k.n_rows, n_rows);
	ck_assert_uint_eq(k.n_packages, n_packages);
	tc_knowledge_deinit(&k);
}
END_TEST

static void write_file(const char *dir, const char *name, const char *what)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(what, file);
	fclose(file);
}

START_TEST(test_directory_is_read_without_the_wrong_files)
{
	char dir[] = "/tmp/test_know_XXXXXX", command[64];
	struct tc_knowledge k;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	write_file(dir, "good.json", HEAD ROW "]}");
	write_file(dir, "bad.json", HEAD "{}]}");
	write_file(dir, "README", "no knowledge");
	tc_knowledge_init(&k);
	ck_assert_int_eq(tc_knowledge_load(&k, dir), -TC_EDATA);
	ck_assert_uint_eq(k.n_problems, 1);
	ck_assert_ptr_nonnull(strstr(k.problems[0].text, "bad.json:4: "));
	ck_assert_str_eq(found(&k, "/srv/acme/pool.py", "Pool.acquire", true, NULL), "semaphore");
	tc_knowledge_deinit(&k);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(test_missing_file_is_a_problem)
{
	struct tc_knowledge k;

	tc_knowledge_init(&k);
	ck_assert_int_eq(tc_knowledge_load(&k, "/nonexistent/own.json"), -TC_EDATA);
	ck_assert_str_eq(k.problems[0].text, "/nonexistent/own.json: No such file or directory");
	tc_knowledge_deinit(&k);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("know");
	TCase *c = tcase_create("know");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, test_builtin_files_are_right);
	tcase_add_loop_test(c, test_function_is_found_by_package_file_and_name, 0,
			    sizeof(functions) / sizeof(*functions));
	tcase_add_test(c, test_a_variable_chooses_between_rows);
	tcase_add_test(c, test_native_functions_are_found_by_name);
	tcase_add_test(c, test_own_file_adds_rows);
	tcase_add_test(c, test_later_rows_go_first);
	tcase_add_test(c, test_thousands_of_rows);
	tcase_add_loop_test(c, test_wrong_file_is_named_by_line_and_left_out, 0,
			    sizeof(wrongs) / sizeof(*wrongs));
	tcase_add_test(c, test_directory_is_read_without_the_wrong_files);
	tcase_add_test(c, test_missing_file_is_a_problem);
	suite_add_tcase(suite, c);
	return run_suite(suite);
}
