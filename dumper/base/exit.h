/* SPDX-License-Identifier: Apache-2.0
 * Exit codes of taskcore: public, and the same for every verb. */
#ifndef TC_EXIT_H
#define TC_EXIT_H

enum tc_exit {
	TC_EXIT_OK = 0,
	TC_EXIT_USAGE = 2,
	TC_EXIT_INPUT =
		3, /* no Python, unknown Python, unreadable input, output that cannot be written */
	TC_EXIT_PERMISSION = 4,
	TC_EXIT_GONE = 5, /* the target has ended, or gave no answer in time */
	TC_EXIT_INTERNAL = 70,
};

#endif
