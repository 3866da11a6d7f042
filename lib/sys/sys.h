/* SPDX-License-Identifier: Apache-2.0
 * The few system calls lib/ needs, without libc: every function returns a negative errno on
 * failure, never touches errno, retries EINTR itself, and may run in a signal handler. */
#ifndef TC_SYS_H
#define TC_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Open path relative to the directory dir (AT_FDCWD allowed); O_CLOEXEC is added. The descriptor,
 * or -errno. */
int tc_sys_open(int dir, const char *path, int flags, unsigned mode);

/* Close fd. An EINTR counts as closed, as Linux has it. */
void tc_sys_close(int fd);

/* Up to size bytes, as read(2) and pread(2): the number read, 0 at the end, or -errno. */
long tc_sys_read(int fd, void *to, size_t size);
long tc_sys_pread(int fd, void *to, size_t size, uint64_t offset);

/* All size bytes, or -errno; a write of nothing counts as -EIO. */
int tc_sys_write(int fd, const void *from, size_t size);
int tc_sys_pwrite(int fd, const void *from, size_t size, uint64_t offset);

/* Nanoseconds of a clock of clock_gettime(2); 0 when it does not exist. */
uint64_t tc_sys_clock_ns(int clock);

/* size bytes of zeroed memory of our own, backed only when it is touched; NULL: there is none.
 * shared: a cloned child writes to the same pages. */
void *tc_sys_map(size_t size, bool shared);
void tc_sys_unmap(void *memory, size_t size);

/* rt_sigprocmask: set the mask of this thread; *ret_old (may be NULL) gets the one before. Bit n - 1
 * stands for signal n. */
void tc_sys_mask(uint64_t mask, uint64_t *ret_old);

/* Block all signals in this thread but SIGSYS: a filter of system calls may answer one of ours with it
 * (seccomp(2), SECCOMP_RET_TRAP), and where it is blocked the kernel ends the process instead
 * (kernel/signal.c, force_sig_info_to_task). One that is pending, blocked by the program, stays so. */
void tc_sys_block(uint64_t *ret_old);

/* Let these through again. */
void tc_sys_unblock(uint64_t signals);

/* Set what the kernel does for sig, past every interposed function. flags without SA_RESTORER, which
 * is added. 0 or -errno. */
int tc_sys_action(int sig, void *handler, unsigned long flags, uint64_t mask);

#endif
