/* SPDX-License-Identifier: Apache-2.0
 * Decides which directory the hook of a process will use, by the same rules as the hook: seen from
 * the process's root, and with its user. */
#define _GNU_SOURCE
#include "dumper/ask/where.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "dumper/ask/dump_dirs.h"
#include "lib/process/proc.h"
#include "dumper/outside/threads.h"

#define CAP_DAC_OVERRIDE_BIT (1ull << 1) /* include/uapi/linux/capability.h */

/* The user that the process makes files as. */
struct user {
	uint32_t uid, gid;
	uint64_t effective; /* capabilities */
	char groups[4096];  /* "24 100 " */
};

/* The last number in a field of a status file: of Uid and Gid that is the one for file access
 * (proc(5)). */
static uint32_t last_number(const char *field)
{
	unsigned long number = 0;
	char *end;

	for (int i = 0; field && i < 4; i++, field = end)
		number = strtoul(field, &end, 10);
	return (uint32_t)number;
}

static bool read_user(const char *proc, struct user *user)
{
	char path[96], text[8192];

	snprintf(path, sizeof(path), "%s/status", proc);
	if (tc_proc_read(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return false;
	const char *groups = tc_proc_field(text, "Groups"), *caps = tc_proc_field(text, "CapEff");
	snprintf(user->groups, sizeof(user->groups), "%.*s",
		 (int)strcspn(groups ? groups : "", "\n"), groups ? groups : "");
	user->uid = last_number(tc_proc_field(text, "Uid"));
	user->gid = last_number(tc_proc_field(text, "Gid"));
	user->effective = caps ? strtoull(caps, NULL, 16) : 0;
	return true;
}

static bool in_group(const struct user *user, uint32_t gid)
{
	char *end;

	for (const char *at = user->groups; *at; at = end) {
		unsigned long group = strtoul(at, &end, 10);
		if (end == at)
			break;
		if (group == gid)
			return true;
	}
	return user->gid == gid;
}

/* May the user create files in this directory? */
static bool may_write(const struct user *user, const struct stat *st)
{
	unsigned shift = user->uid == st->st_uid ? 6 : in_group(user, st->st_gid) ? 3 : 0;

	return user->effective & CAP_DAC_OVERRIDE_BIT || (st->st_mode >> shift & 3) == 3;
}

/* Why the hook will not use this directory; NULL: it will. */
static const char *judge(int fd, const struct user *user)
{
	struct statvfs fs;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT	? "that directory does not exist" :
		       errno == ELOOP	? "a symbolic link" :
		       errno == ENOTDIR ? "no directory, or a symbolic link" :
					  "it cannot be opened";
	if (fstat(fd, &st) < 0)
		return "it cannot be looked at";
	if (st.st_mode & S_IWOTH && !(st.st_mode & S_ISVTX))
		return "everybody may write there";
	if (!may_write(user, &st))
		return "permission denied";
	if (fstatvfs(fd, &fs) == 0 && fs.f_flag & ST_RDONLY)
		return "read-only file system";
	return NULL;
}

/* Try one directory, unless one was found already. Closes fd. */
static void try(struct tc_where *where, const struct user *user, int fd, const char *path)
{
	const char *why = judge(fd, user);

	if (!where->dir[0] && !why)
		snprintf(where->dir, sizeof(where->dir), "%s", path);
	if (fd >= 0)
		close(fd);
}

static void try_inside(struct tc_where *where, const struct user *user, int root, const char *path)
{
	if (path[0] == '/' && !where->dir[0])
		try(where, user, tc_dump_dirs_inside(root, path, O_NOFOLLOW), path);
}

static void try_cwd(struct tc_where *where, const struct user *user, const char *proc)
{
	char path[96], dir[PATH_MAX];

	snprintf(path, sizeof(path), "%s/cwd", proc);
	ssize_t n = readlink(path, dir, sizeof(dir) - 1);
	dir[n > 0 ? n : 0] = 0;
	if (n > 0)
		try(where, user, open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), dir);
}

/* TMPDIR in the environment with which the program was started. */
static void try_tmpdir(struct tc_where *where, const struct user *user, const char *proc, int root)
{
	static char text[1 << 20];
	char path[96];

	snprintf(path, sizeof(path), "%s/environ", proc);
	long n = tc_proc_read(AT_FDCWD, path, text, sizeof(text));
	for (char *at = text; n > 0 && at < text + n; at += strlen(at) + 1)
		if (strncmp(at, "TMPDIR=", 7) == 0)
			try_inside(where, user, root, at + 7);
}

void tc_where_find(pid_t pid, const char *dir, struct tc_where *ret)
{
	char proc[64], path[96], core[256];
	struct user user;
	const char *why;

	*ret = (struct tc_where){ .known = false };
	snprintf(proc, sizeof(proc), "/proc/%d/task/%d", pid, tc_threads_via(pid));
	snprintf(path, sizeof(path), "%s/root", proc);
	int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || !read_user(proc, &user))
		return;
	ret->known = true;
	if (dir[0]) {
		int fd = tc_dump_dirs_inside(root, dir, O_NOFOLLOW);
		if ((why = judge(fd, &user)))
			snprintf(ret->why, sizeof(ret->why), "not to TASKCORE_DIR (%s): %s", dir,
				 why);
		try(ret, &user, fd, dir);
	}
	if (tc_dump_dirs_core(core, sizeof(core)) && !strchr(core, '%'))
		try_inside(ret, &user, root, core);
	try_cwd(ret, &user, proc);
	try_tmpdir(ret, &user, proc, root);
	try_inside(ret, &user, root, "/dev/shm");
	close(root);
}
