/* SPDX-License-Identifier: Apache-2.0
 * System calls by name, on x86-64. */
#ifndef TC_SYSCALLS_H
#define TC_SYSCALLS_H

#include <stdbool.h>
#include <stdint.h>

/* The name of a system call, static; NULL when it is not known. */
const char *tc_syscall_name(uint64_t number);

/* Is its first argument a descriptor, among the calls that may hold up a thread? */
bool tc_syscall_takes_fd(uint64_t number);

/* The calls that the judgement of a loop looks at, and those that hold up its thread. */
enum tc_syscall {
	TC_SYS_READ = 0,
	TC_SYS_WRITE = 1,
	TC_SYS_OPEN = 2,
	TC_SYS_POLL = 7,
	TC_SYS_PREAD64 = 17,
	TC_SYS_PWRITE64 = 18,
	TC_SYS_READV = 19,
	TC_SYS_WRITEV = 20,
	TC_SYS_SELECT = 23,
	TC_SYS_NANOSLEEP = 35,
	TC_SYS_RECVFROM = 45,
	TC_SYS_RECVMSG = 47,
	TC_SYS_WAIT4 = 61,
	TC_SYS_FLOCK = 73,
	TC_SYS_FSYNC = 74,
	TC_SYS_FDATASYNC = 75,
	TC_SYS_FUTEX = 202,
	TC_SYS_CLOCK_NANOSLEEP = 230,
	TC_SYS_EPOLL_WAIT = 232,
	TC_SYS_WAITID = 247,
	TC_SYS_OPENAT = 257,
	TC_SYS_PSELECT6 = 270,
	TC_SYS_PPOLL = 271,
	TC_SYS_EPOLL_PWAIT = 281,
	TC_SYS_EPOLL_PWAIT2 = 441,
};

#endif
