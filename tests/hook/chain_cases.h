/* SPDX-License-Identifier: Apache-2.0
 * What the files of chain_cases share: the checks, the preloaded library, and the cases. */
#ifndef CHAIN_CASES_H
#define CHAIN_CASES_H

#include <signal.h>
#include <stdio.h>
#include <sys/types.h>

extern int failed; /* the exit code */

#define CHECK(condition)                                                           \
	do {                                                                       \
		if (!(condition)) {                                                \
			printf("%s:%d: not %s\n", __FILE__, __LINE__, #condition); \
			failed = 1;                                                \
		}                                                                  \
	} while (0)

/* Of the preloaded library. */
extern int (*dumps)(void), (*nested)(void), (*faults)(void), (*in_front)(int sig);
extern void (*guard)(int on), (*guarded_call)(void (*function)(void));

/* A handler that counts its calls. */
extern volatile sig_atomic_t calls;
void count(int sig);
void set(int sig, void (*handler)(int), int flags);

/* Wait for a child: its exit status; for one that a signal has ended, 256 + wait's status. */
int status_of(pid_t pid);

/* chain_case_start.c: starting programs. chain_cases, started as "probe", ends with run_probe. */
int find_probe(void); /* 0 or -1 */
int run_probe(void);
void case_exec(void);
void case_exec_fails(void);
void case_long_list(void);
void case_spawn_storm(void);
void case_start_held_up(void);

/* chain_case_end.c: the end of the process by a signal. */
void case_die(void);
void case_pid_1(void);

/* chain_case_handler.c: what a handler does, and finds. */
void case_jump(void);
void case_reraise(void);
void case_blocked(void);
void case_small_altstack(void);
void case_state(void);
void case_backtrace(void);
void case_cancel(void);
void case_entry_stack(void);

/* chain_case_guard.c: faults while memory is read. */
void case_guard(void);
void case_guard_shared(void);
void case_guard_faults(void);

/* chain_case_storm.c: many threads and children at once. */
void case_storm(void);
void case_forks(void);

#endif
