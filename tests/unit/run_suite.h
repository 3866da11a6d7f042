/* SPDX-License-Identifier: Apache-2.0
 * What each unit test has: the length of a table of cases, and the end of main(). */
#ifndef TC_RUN_SUITE_H
#define TC_RUN_SUITE_H

#include <check.h>

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0]))) /* for tcase_add_loop_test */

/* Runs the suite, prints the results and frees it. Returns the exit code of the program: 0 if all
 * tests passed, else 1. */
static inline int run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

#endif
