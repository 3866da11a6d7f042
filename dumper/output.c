/* SPDX-License-Identifier: Apache-2.0
 * Creates, names and removes the file of a dump. */
#define _GNU_SOURCE
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The base name of the executable, with bytes outside [A-Za-z0-9._-] as '_'. */
static void safe_name(const char *exe, char *to, size_t size)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	static const char deleted[] = " (deleted)";
	const char *base = strrchr(exe, '/');
	size_t n;

	base = base ? base + 1 : exe;
	n = strlen(base);
	if (n > sizeof(deleted) - 1 && strcmp(base + n - (sizeof(deleted) - 1), deleted) == 0)
		n -= sizeof(deleted) - 1;
	n = n < size - 1 ? n : size - 1;
	for (size_t i = 0; i < n; i++)
		to[i] = strchr(allowed, base[i]) ? base[i] : '_';
	to[n] = 0;
	if (n == 0)
		snprintf(to, size, "unknown");
}

static void make_name(struct tc_output *out, const struct tc_process *process)
{
	time_t seconds = (time_t)(process->wall_ns / 1000000000u);
	unsigned ms = (unsigned)(process->wall_ns / 1000000u % 1000u);
	char exe[128], stamp[32];
	struct tm tm;

	safe_name(process->exe, exe, sizeof(exe));
	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &tm);
	snprintf(out->name, sizeof(out->name), "taskcore.%s.%u.%s.%03u.%s.tcore", exe, process->pid,
		 stamp, ms, process->reason);
}

int tc_output_create(struct tc_output *out, const char *file, const struct tc_process *process,
		     struct tc_watch *watch)
{
	char dir[TC_WATCH_PATH] = ".";
	const char *slash = file ? strrchr(file, '/') : NULL;
	struct stat st;

	memset(out, 0, sizeof(*out));
	out->watch = watch;
	make_name(out, process);
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
	if (fstatat(out->dir, out->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	snprintf(out->temporary, sizeof(out->temporary), ".taskcore.%u.%d.tmp", process->pid,
		 getpid());
	out->fd = openat(out->dir, out->temporary,
			 O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out->fd < 0)
		return -errno;
	/* The parent removes it when we are stopped. */
	if (snprintf(watch->temporary, sizeof(watch->temporary), "%s/%s", dir, out->temporary) >=
	    (int)sizeof(watch->temporary))
		watch->temporary[0] = 0;
	return 0;
}

int tc_output_commit(struct tc_output *out)
{
	int r = renameat2(out->dir, out->temporary, out->dir, out->name, RENAME_NOREPLACE);

	if (r < 0 &&
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
	unlinkat(out->dir, out->temporary, 0);
	out->watch->temporary[0] = 0;
}
