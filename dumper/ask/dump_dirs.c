/* SPDX-License-Identifier: Apache-2.0
 * Opens the directories through /proc/PID/root, watches them by inotify, and finds the path under
 * which the caller can open what appears there. */
#define _GNU_SOURCE
#include "dumper/ask/dump_dirs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dumper/ask/dump_head.h"
#include "lib/process/proc.h"

#define LOOK_MS 50 /* between two looks where nothing can be watched */

int tc_dump_dirs_inside(int root, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)(O_PATH | O_DIRECTORY | O_CLOEXEC | flags),
				.resolve = RESOLVE_IN_ROOT };
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return fd;
	path += strspn(path, "/");
	return openat(root, *path ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC | flags);
}

/* Add the directory and watch it, unless it is there already. Closes fd if it is not added. */
static void add(struct tc_dump_dirs *dirs, int fd, const char *path)
{
	struct tc_dump_dir *dir = &dirs->at[dirs->n];
	struct stat st, other;
	char link[64];

	if (fd < 0)
		return;
	bool known = dirs->n == TC_DUMP_DIRS_MAX || fstat(fd, &st) < 0;
	for (size_t i = 0; i < dirs->n && !known; i++)
		known = fstat(dirs->at[i].fd, &other) == 0 && other.st_dev == st.st_dev &&
			other.st_ino == st.st_ino;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (known || strlen(path) >= sizeof(dir->path) || access(link, R_OK | X_OK) < 0) {
		close(fd);
		return;
	}
	dir->fd = fd;
	strcpy(dir->path, path);
	dir->watch = inotify_add_watch(dirs->notify, link, IN_MOVED_TO | IN_CREATE | IN_ONLYDIR);
	/* there are no more watches: look through the directories instead */
	if (dir->watch < 0 && dirs->notify >= 0) {
		close(dirs->notify);
		dirs->notify = -1;
	}
	dirs->n++;
}

static void add_inside(struct tc_dump_dirs *dirs, const char *path)
{
	if (path[0] == '/')
		add(dirs, tc_dump_dirs_inside(dirs->root, path, 0), path);
}

bool tc_dump_dirs_core(char *to, size_t size)
{
	if (tc_proc_read(AT_FDCWD, "/proc/sys/kernel/core_pattern", to, size) <= 0 || to[0] != '/')
		return false;
	char *slash = strrchr(to, '/');
	slash[slash == to] = 0;
	return true;
}

static void add_core_pattern(struct tc_dump_dirs *dirs)
{
	char text[256];

	if (tc_dump_dirs_core(text, sizeof(text)))
		add_inside(dirs, text);
}

/* The directories in the environment with which the process was started. */
static void add_environment(struct tc_dump_dirs *dirs)
{
	static const char *const names[] = { "TASKCORE_DIR=", "TMPDIR=" };
	static char text[1 << 20];
	char path[96];

	snprintf(path, sizeof(path), "%s/environ", dirs->proc);
	long n = tc_proc_read(AT_FDCWD, path, text, sizeof(text));
	for (char *at = text; n > 0 && at < text + n; at += strlen(at) + 1)
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (strncmp(at, names[i], strlen(names[i])) == 0)
				add_inside(dirs, at + strlen(names[i]));
}

size_t tc_dump_dirs_open(struct tc_dump_dirs *dirs, pid_t pid, pid_t via, const char *dir,
			 bool blind)
{
	char path[96];

	*dirs = (struct tc_dump_dirs){ .notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK) };
	if (via == pid)
		snprintf(dirs->proc, sizeof(dirs->proc), "/proc/%d", pid);
	else
		snprintf(dirs->proc, sizeof(dirs->proc), "/proc/%d/task/%d", pid, via);
	snprintf(path, sizeof(path), "%s/root", dirs->proc);
	dirs->root = open(blind ? "/" : path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirs->root < 0)
		return 0;
	add_inside(dirs, dir);
	add_core_pattern(dirs);
	snprintf(path, sizeof(path), "%s/cwd", dirs->proc);
	add(dirs, open(blind ? "." : path, O_PATH | O_DIRECTORY | O_CLOEXEC), "");
	add_environment(dirs);
	add_inside(dirs, "/dev/shm");
	add_inside(dirs, "/tmp");
	return dirs->n;
}

