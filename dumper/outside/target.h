/* SPDX-License-Identifier: Apache-2.0
 * A process as /proc shows it. Its directory and memory are opened once, so that what is read later
 * is never of another process with the same pid, or of another program after an execve. Not for
 * signal handlers. */
#ifndef TC_TARGET_H
#define TC_TARGET_H

#include <sys/types.h>

#include "lib/core/core.h"
#include "lib/process/proc.h"
#include "lib/sys/arch_x86_64.h"
#include "dumper/outside/mem_pid.h"

/* of so many threads that do not sleep while the target is stopped the registers are kept */
#define TC_TARGET_RUNNING_MAX 64u

struct tc_target {
	pid_t pid;
	/* the thread through which it is read: pid, or a living thread if the first one has
	 * ended */
	pid_t via;
	int proc;  /* descriptor of /proc/PID */
	int dir;   /* /proc/PID or /proc/PID/task/via: where mem, maps … are opened */
	int mem_fd, pagemap; /* pagemap: -1 when it cannot be read */
	pid_t tracer;	     /* 0: none */
	/* how many pid namespaces it is in, counted from that of /proc; 1: the same */
	uint32_t ns_depth;
	struct tc_stat stat;
	struct tc_process process;
	struct tc_maps maps;
	struct tc_os_thread *threads;
	size_t n_threads;
	/* all registers of the thread of the same index, as tc_stop_begin has read them; NULL: it
	 * was not called */
	uint64_t (*regs)[TC_ARCH_N_REGS];
	struct tc_mem_pid reader;
	struct tc_registers running[TC_TARGET_RUNNING_MAX]; /* for reader */
	char exe[4096], host[65], release[65], cgroup[512], args[TC_CORE_ARGS_MAX];
	char line[512]; /* why a function failed, one line; empty: the code says it all */
};

/* Open the process. Its memory is opened first, so that later steps can check that it is still the
 * same. Nothing is ever closed: the caller's process ends. 0; -TC_EGONE: it has ended, is a zombie,
 * or was never there; -TC_EPERM; -TC_ENOPYTHON: it is a kernel thread. target->line says why. */
int tc_target_open(struct tc_target *target, pid_t pid);

/* Read what /proc says: maps, threads, names, ids; and note the time. Memory comes from arena. 0,
 * -TC_EGONE, -TC_EPERM or -TC_ENOSPACE. */
int tc_target_read(struct tc_target *target, struct tc_arena *arena, struct tc_watch *watch);

/* Read the maps again. Returns as tc_target_read. */
int tc_target_read_maps(struct tc_target *target, struct tc_arena *arena, struct tc_watch *watch);

/* Begin to read memory (target->reader.mem), and list the modules. budget as in tc_mem_pid_init. 0,
 * -TC_EGONE or -TC_ENOSPACE. */
int tc_target_attach(struct tc_target *target, uint64_t budget, struct tc_arena *arena,
		     struct tc_watch *watch);

#endif
