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
#include <unistd.h>

#include "../lib/dump_name.h"
int tc_output_create(struct tc_output *out, const char *file, const struct tc_process *process,
		     struct tc_watch *watch)
{
	char dir[TC_WATCH_PATH] = ".";
	const char *slash = file ? strrchr(file, '/') : NULL;
	struct stat st;

	memset(out, 0, sizeof(*out));
	out->watch = watch;
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
