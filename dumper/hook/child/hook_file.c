/* SPDX-License-Identifier: Apache-2.0
 * Where a dump goes: into the first directory of a list that can be written, under a temporary name
 * until it is complete. It never replaces another file, and never follows a symbolic link. */
#define _GNU_SOURCE
#include "dumper/hook/child/hook_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/common/hook_settings.h"
#include "lib/base/strbuf.h"
#include "lib/core/dump_name.h"
#include "lib/process/proc.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

enum { DIR_SET, DIR_CORE, DIR_CWD, DIR_TMP, DIR_SHM, N_DIRS };
#define TEMPORARY_HEAD ".taskcore."
#define TEMPORARY_TAIL ".tmp"
#define NAME_TRIES 1000 /* tries: names have milliseconds, and several dumps may be made in one */
#define DELETE_MAX 1000
/* RENAME_NOREPLACE of linux/fs.h, which cannot be included together with sys/stat.h */
#define RENAME_NOREPLACE_FLAG 1

/* The directory of core_pattern, when that is a plain path. */
static bool core_dir(char *to, size_t size)
{
	char *slash = NULL;

	if (tc_proc_read(AT_FDCWD, "/proc/sys/kernel/core_pattern", to, size) <= 0 || to[0] != '/')
		return false;
	for (char *p = to; *p; p++) {
		if (*p == '/')
			slash = p;
		if (*p == '%' && memchr(p, '/', strlen(p)))
			return false; /* a directory that depends on the crash */
	}
	slash[slash == to] = 0;
	return true;
}

/* Remove "/" and "/." from the end: with these the kernel would follow a symbolic link, in spite of
 * O_NOFOLLOW. */
static void strip(char *path)
{
	size_t n = strlen(path);

	while (n > 1 && (path[n - 1] == '/' || (path[n - 1] == '.' && path[n - 2] == '/')))
		path[--n] = 0;
}

/* The path of directory number i; false: there is no such directory. */
static bool find_dir(unsigned i, const struct tc_hook_dump *dump, char *to)
{
	struct tc_strbuf text;

	tc_strbuf_init(&text, to, TC_HOOK_PATH);
	if (!dump->maker.guest) { /* in the handler itself: only where no file system can hang */
		tc_strbuf_s(&text, "/dev/shm");
		return i == DIR_SHM;
	}
	switch (i) {
	case DIR_SET:
		tc_strbuf_s(&text, tc_hook_settings.dir);
		break;
	case DIR_CORE:
		return core_dir(to, TC_HOOK_PATH);
	case DIR_CWD:
		tc_strbuf_s(&text, dump->names.cwd);
		break;
	case DIR_TMP:
		tc_strbuf_s(&text, tc_hook_settings.tmpdir);
		break;
	case DIR_SHM:
		tc_strbuf_s(&text, "/dev/shm");
		break;
	default:
		break;
	}
	return to[0] == '/';
}

/* The stat of name in dir, or, for "", of dir itself. Not statx, because older seccomp filters of
 * containers deny it. */
