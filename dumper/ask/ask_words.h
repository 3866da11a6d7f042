/* SPDX-License-Identifier: Apache-2.0
 * What taskcore signal says when there is no dump, or not the whole of one. Each function prints
 * one line and returns an exit code. */
#ifndef TC_ASK_WORDS_H
#define TC_ASK_WORDS_H

#include <sys/types.h>

#include "dumper/ask/hooked.h"

/* Print the line, and return code. */
int tc_ask_say(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The end of a line about a process without Python, which may be a shell script that has started
 * the service: "; below it process 12 (python3) has an event loop: taskcore signal 12". Empty:
 * there is no such process. Static memory. */
const char *tc_ask_hint(pid_t pid);

/* The hook has refused the request. */
int tc_ask_explain_no(pid_t pid, const struct tc_hooked *hooked);

/* Why there was no answer to signal sig, as far as it can be seen now. */
int tc_ask_explain_silence(pid_t pid, int sig, unsigned timeout_ms);

/* The dump exists, and holds no tasks, because its Python cannot be walked. */
int tc_ask_say_unknown(pid_t pid);

#endif
