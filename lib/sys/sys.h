/* SPDX-License-Identifier: Apache-2.0
 * The few system calls that lib/ needs, without libc. Every function here returns -errno on
 * failure, never touches errno, retries after EINTR itself, and may run in a signal handler. */
#ifndef TC_SYS_H
#define TC_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Open path relative to the directory dir (AT_FDCWD allowed); O_CLOEXEC is added. The descriptor,
 * or -errno. */
int tc_sys_open(int dir, const char *path, int flags, unsigned mode);

/* Close fd. It is closed even when the kernel says EINTR (close(2)), so there is no retry. */
void tc_sys_close(int fd);

/* Read up to size bytes, as read(2) and pread(2): the number of bytes, 0 at the end of the file, or
 * -errno. */
long tc_sys_read(int fd, void *to, size_t size);
long tc_sys_pread(int fd, void *to, size_t size, uint64_t offset);

/* Write all size bytes: 0, or -errno; -EIO when the kernel writes nothing and gives no reason. */
int tc_sys_write(int fd, const void *from, size_t size);
int tc_sys_pwrite(int fd, const void *from, size_t size, uint64_t offset);

/* The time of a clock of clock_gettime(2) in nanoseconds; 0: there is no such clock. */
uint64_t tc_sys_clock_ns(int clock);

/* Map size bytes of zeroed memory, which is backed only as far as it is touched. NULL: the kernel
 * gives none. shared: MAP_SHARED, so that a forked child and we see each other's writes. */
void *tc_sys_map(size_t size, bool shared);
void tc_sys_unmap(void *memory, size_t size);

/* Set the signal mask of this thread (rt_sigprocmask); *ret_old (may be NULL) gets the previous
 * one. Bit n - 1 stands for signal n, here and below. */
void tc_sys_mask(uint64_t mask, uint64_t *ret_old);

/* Block all signals in this thread but SIGSYS; *ret_old (may be NULL) gets the previous mask.
 * SIGSYS is unblocked because a seccomp filter may answer one of our system calls with it
 * (seccomp(2), SECCOMP_RET_TRAP), and the kernel ends a process that blocks it then
 * (kernel/signal.c, force_sig_info_to_task). Where the program blocks SIGSYS and one is pending, it
 * stays blocked: it would be delivered now. */
void tc_sys_block(uint64_t *ret_old);

/* Unblock these signals in this thread. */
void tc_sys_unblock(uint64_t signals);

/* Set the kernel's action for sig by a system call, so that no interposed sigaction sees it.
 * SA_RESTORER is added to flags. 0 or -errno. */
int tc_sys_action(int sig, void *handler, unsigned long flags, uint64_t mask);

#endif
