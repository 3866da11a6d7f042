/* SPDX-License-Identifier: Apache-2.0
 * Text that came from the target, made fit for a terminal. May run in a signal handler. */
#ifndef TC_PLAIN_H
#define TC_PLAIN_H

/* Replace in text each byte by '?' that is no UTF-8 or belongs to a character that steers a
 * terminal: the control characters C0 and C1, line and paragraph separators, and those that turn
 * the direction of writing. */
void tc_plain(char *text);

#endif
