/* SPDX-License-Identifier: Apache-2.0
 * Lines on stderr. Safe in a handler. A line is written to descriptor 2, if that is still the file
 * that it was at the start of the process, and if the file takes the line at once. */
#ifndef TC_HOOK_SAY_H
#define TC_HOOK_SAY_H

#include <stdbool.h>
#include <stdint.h>

/* Note which file descriptor 2 is. Normal context, once. */
void tc_hook_say_init(void);
/* Is descriptor 2 still that file? */
bool tc_hook_say_is_possible(void);
/* line: ends with a zero, behind which one byte more may be written; it is changed. Characters that
 * control a terminal become '?'. */
void tc_hook_say(char *line);
/* Around writing in the handler, while all signals are blocked. Writing may raise SIGXFSZ (a limit
 * on the size of files) or SIGPIPE: end takes these back, so that the program never gets them.
 * before: what begin has returned. */
uint64_t tc_hook_raised_begin(void);
void tc_hook_raised_end(uint64_t before);
/* In a child: set the name that tells whoever sent this cookie that the request is refused
 * (wire.h); nothing for cookie 0. */
void tc_hook_mark_refused(uint64_t cookie);

#endif
