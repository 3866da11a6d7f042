/* SPDX-License-Identifier: Apache-2.0
 * The system calls of lib/, with EINTR handled in one place. */
#include "lib/sys/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

#define LARGE (1ul << 20)

int tc_sys_open(int dir, const char *path, int flags, unsigned mode)
{
	long r;

	/* The kernel takes a descriptor before it looks for the file (Linux, fs/open.c,
	 * do_sys_openat2). Where the directory could not be opened, another thread would miss that
	 * descriptor for nothing. */
	if (dir < 0 && dir != AT_FDCWD)
		return -EBADF;
	do
		r = tc_syscall4(SYS_openat, dir, (long)path, flags | O_CLOEXEC, mode);
	while (r == -EINTR);
	return (int)r;
}

void tc_sys_close(int fd)
{
	tc_syscall1(SYS_close, fd);
}

long tc_sys_read(int fd, void *to, size_t size)
{
	long r;

	do
		r = tc_syscall3(SYS_read, fd, (long)to, (long)size);
	while (r == -EINTR);
	return r;
}

long tc_sys_pread(int fd, void *to, size_t size, uint64_t offset)
{
	long r;

	do
		r = tc_syscall4(SYS_pread64, fd, (long)to, (long)size, (long)offset);
	while (r == -EINTR);
	return r;
}

int tc_sys_write(int fd, const void *from, size_t size)
{
	const uint8_t *p = from;

	while (size) {
		long r = tc_syscall3(SYS_write, fd, (long)p, (long)size);
		if (r == -EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? (int)r : -EIO;
		p += r;
		size -= (size_t)r;
	}
	return 0;
}

int tc_sys_pwrite(int fd, const void *from, size_t size, uint64_t offset)
{
	const uint8_t *p = from;

	while (size) {
		long r = tc_syscall4(SYS_pwrite64, fd, (long)p, (long)size, (long)offset);
		if (r == -EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? (int)r : -EIO;
		p += r;
		size -= (size_t)r;
		offset += (uint64_t)r;
	}
	return 0;
}

uint64_t tc_sys_clock_ns(int clock)
{
	struct timespec at;

	if (tc_syscall2(SYS_clock_gettime, clock, (long)&at) < 0)
		return 0;
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void *map(size_t size, bool shared, int protection)
{
	long r = tc_syscall6(SYS_mmap, 0, (long)size, protection,
			     MAP_ANONYMOUS | MAP_NORESERVE | (shared ? MAP_SHARED : MAP_PRIVATE),
			     -1, 0);

	return r < 0 && r > -4096 ? NULL : (void *)r;
}

/* Make sure that only touched pages are backed. After mlockall(MCL_FUTURE) the kernel would back
 * the whole mapping at once, up to a gigabyte of which little is used; with transparent huge pages
 * it would back 2 MB at each touch. */
static void *map_empty(size_t size, bool shared)
{
	void *memory = map(size, shared, PROT_NONE);

	if (!memory)
		return NULL;
	tc_syscall2(SYS_munlock, (long)memory, (long)size);
	tc_syscall3(SYS_madvise, (long)memory, (long)size, MADV_NOHUGEPAGE);
	if (tc_syscall3(SYS_mprotect, (long)memory, (long)size, PROT_READ | PROT_WRITE) == 0)
		return memory;
	tc_sys_unmap(memory, size);
	return NULL;
}

void *tc_sys_map(size_t size, bool shared)
{
	void *memory = size >= LARGE ? map_empty(size, shared) : NULL;

	return memory ? memory : map(size, shared, PROT_READ | PROT_WRITE);
}

void tc_sys_unmap(void *memory, size_t size)
{
	tc_syscall2(SYS_munmap, (long)memory, (long)size);
}

void tc_sys_mask(uint64_t mask, uint64_t *ret_old)
{
	tc_syscall4(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, (long)&mask, (long)ret_old,
		    sizeof(mask));
}

void tc_sys_unblock(uint64_t signals)
{
	tc_syscall4(SYS_rt_sigprocmask, 1 /* SIG_UNBLOCK */, (long)&signals, 0, sizeof(signals));
}

void tc_sys_block(uint64_t *ret_old)
{
	const uint64_t trap = UINT64_C(1) << (31 /* SIGSYS */ - 1), others = ~trap;
	uint64_t old = 0, pending = 0;

	tc_syscall4(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, (long)&others, (long)&old, sizeof(old));
	if (ret_old)
		*ret_old = old;
	if (!(old & trap))
		return;
	tc_syscall2(SYS_rt_sigpending, (long)&pending, sizeof(pending));
	if (!(pending & trap))
		tc_sys_unblock(trap);
}

int tc_sys_action(int sig, void *handler, unsigned long flags, uint64_t mask)
{
	struct tc_arch_action action = { handler, flags | TC_ARCH_SA_RESTORER, tc_arch_restore,
					 mask };

	return (int)tc_syscall4(SYS_rt_sigaction, sig, (long)&action, 0, sizeof(mask));
}