static long look(int dir, const char *name, struct stat *ret)
{
	return tc_syscall4(SYS_newfstatat, dir, (long)name, (long)ret,
			   AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

static bool has_ends(const char *name, const char *head, const char *tail)
{
	size_t n = strlen(name), n_head = strlen(head), n_tail = strlen(tail);

	return n > n_head + n_tail && strncmp(name, head, n_head) == 0 &&
	       strcmp(name + n - n_tail, tail) == 0;
}

struct census {
	uint64_t files, bytes, oldest_ns;
	char oldest[TC_DUMP_NAME_MAX];
};

static void count_dump(const char *name, const struct stat *st, struct census *census)
{
	uint64_t at = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;

	census->files++;
	census->bytes += st->st_size;
	if ((!census->oldest[0] || at < census->oldest_ns) && strlen(name) < TC_DUMP_NAME_MAX) {
		census->oldest_ns = at;
		memcpy(census->oldest, name, strlen(name) + 1);
	}
}

/* Remove an abandoned temporary file. Whoever writes one holds a lock on it: one without a lock was
 * left by a child that was killed. */
static void sweep(int dir, const char *name)
{
	int fd = tc_sys_open(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd < 0)
		return;
	if (tc_syscall2(SYS_flock, fd, LOCK_EX | LOCK_NB) == 0)
		tc_syscall3(SYS_unlinkat, dir, (long)name, 0);
	tc_sys_close(fd);
}

/* Only regular files of our own user count: what others put into a directory that everybody may
 * write to must not stop our dumps, and is not ours to delete. */
static void look_at(int dir, const char *name, struct census *census)
{
	bool whole = has_ends(name, "taskcore.", TC_DUMP_SUFFIX);
	struct stat st;

	if ((!whole && !has_ends(name, TEMPORARY_HEAD, TEMPORARY_TAIL)) ||
	    look(dir, name, &st) < 0 ||
	    !S_ISREG(st.st_mode) || st.st_uid != (uint32_t)tc_syscall0(SYS_geteuid))
		return;
	if (whole)
		count_dump(name, &st, census);
	else
		sweep(dir, name);
}

static void take_census(int dir, struct census *census)
{
	_Alignas(8) char entries[2048];
	long n;

	memset(census, 0, sizeof(*census));
	tc_syscall3(SYS_lseek, dir, 0, SEEK_SET);
	while ((n = tc_syscall3(SYS_getdents64, dir, (long)entries, sizeof(entries))) > 0)
		for (long at = 0; at < n;) {
			uint16_t size;
			memcpy(&size, entries + at + 16, sizeof(size)); /* struct linux_dirent64 */
			look_at(dir, entries + at + 19, census);
			at += size;
		}
}

/* Whether the directory may take one more dump. */
static bool has_room(int dir)
{
	const struct tc_hook_settings *s = &tc_hook_settings;
	struct census census;

	for (int deleted = 0; deleted < DELETE_MAX; deleted++) {
		take_census(dir, &census);
		if (census.files < s->max_files && census.bytes < s->max_bytes)
			return true;
		if (!s->keep_newest || !s->max_files || !s->max_bytes || !census.oldest[0] ||
		    tc_syscall3(SYS_unlinkat, dir, (long)census.oldest, 0) < 0)
			return false;
	}
	return false;
}

static bool is_safe(int dir)
{
	struct stat st;

	return look(dir, "", &st) == 0 &&
	       (!(st.st_mode & S_IWOTH) || st.st_mode & S_ISVTX);
}

/* Create the temporary file, and lock it. Between these two steps a sweep of another process may
 * take it for an abandoned file: then that process has the lock, or the file is gone, and -EEXIST
 * is returned. */
static int create(struct tc_hook_file *file)
{
	struct stat st;
	int fd = tc_sys_open(file->dir, file->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
			     0600);

	if (fd < 0)
		return fd;
	if (tc_syscall2(SYS_flock, fd, LOCK_EX | LOCK_NB) == -EWOULDBLOCK ||
	    (look(fd, "", &st) == 0 && st.st_nlink == 0)) {
		tc_sys_close(fd);
		return -EEXIST;
	}
	return fd;
}

static int create_in(struct tc_hook_file *file, const struct tc_hook_dump *dump, const char **why)
{
	int fd = -EEXIST;

	*why = NULL;
	file->dir = tc_sys_open(AT_FDCWD, file->dir_path,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (file->dir < 0)
		return file->dir;
	if (!is_safe(file->dir)) {
		*why = "everybody may write there";
		fd = -EPERM;
	} else if (!has_room(file->dir)) {
		*why = "full: TASKCORE_MAX_FILES or TASKCORE_MAX_BYTES is reached";
		fd = -EDQUOT;
	}
	for (unsigned i = 0; i < NAME_TRIES && fd == -EEXIST; i++) {
		struct tc_strbuf text;
		tc_strbuf_init(&text, file->temporary, sizeof(file->temporary));
		tc_strbuf_s(&text, TEMPORARY_HEAD);
		tc_strbuf_u(&text, dump->pid);
		tc_strbuf_s(&text, ".");
		tc_strbuf_u(&text, dump->began_ns / 1000 + i);
		tc_strbuf_s(&text, TEMPORARY_TAIL);
		fd = create(file);
	}
	if (fd < 0) {
		tc_sys_close(file->dir);
		file->dir = -1;
		return fd;
	}
	tc_syscall2(SYS_fchmod, fd, 0600); /* whatever the program's umask is */
	file->fd = fd;
	return 0;
}

/* Set *to to "DIR: reason", if it is empty: only the first directory is explained, because that
 * is where the dump should go. */
static void explain(struct tc_strbuf *to, const char *dir, const char *why, int error)
{
	if (to->at != to->start)
		return;
	tc_strbuf_s(to, dir);
	tc_strbuf_s(to, ": ");
	tc_strbuf_s(to, why		    ? why :
		      error == -EACCES	    ? "permission denied" :
		      error == -ENOENT	    ? "no such directory" :
		      error == -EROFS	    ? "read-only file system" :
		      error == -ELOOP	    ? "a symbolic link" :
		      error == -ENOTDIR	    ? "no directory, or a symbolic link" :
		      error == -EMFILE	    ? "no descriptor left" :
		      error == -ENOSPC	    ? "no space left" :
		      error == -EFBIG	    ? "limit on the size of files (ulimit -f)" :
		      error == -EDQUOT	    ? "quota exceeded" :
		      error == -ENOMEM	    ? "no memory to make it" :
		      error == -EPERM	    ? "operation not permitted" :
		      error == -ENOSYS	    ? "not possible here: a system call is missing" :
					      "cannot be written");
}

void tc_hook_file_explain(const struct tc_hook_file *file, struct tc_strbuf *why, int error)
{
	explain(why, file->dir_path, NULL, error);
}

int tc_hook_file_create(struct tc_hook_file *file, unsigned *at, const struct tc_hook_dump *dump,
			struct tc_strbuf *why)
{
	const char *text;

	while (*at < N_DIRS) {
		unsigned i = (*at)++;
		if (!find_dir(i, dump, file->dir_path))
			continue;
		strip(file->dir_path);
		int r = create_in(file, dump, &text);
		if (r == 0)
			return 0;
		explain(why, file->dir_path, text, r);
		/* somebody has set this limit: do not evade it by another directory */
		if (r == -EDQUOT && text)
			break;
	}
	return -ENOENT;
}

static void close_file(struct tc_hook_file *file)
{
	tc_sys_close(file->fd);
	tc_sys_close(file->dir);
	file->fd = file->dir = -1;
}

int tc_hook_file_commit(struct tc_hook_file *file, const struct tc_hook_dump *dump)
{
	long r = -EEXIST;

	for (unsigned i = 0; i < NAME_TRIES && r == -EEXIST; i++) {
		tc_dump_name(dump->names.exe, dump->pid, dump->wall_ns + i * 1000000u,
			     dump->request.reason, file->name);
		r = tc_syscall5(SYS_renameat2, file->dir, (long)file->temporary, file->dir,
				(long)file->name, RENAME_NOREPLACE_FLAG);
		/* NFS and some FUSE file systems do not have it; or a seccomp filter */
		if (r == -EINVAL || r == -ENOSYS || r == -EPERM) {
			r = tc_syscall5(SYS_linkat, file->dir, (long)file->temporary, file->dir,
					(long)file->name, 0);
			if (r == 0)
				tc_syscall3(SYS_unlinkat, file->dir, (long)file->temporary, 0);
		}
	}
	if (r < 0)
		tc_syscall3(SYS_unlinkat, file->dir, (long)file->temporary, 0);
	close_file(file);
	return (int)r;
}

void tc_hook_file_abort(struct tc_hook_file *file)
{
	if (file->fd < 0)
		return;
	tc_syscall3(SYS_unlinkat, file->dir, (long)file->temporary, 0);
	close_file(file);
}
