/* SPDX-License-Identifier: Apache-2.0
 * The directories where the hook of a process may put a dump: opened through the process's root,
 * and watched. */
#ifndef TC_DUMP_DIRS_H
#define TC_DUMP_DIRS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TC_DUMP_DIRS_MAX 8

/* One directory. */
struct tc_dump_dir {
	int fd;		     /* O_PATH */
	int watch;	     /* inotify's watch descriptor; -1: none */
	char path[PATH_MAX]; /* as the process names it; empty: its working directory */
};

struct tc_dump_dirs {
	char proc[64]; /* /proc/PID, or /proc/PID/task/TID */
	int root;      /* the process's root, O_PATH; -1: not open */
	/* inotify; -1: not possible, so the directories are looked through instead */
	int notify;
	size_t n;
	struct tc_dump_dir at[TC_DUMP_DIRS_MAX];
};

/* Open a directory (O_PATH) by its path inside the root of a process. Symbolic links are followed
 * inside that root; with O_NOFOLLOW in flags, not one at the end of the path. The descriptor, or -1
 * with errno. Before Linux 5.6, which has openat2, absolute links lead to our own root. */
int tc_dump_dirs_inside(int root, const char *path, int flags);

/* The directory of /proc/sys/kernel/core_pattern, if that is a path (core(5)). False: it is not. */
bool tc_dump_dirs_core(char *to, size_t size);

/* Find and watch the directories of process pid (seen through its thread via), in the order in
 * which the hook tries them: dir (its TASKCORE_DIR, may be empty), the directory of core_pattern,
 * the working directory, TASKCORE_DIR and TMPDIR of its environment, /dev/shm, /tmp. blind: we may
 * not see its root and working directory, and use ours instead. Returns how many were opened; 0:
 * none can be read. */
size_t tc_dump_dirs_open(struct tc_dump_dirs *dirs, pid_t pid, pid_t via, const char *dir,
			 bool blind);

/* Called for a file name in the directory dir. True: end the search. */
typedef bool tc_dump_dirs_each(void *context, const struct tc_dump_dir *dir, const char *name);

/* Wait until a directory changes, the descriptor other is readable, or ms milliseconds have passed.
 * Then call each for every dump that was completed since the last call, some perhaps twice. True:
 * it has returned true. */
bool tc_dump_dirs_wait(struct tc_dump_dirs *dirs, int other, int ms, tc_dump_dirs_each *each,
		       void *context);

/* Call each for every file that is there now and whose name begins with prefix (NULL: that is a
 * dump). True: it has returned true. */
bool tc_dump_dirs_look(struct tc_dump_dirs *dirs, const char *prefix, tc_dump_dirs_each *each,
		       void *context);

/* Write a path by which we can open the file name in dir: its plain path if that is the same
 * file, else one through /proc. False: the path is too long, or the file is gone. */
bool tc_dump_dirs_path(const struct tc_dump_dirs *dirs, const struct tc_dump_dir *dir,
		       const char *name, char *to, size_t size);

void tc_dump_dirs_close(struct tc_dump_dirs *dirs);

#endif
