/* SPDX-License-Identifier: Apache-2.0
 * Creates, names and removes the file of a dump. */
#define _GNU_SOURCE
#include "dumper/outside/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/dump_name.h"
#include "lib/sys/sys.h"

#define CREATE_TRIES 3

/* Tell the parent which file to remove if we are killed. It is told before the file is created, so
 * that at no moment a file is left that nobody would remove; the name has our pid in it, so it is
 * nobody else's. The first byte is written last, because half a path could be the name of another
 * file. */
static void leave_to(struct tc_watch *watch, const char *dir, const char *temporary)
{
	char path[TC_WATCH_PATH];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, temporary);

	if (n >= (int)sizeof(path))
		return;
	memcpy(watch->temporary + 1, path + 1, (size_t)n);
	atomic_signal_fence(memory_order_seq_cst);
	watch->temporary[0] = path[0];
}

/* Create and lock the temporary file. The lock says that somebody is writing it: a hook that looks
 * through the directory removes temporary files without a lock (hook_file.c), and may do so before
 * we have ours: then we try again. On a file system without locks nobody removes it. */
static int create_locked(struct tc_output *out)
{
	struct stat st;

	for (int i = 0; i < CREATE_TRIES; i++) {
		out->fd = openat(out->dir, out->temporary,
				 O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (out->fd < 0)
			return -errno;
		flock(out->fd, LOCK_EX);
		if (fstat(out->fd, &st) == 0 && st.st_nlink > 0)
			return 0;
		close(out->fd);
	}
	return -EAGAIN;
}

int tc_output_unnamed(void)
{
	const char *tmp = getenv("TMPDIR");
	int fd = open(tmp && *tmp ? tmp : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0) /* a read-only file system, or one without O_TMPFILE */
		fd = memfd_create("taskcore-output", MFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void tc_output_take(struct tc_output *out, int fd, struct tc_watch *watch)
{
	*out = (struct tc_output){ .fd = fd, .dir = -1, .path = "-", .watch = watch };
}

int tc_output_copy(int fd)
{
	static char buffer[1 << 16];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, buffer, sizeof(buffer), at)) > 0) {
		int r = tc_sys_write(STDOUT_FILENO, buffer, (size_t)n);
		if (r < 0)
			return r;
		at += n;
	}
	return n < 0 ? -errno : 0;
}

/* Is there a file with this name that may not be replaced? */
static bool is_taken(const struct tc_output *out)
{
	struct stat st;

	if (fstatat(out->dir, out->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return !out->replace || !S_ISREG(st.st_mode);
}

int tc_output_create(struct tc_output *out, const char *file, bool replace,
		     const struct tc_process *process, struct tc_watch *watch)
{
	char dir[TC_WATCH_PATH] = ".";
	const char *slash = file ? strrchr(file, '/') : NULL;

	memset(out, 0, sizeof(*out));
	out->watch = watch;
	out->replace = replace;
	tc_dump_name(process->exe, process->pid, process->wall_ns, process->reason, out->name);
	if (file) {
		if (strlen(file) >= sizeof(dir) ||
		    strlen(slash ? slash + 1 : file) >= sizeof(out->name))
			return -ENAMETOOLONG;
		strcpy(out->name, slash ? slash + 1 : file);
		if (slash)
			snprintf(dir, sizeof(dir), "%.*s", (int)(slash - file) + (slash == file),
				 file);
	}
	if (!out->name[0])
		return -EISDIR;
	snprintf(out->path, sizeof(out->path), "%s", file ? file : out->name);
	out->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->dir < 0)
		return -errno;
	if (is_taken(out))
		return -EEXIST;
	snprintf(out->temporary, sizeof(out->temporary), ".taskcore.%u.%d.tmp", process->pid,
		 getpid());
	leave_to(watch, dir, out->temporary);
	int r = create_locked(out);
	if (r < 0)
		watch->temporary[0] = 0;
	return r;
}

int tc_output_commit(struct tc_output *out)
{
	if (out->dir < 0)
		return 0;
	int r = out->replace ?
			renameat(out->dir, out->temporary, out->dir, out->name) :
			renameat2(out->dir, out->temporary, out->dir, out->name, RENAME_NOREPLACE);

	if (r < 0 && !out->replace &&
	    (errno == EINVAL || errno == ENOSYS)) { /* a file system without it (NFS, some FUSE) */
		r = linkat(out->dir, out->temporary, out->dir, out->name, 0);
		if (r == 0)
			unlinkat(out->dir, out->temporary, 0);
	}
	int saved = errno;
	if (r < 0)
		tc_output_abort(out);
	else
		close(out->fd);
	out->watch->temporary[0] = 0;
	return r < 0 ? -saved : 0;
}

void tc_output_abort(struct tc_output *out)
{
	close(out->fd);
	if (out->dir >= 0)
		unlinkat(out->dir, out->temporary, 0);
	out->watch->temporary[0] = 0;
}
