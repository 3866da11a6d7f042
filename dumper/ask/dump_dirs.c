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

int tc_places_inside(int root, const char *path, int flags)
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
static void add(struct tc_dump_dirs *places, int fd, const char *path)
{
	struct tc_dump_dir *place = &places->places[places->n];
	struct stat st, other;
	char link[64];

	if (fd < 0)
		return;
	bool known = places->n == TC_DUMP_DIRS_MAX || fstat(fd, &st) < 0;
	for (size_t i = 0; i < places->n && !known; i++)
		known = fstat(places->places[i].fd, &other) == 0 && other.st_dev == st.st_dev &&
			other.st_ino == st.st_ino;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (known || strlen(path) >= sizeof(place->path) || access(link, R_OK | X_OK) < 0) {
		close(fd);
		return;
	}
	place->fd = fd;
	strcpy(place->path, path);
	place->watch =
		inotify_add_watch(places->notify, link, IN_MOVED_TO | IN_CREATE | IN_ONLYDIR);
	/* there are no more watches: look through the directories instead */
	if (place->watch < 0 && places->notify >= 0) {
		close(places->notify);
		places->notify = -1;
	}
	places->n++;
}

static void add_inside(struct tc_dump_dirs *places, const char *path)
{
	if (path[0] == '/')
		add(places, tc_places_inside(places->root, path, 0), path);
}

bool tc_places_core(char *to, size_t size)
{
	if (tc_proc_read(AT_FDCWD, "/proc/sys/kernel/core_pattern", to, size) <= 0 || to[0] != '/')
		return false;
	char *slash = strrchr(to, '/');
	slash[slash == to] = 0;
	return true;
}

static void add_core_pattern(struct tc_dump_dirs *places)
{
	char text[256];

	if (tc_places_core(text, sizeof(text)))
		add_inside(places, text);
}

/* The directories in the environment with which the process was started. */
static void add_environment(struct tc_dump_dirs *places)
{
	static const char *const names[] = { "TASKCORE_DIR=", "TMPDIR=" };
	static char text[1 << 20];
	char path[96];

	snprintf(path, sizeof(path), "%s/environ", places->proc);
	long n = tc_proc_read(AT_FDCWD, path, text, sizeof(text));
	for (char *at = text; n > 0 && at < text + n; at += strlen(at) + 1)
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
			if (strncmp(at, names[i], strlen(names[i])) == 0)
				add_inside(places, at + strlen(names[i]));
}

size_t tc_dump_dirs_open(struct tc_dump_dirs *places, pid_t pid, pid_t via, const char *dir, bool blind)
{
	char path[96];

	*places = (struct tc_dump_dirs){ .notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK) };
	if (via == pid)
		snprintf(places->proc, sizeof(places->proc), "/proc/%d", pid);
	else
		snprintf(places->proc, sizeof(places->proc), "/proc/%d/task/%d", pid, via);
	snprintf(path, sizeof(path), "%s/root", places->proc);
	places->root = open(blind ? "/" : path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (places->root < 0)
		return 0;
	add_inside(places, dir);
	add_core_pattern(places);
	snprintf(path, sizeof(path), "%s/cwd", places->proc);
	add(places, open(blind ? "." : path, O_PATH | O_DIRECTORY | O_CLOEXEC), "");
	add_environment(places);
	add_inside(places, "/dev/shm");
	add_inside(places, "/tmp");
	return places->n;
}

bool tc_dump_dirs_look(struct tc_dump_dirs *places, const char *prefix, tc_dump_dirs_each *each,
		    void *context)
{
	bool found = false;

	for (size_t i = 0; i < places->n && !found; i++) {
		int fd = openat(places->places[i].fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		DIR *dir = fd < 0 ? NULL : fdopendir(fd);
		for (struct dirent *entry; dir && !found && (entry = readdir(dir));)
			found = (prefix ? strncmp(entry->d_name, prefix, strlen(prefix)) == 0 :
					  tc_dump_head_named(entry->d_name)) &&
				each(context, &places->places[i], entry->d_name);
		if (dir)
			closedir(dir);
		else if (fd >= 0)
			close(fd);
	}
	return found;
}

/* Read the events of inotify. *ret_lost: some were lost. */
static bool read_events(struct tc_dump_dirs *places, tc_dump_dirs_each *each, void *context,
			bool *ret_lost)
{
	char buf[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool found = false;
	ssize_t n;

	while (!found && (n = read(places->notify, buf, sizeof(buf))) > 0) {
		const struct inotify_event *event;
		for (char *at = buf; at < buf + n && !found; at += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)at;
			*ret_lost |= event->mask & IN_Q_OVERFLOW;
			if (!event->len || !tc_dump_head_named(event->name))
				continue;
			for (size_t i = 0; i < places->n && !found; i++)
				found = places->places[i].watch == event->wd &&
					each(context, &places->places[i], event->name);
		}
	}
	return found;
}

bool tc_dump_dirs_wait(struct tc_dump_dirs *places, int other, int ms, tc_dump_dirs_each *each,
		    void *context)
{
	struct pollfd fds[] = { { .fd = places->notify, .events = POLLIN },
				{ .fd = other, .events = POLLIN } };
	bool lost = places->notify < 0;

	poll(fds, 2, lost && ms > LOOK_MS ? LOOK_MS : ms);
	if (places->notify >= 0 && read_events(places, each, context, &lost))
		return true;
	return lost && tc_dump_dirs_look(places, NULL, each, context);
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

bool tc_dump_dirs_path(const struct tc_dump_dirs *places, const struct tc_dump_dir *place, const char *name,
		    char *to, size_t size)
{
	char root[PATH_MAX], real[PATH_MAX], *inside = real;
	struct stat st;

	if (fstatat(place->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	read_path(places->root, root, sizeof(root));
	read_path(place->fd, real, sizeof(real));
	/* a directory inside the process's root */
	if (root[1] && strncmp(real, root, strlen(root)) == 0)
		inside += strlen(root);
	const struct {
		const char *head, *root, *dir;
	} ways[] = {
		{ "", "", place->path },
		{ "", "", real },
		{ places->proc, "/root", place->path },
		{ places->proc, "/root", inside },
		{ places->proc, "/cwd", "" },
	};
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (snprintf(to, size, "%s%s%s/%s", ways[i].head, ways[i].root,
			     strcmp(ways[i].dir, "/") ? ways[i].dir : "", name) < (int)size &&
		    is_file(to, &st))
			return true;
	return false;
}

void tc_dump_dirs_close(struct tc_dump_dirs *places)
{
	for (size_t i = 0; i < places->n; i++)
		close(places->places[i].fd);
	if (places->root >= 0)
		close(places->root);
	if (places->notify >= 0)
		close(places->notify);
	*places = (struct tc_dump_dirs){ .root = -1, .notify = -1 };
}
