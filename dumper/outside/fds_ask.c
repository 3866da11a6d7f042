/* SPDX-License-Identifier: Apache-2.0
 * Asks what the descriptors of another process are. First it reads their links, which say which are
 * sockets and pipes. Then it asks the kernel's tables of sockets, which does not touch the sockets.
 * What is still unknown is asked of a duplicate (pidfd_getfd), one at a time: while a duplicate
 * exists, the peer does not see that the target closes the socket, and its port cannot be bound
 * again. The types of paths come last, because asking a file system may hang. No file of the target
 * is ever opened. */
#define _GNU_SOURCE
#include "dumper/outside/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/stat.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "dumper/outside/fds_work.h"
#include "lib/base/safe.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438 /* Linux 5.6 */
#endif
#define DIRENTS 8192
#define OWN_FDS 1024 /* more than the dumper ever has open */

/* Find the table that a socket is in by the kernel's name of its protocol (sockfs_xattr_get of
 * net/socket.c), which lsof(8) reads too. So only tables are asked that have a socket of the
 * target. */
static enum tc_fds_table ask_protocol(const char *number, struct tc_kept_fd *fd)
{
	static const struct {
		const char *name;
		enum tc_fds_table table;
		uint8_t family, type; /* 0: the name is of several */
	} rows[] = {
		{ "TCP", TC_TABLE_TCP4, AF_INET, SOCK_STREAM },
		{ "TCPv6", TC_TABLE_TCP6, AF_INET6, SOCK_STREAM },
		{ "UDP", TC_TABLE_UDP4, AF_INET, SOCK_DGRAM },
		{ "UDPv6", TC_TABLE_UDP6, AF_INET6, SOCK_DGRAM },
		{ "UNIX-STREAM", TC_TABLE_UNIX, AF_UNIX, SOCK_STREAM },
		{ "UNIX", TC_TABLE_UNIX, 0, 0 }, /* before Linux 5.15 of streams too */
	};
	char name[32];
	long n = tc_syscall4(SYS_getxattr, (long)number, (long)"system.sockprotoname", (long)name,
			     sizeof(name) - 1);

	name[n > 0 ? n : 0] = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (strcmp(name, rows[i].name) != 0)
			continue;
		fd->family = rows[i].family;
		fd->socket_type = rows[i].type;
		if (fd->family)
			fd->missing &= (uint8_t)~TC_FD_NO_KIND;
		return rows[i].table;
	}
	return TC_TABLE_NONE;
}

/* The inode in a link "socket:[123]". False: it is of another kind. */
static bool parse_inode(const char *what, const char *kind, uint32_t *ret)
{
	size_t n = strlen(kind);

	if (strncmp(what, kind, n) != 0)
		return false;
	what += n;
	*ret = (uint32_t)tc_parse_number(&what, 10); /* netlink has only the low 32 bits too */
	return true;
}

static void take_socket(struct tc_fds_work *work, struct tc_channel *channel, const char *number,
			struct tc_kept_fd *fd)
{
	fd->type = TC_FD_SOCKET;
	fd->missing = TC_FD_NO_KIND | TC_FD_NO_LOCAL | TC_FD_NO_PEER;
	channel->table = (uint8_t)ask_protocol(number, fd);
	work->n_of[channel->table]++;
	if (fd->family) /* else the link is kept: it is all that we know */
		fd->what_size = 0;
}

/* Read the link of descriptor number: what kind it is, and its inode. */
static void ask_link(struct tc_fds_work *work, const char *name, uint32_t number)
{
	struct tc_fds *fds = work->fds;
	struct tc_channel channel = { .at = fds->n, .table = TC_TABLE_NONE };
	struct tc_fd_facts facts;
	char what[TC_FD_WHAT_SIZE + 1];

	tc_fd_begin(&facts, number);
	tc_fd_ask_link(&facts, AT_FDCWD, name);
	if (!facts.fd.what_size) /* closed meanwhile */
		return;
	memcpy(what, facts.what, facts.fd.what_size);
	what[facts.fd.what_size] = 0;
	if (parse_inode(what, "socket:[", &channel.inode))
		take_socket(work, &channel, name, &facts.fd);
	else if (parse_inode(what, "pipe:[", &channel.inode))
		facts.fd.type = TC_FD_FIFO;
	else if (strncmp(what, "anon_inode:", 11) != 0) /* those have no type */
		facts.fd.missing = TC_FD_NO_TYPE;
	struct tc_kept_fd *kept = tc_fd_keep(&fds->arena, &facts);
	if (!kept) {
		fds->n_left++;
		return;
	}
	fds->one[fds->n] = kept;
	if (facts.fd.type)
		work->channels[work->n++] = channel;
	fds->n++;
}

