/* SPDX-License-Identifier: Apache-2.0
 * One line on stderr: only into the file that was there at start, and only if it takes the line at
 * once. Mostly run in a child, but where there can be none, in the handler. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>

#include "../lib/plain.h"
#include "../lib/sys.h"
#include "hook.h"
#include "../lib/safe.h"

#define STDERR 2
#define PIPE_WHOLE 4096 /* PIPE_BUF: so much goes into a pipe whole or not at all (pipe(7)) */

static struct statx at_start;
static bool was_open;

static bool look(struct statx *to)
{
	struct stat st;

	memset(to, 0, sizeof(*to));
	if (tc_syscall5(SYS_statx, STDERR, (long)"", AT_EMPTY_PATH,
			STATX_TYPE | STATX_INO | STATX_BTIME, (long)to) == 0)
		return true;
	if (tc_syscall2(SYS_fstat, STDERR, (long)&st) < 0) /* a filter may deny the other */
		return false;
	to->stx_ino = st.st_ino;
	to->stx_mode = (uint16_t)st.st_mode;
	to->stx_dev_major = major(st.st_dev);
	to->stx_dev_minor = minor(st.st_dev);
	return true;
}

void tc_hook_say_init(void)
{
	was_open = look(&at_start);
}

/* The number of a file that is gone may be given to another: the time of birth tells them apart. */
bool tc_hook_say_is_possible(void)
{
	struct statx st;

	return was_open && look(&st) && st.stx_ino == at_start.stx_ino &&
	       st.stx_dev_major == at_start.stx_dev_major &&
	       st.stx_dev_minor == at_start.stx_dev_minor &&
	       ((st.stx_mode ^ at_start.stx_mode) & S_IFMT) == 0 &&
	       (!st.stx_btime.tv_sec || (st.stx_btime.tv_sec == at_start.stx_btime.tv_sec &&
					 st.stx_btime.tv_nsec == at_start.stx_btime.tv_nsec));
}

/* Between a look at a pipe or socket and the write somebody else may fill it: no plain write. */
static void write_now(const char *line, size_t size)
{
	struct iovec bytes = { (char *)line, size };
	long r = -EOPNOTSUPP;

	if (S_ISSOCK(at_start.stx_mode)) {
		tc_syscall6(SYS_sendto, STDERR, (long)line, (long)size, MSG_DONTWAIT | MSG_NOSIGNAL,
			    0, 0);
		return;
	}
	if (S_ISFIFO(at_start.stx_mode))
		r = tc_syscall6(SYS_pwritev2, STDERR, (long)&bytes, 1, -1, -1, RWF_NOWAIT);
	if (r == -EOPNOTSUPP || r == -EINVAL || r == -ENOSYS) /* a file; Linux before 6.4 */
		tc_syscall3(SYS_write, STDERR, (long)line, (long)size);
}

uint64_t tc_hook_raised_begin(void)
{
	uint64_t before = 0;

	tc_syscall2(SYS_rt_sigpending, (long)&before, sizeof(before));
	return before;
}

void tc_hook_raised_end(uint64_t before)
{
	const uint64_t raised = 1ull << (SIGXFSZ - 1) | 1ull << (SIGPIPE - 1);
	const struct timespec now = { 0, 0 };
	uint64_t after = 0;

	while (tc_syscall2(SYS_rt_sigpending, (long)&after, sizeof(after)) == 0 &&
	       (after &= raised & ~before) != 0 &&
	       tc_syscall4(SYS_rt_sigtimedwait, (long)&after, 0, (long)&now, sizeof(after)) > 0)
		;
}

void tc_hook_say(char *line)
{
	struct pollfd fd = { .fd = STDERR, .events = POLLOUT };
	size_t size = strlen(line);

	tc_plain(line);
	if (size >= PIPE_WHOLE)
		size = PIPE_WHOLE - 1;
	line[size] = '\n';
	if (tc_hook_say_is_possible() && tc_syscall3(SYS_poll, (long)&fd, 1, 0) == 1 && fd.revents == POLLOUT)
		write_now(line, size + 1);
	line[size] = 0;
}
