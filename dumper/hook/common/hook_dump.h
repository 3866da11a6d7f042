/* SPDX-License-Identifier: Apache-2.0
 * The dump that is being made: data that all rooms of the hook read. Safe in a handler. */
#ifndef TC_HOOK_DUMP_H
#define TC_HOOK_DUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "dumper/hook/common/hook_outcome.h"
#include "lib/base/arena.h"
#include "lib/base/strbuf.h"
#include "lib/core/core.h"
#include "lib/sys/arch_x86_64.h"

/* Memory that was mapped for a dump; at NULL: none is. */
struct tc_hook_mapping {
	void *at;
	size_t size;
};

/* The threads of the process (hook_gather.c). */
struct tc_hook_threads {
	struct tc_os_thread *at;
	size_t n, max;
	size_t n_unread;	/* threads of which we know only the id */
	bool missing;		/* the process has threads that are not in this array */
	const char *why_unread; /* why there are such threads; static text */
};

/* How the memory of the process is captured (hook_freeze.c). */
struct tc_hook_way {
	/* values may be recorded: PR_GET_DUMPABLE is 1, or nondumpable_full is set */
	bool dumpable;
	bool frozen;   /* all that was read is of one moment */
	bool snapshot; /* the walk runs in a snapshot */
	bool no_child; /* no child may be made (tc_hook_may_have_child) */
	/* why no clone was made; static text; NULL: one was made, or was not needed */
	const char *why_no_clone;
	/* bytes that its memory cgroups leave; TC_HOOK_NO_LIMIT: no limit, or not asked */
	uint64_t room;
};

/* The walk in place (hook_in_place.c, hook_park.c). */
struct tc_hook_in_place {
	struct tc_hook_mapping memory; /* for the walk, and the chunks that are kept */
	int walked;		       /* what tc_walk returned */
	bool no_room;		       /* the cgroup has too little memory left for it */
	bool no_maps;		       /* /proc cannot be read, and no maps were kept */
	/* tid of the GIL's holder if it slept before the walk, as /proc counts; 0: it did not */
	uint32_t asleep;
	uint64_t switches; /* how often it had gone to sleep at that time */
	/* the chunks, until they are written */
	struct tc_hook_kept *first, *last;
	uint32_t next_id[TC_N_TABLES]; /* the identifiers that would come next */
};

/* A thread that waits in a handler of ours while a dump is made (hook_still.c). */
struct tc_hook_still {
	uint32_t tid; /* 0: the rest is not written yet */
	const struct tc_arch_context *context; /* of what it was interrupted in */
	/* the two registers that are not in the context; 0: not asked, as where the process lives
	 * on, because a filter of system calls may end it for that */
	uint64_t fs_base, gs_base;
};
#define TC_HOOK_STILL_MAX 1024u

/* The descriptors of the process (hook_fds.c). */
struct tc_hook_fds {
	uint32_t n_numbers;		 /* all are below this number; 0: unknown */
	struct tc_kept_fd *first, *last; /* in the arena, numbers ascending */
	size_t n, n_left;		 /* those that are recorded; those that are only counted */
	bool late;			 /* there was no time to count the rest */
};

/* Whoever makes the file: a child, or the handler itself. */
struct tc_hook_maker {
	/* we are a snapshot, with memory of our own; never true in the process itself */
	bool snapshot;
	bool guest; /* we are a child, which may wait; false: the handler */
	bool apart; /* the child has its own descriptor table */
	/* the child has two threads: one, the worker, makes the file, the other watches it */
	bool watched;
	_Atomic uint32_t worker; /* if watched: the worker's tid; 0: it is done */
	/* why the file is not in TASKCORE_DIR: "DIR: reason"; NULL: it is, or none is set */
	const char *why_elsewhere;
	char *line;		 /* the line for stderr; NULL: there is none yet */
	enum tc_outcome verdict; /* the outcome that line tells */
};

/* Texts that dump->process refers to. */
struct tc_hook_names {
	char exe[TC_HOOK_PATH], cwd[TC_HOOK_PATH], args[TC_CORE_ARGS_MAX];
	char cgroup[512], host[65], release[65];
};

/* The dump that is being made: filled by the handler, finished by the child. There is only one, and
 * it belongs to whoever has the turn (busy of hook_process.h). Its parts are declared here, because
 * a header of this room includes none of the rooms that fill them. */
struct tc_hook_dump {
	struct tc_request request;
	struct tc_hook_outcome *outcome; /* NULL: no memory for it */
	/* of the process, and of the thread whose handler makes the dump */
	uint32_t pid, tid;
	/* tid in the pid namespace of /proc, which may be another one */
	uint32_t tid_proc;
	uint64_t began_ns;    /* CLOCK_MONOTONIC */
	uint64_t pause_ns;    /* the process should stand still no longer than that */
	uint64_t deadline_ns; /* CLOCK_MONOTONIC: the walk ends then */
	uint64_t wall_ns, boot_ns;
	int proc; /* descriptor of the process's directory in /proc; -1: not open */
	struct tc_hook_mapping memory; /* of the arena */
	struct tc_arena arena;	       /* for threads and descriptors */
	/* a child that shares our memory uses both mappings, and unmaps them */
	bool lent;
	struct tc_hook_way way;
	struct tc_hook_threads threads;
	struct tc_hook_in_place in_place;
	struct tc_hook_fds fds;
	struct tc_hook_maker maker;
	struct tc_mem mem;
	struct tc_registers registers; /* of the interrupted thread, for mem */
	uint64_t own_regs[TC_ARCH_N_REGS]; /* of the interrupted thread, for its tc_os_thread */
	size_t n_stacks_cut;		   /* what tc_stacks_note wants to know */
	struct tc_maps maps;
	/* why maps are those that were kept earlier; NULL: they were read for this dump */
	const char *old_maps;
	struct tc_process process;
	struct tc_crash crash;
	uint8_t siginfo[TC_CORE_SIGINFO];
	struct tc_core core;
	struct tc_walk_result walk;
	struct tc_hook_names names; /* last: not cleared when a dump begins */
};
extern struct tc_hook_dump tc_hook_dump;

/* Keep where the interpreter is (*site is copied); where it is, NULL: unknown. */
void tc_hook_found_python(const struct tc_runtime_site *site);
const struct tc_runtime_site *tc_hook_python(void);
/* Unmap the memory of a dump, or that of its walk in place alone, if any is mapped. */
void tc_hook_release(struct tc_hook_dump *dump);
void tc_hook_release_walk(struct tc_hook_dump *dump);
/* Begin a notice of the dump: *ret is empty, and what is appended to it is said. False: there are
 * TC_NOTICES_MAX already. */
bool tc_hook_notice(struct tc_hook_dump *dump, struct tc_strbuf *ret);

#endif