/* struct linux_dirent64 of getdents64(2). */
struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t size;
	uint8_t type;
	char name[];
};

static void list_some(struct tc_fds_work *work, const char *entries, long size)
{
	for (long at = 0; at < size;) {
		const struct entry *entry = (const void *)(entries + at);
		const char *end = entry->name;
		uint32_t number = (uint32_t)tc_parse_number(&end, 10);
		at += entry->size;
		if (end == entry->name) /* . and .. */
			continue;
		if (work->fds->n == TC_FDS_MAX)
			work->fds->n_left++;
		else
			ask_link(work, entry->name, number);
	}
}

/* All descriptors: their links. /proc/PID/fd becomes the working directory. */
static void list(struct tc_fds_work *work)
{
	_Alignas(8) char entries[DIRENTS];
	int dir = tc_sys_open(work->fds->target->dir, "fd", O_RDONLY | O_DIRECTORY, 0);
	long n = dir < 0 ? dir : tc_syscall1(SYS_fchdir, dir);

	while (n >= 0 && !tc_fds_late(work)) {
		n = tc_syscall3(SYS_getdents64, dir, (long)entries, sizeof(entries));
		if (n == 0)
			break;
		list_some(work, entries, n);
	}
	if (n < 0)
		work->fds->error = (int)-n;
}

/* Enter the target's network namespace, because netlink answers for the namespace of the process
 * that asks. False: we may not. */
static bool enter_namespace(const struct tc_target *target)
{
	struct statx ours, theirs;

	if (tc_syscall5(SYS_statx, target->dir, (long)"ns/net", 0, STATX_INO, (long)&theirs) < 0)
		return false;
	if (tc_syscall5(SYS_statx, AT_FDCWD, (long)"/proc/self/ns/net", 0, STATX_INO,
			(long)&ours) == 0 &&
	    ours.stx_ino == theirs.stx_ino && ours.stx_dev_minor == theirs.stx_dev_minor)
		return true;
	int fd = tc_sys_open(target->dir, "ns/net", O_RDONLY, 0);
	bool entered = fd >= 0 && tc_syscall2(SYS_setns, fd, CLONE_NEWNET) == 0;
	if (fd >= 0)
		tc_sys_close(fd);
	return entered;
}

/* A pidfd of the process, or of a living thread when its first thread has ended; negative: none. */
static int open_pidfd(const struct tc_target *target)
{
	struct statx st;
	pid_t pid = target->reader.pid; /* 0: /proc is of another pid namespace */
	unsigned flags = pid == target->pid ? 0 : O_EXCL; /* PIDFD_THREAD, Linux 6.9 */

	if (!pid)
		return -ESRCH;
	int fd = (int)tc_syscall2(SYS_pidfd_open, pid, flags);
	/* If the directory that was opened first can still be read, the pid was not given to
	 * another process. */
	if (fd < 0 ||
	    tc_syscall5(SYS_statx, target->dir, (long)"stat", 0, STATX_INO, (long)&st) == 0)
		return fd;
	tc_sys_close(fd);
	return -ESRCH;
}

