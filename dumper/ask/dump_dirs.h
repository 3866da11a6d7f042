/* SPDX-License-Identifier: Apache-2.0
 * The directories where the hook of a process may put a dump, seen through the process's own root,
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
	int watch;	     /* of inotify; -1: none */
	char path[PATH_MAX]; /* as the process names it; empty: its working directory */
};

struct tc_dump_dirs {
	char proc[64]; /* /proc/PID, or /proc/PID/task/TID */
	int root;      /* of the process, O_PATH; -1: may not be seen */
	int notify;    /* inotify; -1: cannot be had, the directories are looked through instead */
	size_t n;
	struct tc_dump_dir places[TC_DUMP_DIRS_MAX];
};

/* Open a directory by its path in the root of a process, O_PATH, its symbolic links followed inside that
 * root; the last one not with O_NOFOLLOW in flags. The descriptor, or -1 with errno (openat2: Linux 5.6;
 * before that, links that are absolute lead out of it). */
int tc_places_inside(int root, const char *path, int flags);

/* The directory of a core_pattern that is a path (core(5)). False: it is none. */
bool tc_places_core(char *to, size_t size);

/* Find the directories of process pid, read through its thread via, in the order the hook tries
 * them: dir (its TASKCORE_DIR, may be empty), the directory of core_pattern, the working directory,
 * TASKCORE_DIR and TMPDIR of its environment, /dev/shm, /tmp; watch each. blind: its root may not be seen, ours is taken instead. At
 * least one, or 0 when none can be read. */
size_t tc_dump_dirs_open(struct tc_dump_dirs *places, pid_t pid, pid_t via, const char *dir, bool blind);

/* What is called for a file that appeared; true ends the search. */
typedef bool tc_dump_dirs_each(void *context, const struct tc_dump_dir *place, const char *name);

/* Wait until one of them changes, a byte comes from the descriptor other, or ms milliseconds have
 * passed. Then each(context, place, name) is called for every dump that was completed since the
 * last call, until it returns true (then true), some perhaps twice. */
bool tc_dump_dirs_wait(struct tc_dump_dirs *places, int other, int ms, tc_dump_dirs_each *each,
		    void *context);

/* Call it for every file that is there now and begins with prefix, or is a dump (prefix NULL). */
bool tc_dump_dirs_look(struct tc_dump_dirs *places, const char *prefix, tc_dump_dirs_each *each,
		    void *context);

/* How the caller can open the file name in place: its plain path where that is the same file, else
 * through /proc. False: too long, or gone. */
bool tc_dump_dirs_path(const struct tc_dump_dirs *places, const struct tc_dump_dir *place, const char *name,
		    char *to, size_t size);

void tc_dump_dirs_close(struct tc_dump_dirs *places);

#endif