bool tc_dump_dirs_look(struct tc_dump_dirs *dirs, const char *prefix, tc_dump_dirs_each *each,
		       void *context)
{
	bool found = false;

	for (size_t i = 0; i < dirs->n && !found; i++) {
		int fd = openat(dirs->at[i].fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		DIR *dir = fd < 0 ? NULL : fdopendir(fd);
		for (struct dirent *entry; dir && !found && (entry = readdir(dir));)
			found = (prefix ? strncmp(entry->d_name, prefix, strlen(prefix)) == 0 :
					  tc_dump_head_named(entry->d_name)) &&
				each(context, &dirs->at[i], entry->d_name);
		if (dir)
			closedir(dir);
		else if (fd >= 0)
			close(fd);
	}
	return found;
}

/* Read the events of inotify. *ret_lost: some were lost. */
static bool read_events(struct tc_dump_dirs *dirs, tc_dump_dirs_each *each, void *context,
			bool *ret_lost)
{
	char buf[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool found = false;
	ssize_t n;

	while (!found && (n = read(dirs->notify, buf, sizeof(buf))) > 0) {
		const struct inotify_event *event;
		for (char *at = buf; at < buf + n && !found; at += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)at;
			*ret_lost |= event->mask & IN_Q_OVERFLOW;
			if (!event->len || !tc_dump_head_named(event->name))
				continue;
			for (size_t i = 0; i < dirs->n && !found; i++)
				found = dirs->at[i].watch == event->wd &&
					each(context, &dirs->at[i], event->name);
		}
	}
	return found;
}

bool tc_dump_dirs_wait(struct tc_dump_dirs *dirs, int other, int ms, tc_dump_dirs_each *each,
		       void *context)
{
	struct pollfd fds[] = { { .fd = dirs->notify, .events = POLLIN },
				{ .fd = other, .events = POLLIN } };
	bool lost = dirs->notify < 0;

	poll(fds, 2, lost && ms > LOOK_MS ? LOOK_MS : ms);
	if (dirs->notify >= 0 && read_events(dirs, each, context, &lost))
		return true;
	return lost && tc_dump_dirs_look(dirs, NULL, each, context);
}

/* Is path the file st? */
static bool is_file(const char *path, const struct stat *st)
{
	struct stat other;

	return lstat(path, &other) == 0 && other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

/* The path of an open directory, as seen from our own root. */
static void read_path(int fd, char *to, size_t size)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, to, size - 1);
	to[n > 0 ? n : 0] = 0;
}

bool tc_dump_dirs_path(const struct tc_dump_dirs *dirs, const struct tc_dump_dir *dir,
		       const char *name, char *to, size_t size)
{
	char root[PATH_MAX], real[PATH_MAX], *inside = real;
	struct stat st;

	if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	read_path(dirs->root, root, sizeof(root));
	read_path(dir->fd, real, sizeof(real));
	/* a directory inside the process's root */
	if (root[1] && strncmp(real, root, strlen(root)) == 0)
		inside += strlen(root);
	const struct {
		const char *head, *root, *dir;
	} ways[] = {
		{ "", "", dir->path },
		{ "", "", real },
		{ dirs->proc, "/root", dir->path },
		{ dirs->proc, "/root", inside },
		{ dirs->proc, "/cwd", "" },
	};
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (snprintf(to, size, "%s%s%s/%s", ways[i].head, ways[i].root,
			     strcmp(ways[i].dir, "/") ? ways[i].dir : "", name) < (int)size &&
		    is_file(to, &st))
			return true;
	return false;
}

void tc_dump_dirs_close(struct tc_dump_dirs *dirs)
{
	for (size_t i = 0; i < dirs->n; i++)
		close(dirs->at[i].fd);
	if (dirs->root >= 0)
		close(dirs->root);
	if (dirs->notify >= 0)
		close(dirs->notify);
	*dirs = (struct tc_dump_dirs){ .root = -1, .notify = -1 };
}
