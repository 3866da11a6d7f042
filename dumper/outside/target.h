/* SPDX-License-Identifier: Apache-2.0
 * A process as /proc shows it: opened once, so that neither a recycled PID nor an execve is mixed
 * in. */
#ifndef TC_TARGET_H
#define TC_TARGET_H

#include <sys/types.h>

#include "lib/core/core.h"
#include "lib/process/proc.h"
#include "dumper/outside/mem_pid.h"

struct tc_target {
	pid_t pid;
	pid_t via; /* the thread through which it is read: pid, or a living one when that has ended
		    */
	int proc;  /* /proc/PID */
	int dir;   /* /proc/PID or /proc/PID/task/via: where mem, maps … are opened */
	int mem_fd, pagemap; /* pagemap: -1 when it cannot be read */
	pid_t tracer;	     /* 0: none */
	uint32_t ns_depth;   /* pid namespaces below ours */
	struct tc_stat stat;
	struct tc_process process;
	struct tc_maps maps;
	struct tc_os_thread *threads;
	size_t n_threads;
	struct tc_mem_pid reader;
	char exe[4096], host[65], release[65], cgroup[512], args[TC_CORE_ARGS_MAX];
	char line[512]; /* why a step failed: one line */
};

/* Open the process. Its memory descriptor comes first: what is opened later is checked against it.
 * 0; -TC_EGONE (gone, zombie, or not there); -TC_EPERM; -TC_ENOPYTHON (a kernel thread); line says
 * why. */
int tc_target_open(struct tc_target *target, pid_t pid);

/* Read what /proc says: maps, threads, names, clocks. Memory comes from arena. 0, -TC_EGONE,
 * -TC_EPERM or -TC_ENOSPACE. */
int tc_target_read(struct tc_target *target, struct tc_arena *arena, struct tc_watch *watch);

/* Read the maps anew. As tc_target_read. */
int tc_target_read_maps(struct tc_target *target, struct tc_arena *arena, struct tc_watch *watch);

/* Begin to read memory (reader.mem), and list the modules. budget as in tc_mem_pid_init. */
int tc_target_attach(struct tc_target *target, uint64_t budget, struct tc_arena *arena,
		     struct tc_watch *watch);

#endif
