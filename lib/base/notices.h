/* SPDX-License-Identifier: Apache-2.0
 * Notices: lines for people about what is missing in a dump, and why. Everything here may run in a
 * signal handler. */
#ifndef TC_NOTICES_H
#define TC_NOTICES_H

#define TC_NOTICES_MAX 16
#define TC_NOTICE_SIZE 160 /* bytes, the zero at the end included */

/* All zero: no notices. Those that are too many are dropped. */
struct tc_notices {
	char lines[TC_NOTICES_MAX][TC_NOTICE_SIZE];
	unsigned n;
};

/* Where the next line, TC_NOTICE_SIZE bytes, is to be written; it counts as added. NULL: there are
 * TC_NOTICES_MAX already. */
char *tc_notices_next(struct tc_notices *notices);

/* Add a line, if it is not there yet. It is copied, and cut where it is too long. */
void tc_notices_add(struct tc_notices *notices, const char *line);

#endif
