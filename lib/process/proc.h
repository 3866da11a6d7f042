/* SPDX-License-Identifier: Apache-2.0
 * The files of /proc (Linux Documentation/filesystems/proc.rst). Everything here may run in a
 * signal handler. */
#ifndef TC_PROC_H
#define TC_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/mem/mem.h"

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

/* Read a file of /proc, path relative to the directory dir, into the size bytes at buf, with a zero
 * behind it; what does not fit is left out. The number of bytes, or -errno. */
long tc_proc_read(int dir, const char *path, char *buf, size_t size);

/* Read the whole open file fd into the arena, with one byte more behind it; *ret_size gets its
 * size. *progress (progress may be NULL) is incremented with each read. NULL: the arena is full. A
 * failed read ends the text, as the end of the file does. */
char *tc_proc_read_all(int fd, struct tc_arena *arena, size_t *ret_size,
		       volatile uint64_t *progress);

/* Parse the text of a file /proc/PID/stat. False: it is not understood. */
bool tc_proc_parse_stat(const char *text, struct tc_stat *ret);

/* Find the field name in the text of a status file: the address behind "name:" and blanks. The line
 * ends with a newline. NULL: there is no such field. */
const char *tc_proc_field(const char *status, const char *name);

/* Read the status file at path, relative to dir, and in it the number of the field name, in base 10
 * or 16. False: the file cannot be read, or has no such field. */
bool tc_proc_number(int dir, const char *path, const char *name, unsigned base, uint64_t *ret);

/* How many descriptors a process may have, + 1, from its file "limits" at path below dir; 0:
 * unknown, or no limit. */
uint64_t tc_proc_max_fds(int dir, const char *path);

/* Find the path of a process's cgroup in the text of /proc/PID/cgroup: that of the unified
 * hierarchy, else that of the memory controller of version 1. It is written to the size bytes at
 * to, ending with a zero; empty: there is none. */
void tc_proc_cgroup(const char *text, char *to, size_t size);

/* The same for one controller of version 1, or for the unified hierarchy (controller ""). False:
 * there is none. A system can have both versions; each controller is then in one of them. */
bool tc_proc_cgroup_of(const char *text, const char *controller, char *to, size_t size);

/* Call each(context, tid) for each thread of a process, in the kernel's order, until it returns
 * false. proc is a descriptor of /proc/PID, here and below. 0 or -errno. */
int tc_proc_each_thread(int proc, bool (*each)(void *context, uint32_t tid), void *context);

/* Read state, name and times of thread tid, and its wait channel while it sleeps, into *thread.
 * Registers and system call are not touched. False: the thread is no longer there. */
bool tc_proc_thread(int proc, uint32_t tid, struct tc_os_thread *thread);

/* Read the system call that thread tid sleeps in, with PC and SP, into *thread, which is not
 * touched while the thread runs. False: the file could not be read. */
bool tc_proc_thread_syscall(int proc, uint32_t tid, struct tc_os_thread *thread);

/* Read what the scheduler has counted of thread tid: /proc/PID/task/TID/schedstat
 * (Documentation/scheduler/sched-stats.rst), or, where the kernel does not have it, the context
 * switches in its status file, without times. False: neither can be read, or the thread is gone. */
bool tc_proc_sched(int proc, uint32_t tid, struct tc_sched *ret);

/* How often thread tid went to sleep (voluntary_ctxt_switches of its status file). False: it cannot
 * be read. */
bool tc_proc_switches(int proc, uint32_t tid, uint64_t *ret);

/* The signals that thread tid blocks: bit n - 1 is signal n (SigBlk of its status file). False: it
 * cannot be read. */
bool tc_proc_blocked(int proc, uint32_t tid, uint64_t *ret);

/* The last number of an NSpid or NStgid field: the id in the innermost pid namespace. 0: none. */
uint32_t tc_proc_innermost(const char *field);

#endif