/* Ask the duplicate fd, if it is still what was listed (*kept). inode 0: not compared. */
static bool ask_duplicate(struct tc_fd_facts *facts, uint32_t fd, const struct tc_kept_fd *kept,
			  uint32_t inode)
{
	struct statx st;

	if (tc_syscall5(SYS_statx, fd, (long)"", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
			STATX_TYPE | STATX_INO, (long)&st) < 0 ||
	    st.stx_mode >> 12 != kept->type || (inode && (uint32_t)st.stx_ino != inode))
		return false;
	if (kept->type == TC_FD_SOCKET)
		return tc_fd_ask_socket(facts, fd);
	tc_fd_ask_pipe(facts, fd);
	facts->fd.what_size = kept->what_size;
	memcpy(facts->what, tc_fd_text(kept) + kept->local_size + kept->peer_size, kept->what_size);
	return true;
}

/* Make a duplicate, ask it, close it: nothing else is done while it exists. */
static void duplicate(struct tc_fds_work *work, int pidfd, uint32_t at, uint32_t inode)
{
	const struct tc_kept_fd *kept = work->fds->one[at];
	struct tc_fd_facts facts;

	tc_fd_begin(&facts, kept->fd);
	int fd = (int)tc_syscall3(SYS_pidfd_getfd, pidfd, kept->fd, 0);
	if (fd < 0)
		return;
	bool known = ask_duplicate(&facts, (uint32_t)fd, kept, inode);
	tc_sys_close(fd);
	if (known)
		tc_fds_replace(work, at, &facts);
}

/* Ask for the types of paths. AT_STATX_DONT_SYNC: no server is asked. A FIFO with a name is then
 * asked like a pipe. */
static void ask_types(struct tc_fds_work *work, int pidfd)
{
	for (uint32_t i = 0; i < work->fds->n && !tc_fds_late(work); i++) {
		struct tc_kept_fd *fd = work->fds->one[i];
		struct tc_strbuf text;
		char name[16];
		struct statx st;
		if (!(fd->missing & TC_FD_NO_TYPE))
			continue;
		tc_strbuf_init(&text, name, sizeof(name));
		tc_strbuf_u(&text, fd->fd);
		if (tc_syscall5(SYS_statx, AT_FDCWD, (long)name,
				AT_STATX_DONT_SYNC, STATX_TYPE, (long)&st) < 0)
			continue;
		fd->type = (uint8_t)(st.stx_mode >> 12);
		fd->missing = 0;
		if (fd->type == TC_FD_FIFO && pidfd >= 0)
			duplicate(work, pidfd, i, 0);
	}
}

/* Leave the descriptor table that we share with the dumper for one of our own, in which only dir is
 * left. Otherwise this process would keep open the pipe whose end tells the tracer of --stop to let
 * the target go, and whoever reads what the dumper prints would have to wait for us. Those
 * descriptors are never copied, because they were opened after dir. False: the table is still
 * shared. */
static bool leave_table(int dir)
{
	if (tc_syscall3(SYS_close_range, dir + 1, ~0u, 2 /* CLOSE_RANGE_UNSHARE */) < 0) {
		if (tc_syscall1(SYS_unshare, CLONE_FILES) < 0)
			return false;
		for (int fd = dir + 1; fd < OWN_FDS; fd++) /* Linux before 5.9 */
			tc_sys_close(fd);
	}
	for (int fd = 0; fd < dir; fd++)
		tc_sys_close(fd);
	return true;
}

void tc_fds_ask(struct tc_fds *fds)
{
	struct tc_fds_work *work = tc_arena_take(&fds->arena, sizeof(*work));

	tc_syscall2(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
	if (!leave_table(fds->target->dir) || !work || tc_syscall0(SYS_getppid) != fds->parent)
		return;
	while (!fds->go) /* not FUTEX_WAIT_PRIVATE: another process wakes us */
		tc_syscall4(SYS_futex, (long)&fds->go, FUTEX_WAIT, 0, 0);
	work->fds = fds;
	list(work);
	int pidfd = open_pidfd(fds->target);
	if (enter_namespace(fds->target))
		tc_fds_ask_tables(work);
	for (uint32_t i = 0; i < work->n && pidfd >= 0 && !tc_fds_late(work); i++)
		if (!work->channels[i].known)
			duplicate(work, pidfd, work->channels[i].at, work->channels[i].inode);
	ask_types(work, pidfd);
	fds->late = work->late;
	fds->done = true;
}
