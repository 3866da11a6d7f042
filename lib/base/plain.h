/* SPDX-License-Identifier: Apache-2.0
 * Text that came from the target, made fit for a terminal. May run in a signal handler. */
#ifndef TC_PLAIN_H
#define TC_PLAIN_H

/* Replace bytes of text (which ends with a zero) by '?', in place: those that are not UTF-8, and
 * those of characters that tc_utf8_hostile keeps from a terminal. */
void tc_plain(char *text);

#endif
