/* SPDX-License-Identifier: Apache-2.0
 * One line on stderr: only into the file that descriptor 2 was at the start of the process, and
 * only if the file takes the line at once. Mostly this runs in a child; where no child can be made,
 * in the handler. */
#define _GNU_SOURCE
#include "dumper/hook/common/hook_say.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>

#include "dumper/base/wire.h"
#include "lib/base/plain.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

#define STDERR 2
/* PIPE_BUF: at most this much is written into a pipe as a whole (pipe(7)) */
#define PIPE_WHOLE 4096

static struct statx at_start;
static bool was_open;

static bool look(struct statx *to)
{
	struct stat st;

	memset(to, 0, sizeof(*to));
	if (tc_syscall5(SYS_statx, STDERR, (long)"", AT_EMPTY_PATH,
			STATX_TYPE | STATX_INO | STATX_BTIME, (long)to) == 0)
		return true;
	if (tc_syscall2(SYS_fstat, STDERR, (long)&st) < 0) /* a seccomp filter may deny statx */
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

/* After a file is deleted, another may get its inode number: then the time of birth is another. */
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

/* Write, but never wait. After poll has said that a pipe or socket takes data, somebody else may
 * fill it, so a plain write could block. */
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
	/* a file, or a pipe on Linux before 6.4 */
	if (r == -EOPNOTSUPP || r == -EINVAL || r == -ENOSYS)
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
	if (tc_hook_say_is_possible() && tc_syscall3(SYS_poll, (long)&fd, 1, 0) == 1 &&
	    fd.revents == POLLOUT)
		write_now(line, size + 1);
	line[size] = 0;
}

void tc_hook_mark_refused(uint64_t cookie)
{
	char name[TC_REFUSED_SIZE];

	if (!cookie)
		return;
	tc_refused_name(cookie, name);
	tc_syscall2(SYS_prctl, PR_SET_NAME, (long)name);
}
