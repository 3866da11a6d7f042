/* SPDX-License-Identifier: Apache-2.0
 * System calls by name, on x86-64. */
#ifndef TC_SYSCALLS_H
#define TC_SYSCALLS_H

#include <stdbool.h>
#include <stdint.h>

/* The name of a system call, static; NULL when it is not known. */
const char *tc_syscall_name(uint64_t number);

/* The calls that the judgement of a loop looks at. */
enum tc_syscall {
	TC_SYS_POLL = 7,
	TC_SYS_SELECT = 23,
	TC_SYS_FUTEX = 202,
	TC_SYS_EPOLL_WAIT = 232,
	TC_SYS_PSELECT6 = 270,
	TC_SYS_PPOLL = 271,
	TC_SYS_EPOLL_PWAIT = 281,
	TC_SYS_EPOLL_PWAIT2 = 441,
};

#endif
