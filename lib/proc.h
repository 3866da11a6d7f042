/* SPDX-License-Identifier: Apache-2.0
 * The files of /proc (Linux Documentation/filesystems/proc.rst). Everything here may run in a
 * signal handler. */
#ifndef TC_PROC_H
#define TC_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "mem.h"

/* Fields of /proc/PID/stat. */
struct tc_stat {
	char comm[TC_COMM_MAX];
	char state;
	uint32_t ppid;
	uint64_t flags; /* PF_… of the kernel */
	uint64_t utime_ns, stime_ns, start_ns;
	uint64_t args, args_end;
	uint32_t policy; /* SCHED_OTHER, SCHED_FIFO …: sched(7) */
};

/* One file of /proc below dir into buf, terminated by a zero: its size, or -errno. */
long tc_proc_read(int dir, const char *path, char *buf, size_t size);

/* The whole of the open file fd, whatever its size, into the arena, followed by a byte that may be
 * written; *ret_size gets its size. progress (may be NULL) is counted up with each piece. NULL: the
 * arena is full. */
char *tc_proc_read_all(int fd, struct tc_arena *arena, size_t *ret_size,
		       volatile uint64_t *progress);

/* Parse a stat file's text. False: not understood. */
bool tc_proc_parse_stat(const char *text, struct tc_stat *ret);

/* The text after "name:" and blanks in a status file, up to the end of the line; NULL when there is
 * none. */
const char *tc_proc_field(const char *status, const char *name);

/* The number of that field in the status file at path under dir, in base 10 or 16. False: it cannot be
 * read, or has no such field. */
bool tc_proc_number(int dir, const char *path, const char *name, unsigned base, uint64_t *ret);

/* The path of a process's cgroup in the text of /proc/PID/cgroup: of the unified hierarchy, or of
 * the memory controller of version 1. To *to, terminated; empty when there is none. */
void tc_proc_cgroup(const char *text, char *to, size_t size);

/* The same for one controller of version 1, or "" for the unified hierarchy: false when there is none. A
 * system can have both, and then a controller is in one of them. */
bool tc_proc_cgroup_of(const char *text, const char *controller, char *to, size_t size);

/* The threads in the directory task below proc (a descriptor): calls each(context, tid) for each,
 * in the kernel's order, until it returns false. 0 or -errno. */
int tc_proc_each_thread(int proc, bool (*each)(void *context, uint32_t tid), void *context);

/* What the kernel says of thread tid below proc: state, name, times; with wait_channel also where
 * it sleeps. Leaves registers and system call alone. False: it is no longer there. */
bool tc_proc_thread(int proc, uint32_t tid, struct tc_os_thread *thread);

/* The system call thread tid sleeps in, with PC and SP, into *thread; left alone while it runs. False:
 * it could not be read. */
bool tc_proc_thread_syscall(int proc, uint32_t tid, struct tc_os_thread *thread);

/* What the scheduler has counted of thread tid: /proc/PID/task/TID/schedstat
 * (Documentation/scheduler/sched-stats.rst), or where the kernel has no such file the switches of its
 * status, without times. False: neither, or the thread is gone. */
bool tc_proc_sched(int proc, uint32_t tid, struct tc_sched *ret);

/* How often thread tid has gone to sleep (voluntary_ctxt_switches of its status). */
bool tc_proc_switches(int proc, uint32_t tid, uint64_t *ret);

/* The last number of an NSpid or NStgid field: the id in the innermost pid namespace. 0: none. */
uint32_t tc_proc_innermost(const char *field);

#endif
