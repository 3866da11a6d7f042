/* SPDX-License-Identifier: Apache-2.0
 * The hook from inside: its settings, the dump that is being made, and the functions that its files
 * call of each other, each under the name of the file that has it. Everything here may run in a
 * signal handler, unless "normal context" is said. */
#ifndef TC_HOOK_H
#define TC_HOOK_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "dumper/base/wire.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/base/arena.h"
#include "lib/core/core.h"
#include "lib/core/dump_name.h"
#include "lib/base/strbuf.h"

enum tc_hook_values { TC_HOOK_VALUES_NONE, TC_HOOK_VALUES_SCALARS, TC_HOOK_VALUES_STRINGS };
enum tc_hook_freeze { TC_HOOK_FREEZE_AUTO, TC_HOOK_FREEZE_PLACE, TC_HOOK_FREEZE_SNAPSHOT };

#define TC_HOOK_PATH 4096

/* The settings, from the environment (docs/taskcore.1): read once, and constant afterwards. */
struct tc_hook_settings {
	bool disabled;
	int signal;	    /* 0: none */
	/* the reason in the name of a dump that signal makes: "usr1", "rtmin+3" */
	char reason[16];
	/* for taskcore signal, for a second snapshot, and to park a thread (wire.h); 0: none was
	 * free */
	int private_signal;
	enum tc_hook_values values;
	enum tc_hook_freeze freeze;
	bool keep_newest;
	bool nondumpable_full; /* record values even if the process is not dumpable */
	uint64_t max_files, max_bytes, pause_ms, budget_ms, min_interval_s;
	char dir[TC_HOOK_PATH]; /* absolute; empty: not set */
	char tmpdir[TC_HOOK_PATH];
};
extern struct tc_hook_settings tc_hook_settings;

/* A request for a dump. */
struct tc_request {
	const char *reason; /* goes into the file's name: "usr1", "request", "api" … */
	int signal;			     /* 0: not by a signal */
	uint32_t sender_pid, sender_uid; /* 0: unknown */
	uint64_t cookie;		     /* wire.h; 0: none */
	const struct tc_arch_context *context; /* of the interrupted thread; NULL: no signal */
	bool again; /* by the child of a dump whose snapshot contradicted itself: another one */
};

/* The outcome of a dump, in memory that the dumping child shares with the process. */
enum tc_outcome {
	TC_OUTCOME_RUNNING,
	/* the child asks for another snapshot, because its own contradicts itself */
	TC_OUTCOME_AGAIN,
	TC_OUTCOME_ACCEPTED, /* the process will make another one: the child may end */
	TC_OUTCOME_LEAVING,  /* the child ends without a file, because another one will be made */
	TC_OUTCOME_SEALED, /* the dump is a file, path has its name */
	TC_OUTCOME_REFUSED /* there is no dump, the line on stderr says why */
};
struct tc_outcome_page {
	_Atomic uint32_t outcome;
	_Atomic uint64_t pause_ns; /* 0: the process is not running again yet */
	_Atomic uint32_t n_maps;   /* how many mappings the last dump found; 0: unknown */
	/* The request of the first snapshot, for the second. */
	char reason[32];
	int signal;
	uint32_t sender_pid, sender_uid;
	uint64_t cookie;
	char path[TC_HOOK_PATH + TC_DUMP_NAME_MAX]; /* of the dump, when it is sealed */
};

/* The dump that is being made: filled by the handler, finished by the child. There is only one, and
 * it belongs to whoever has the turn (busy of hook_process.h). */
struct tc_hook_dump {
	struct tc_request request;
	struct tc_outcome_page *outcome; /* NULL: no memory for it */
	/* of the process, and of the thread whose handler makes the dump */
	uint32_t pid, tid;
	/* tid in the pid namespace of /proc, which may be another one */
	uint32_t tid_proc;
	uint64_t began_ns;		 /* CLOCK_MONOTONIC */
	uint64_t deadline_ns;		 /* CLOCK_MONOTONIC: the walk ends then */
	uint64_t wall_ns, boot_ns;
	int proc; /* descriptor of the process's directory in /proc; -1: not open */
	uint32_t n_numbers; /* all its descriptors are below this number; 0: unknown */
	struct tc_os_thread *threads;
	size_t n_threads, max_threads;
	size_t n_unread;	      /* threads of which we know only the id */
	bool threads_missing;	      /* the process has threads that are not in this array */
	const char *why_unread; /* why there are such threads; static text */
	struct tc_arena arena;	      /* for threads and descriptors; in thread_memory */
	void *thread_memory;	      /* NULL: none is mapped */
	size_t thread_memory_size;
	void *memory; /* of a walk in place; NULL: none is mapped */
	/* a child that shares our memory uses memory and thread_memory, and unmaps both */
	bool lent;
	size_t memory_size;
	/* values may be recorded: PR_GET_DUMPABLE is 1, or nondumpable_full is set */
	bool dumpable;
	bool frozen; /* all that was read is of one moment */
	bool snapshot; /* the walk runs in a clone */
	/* we are that clone, with memory of our own; never true in the process itself */
	bool copy;
	bool guest;    /* we are a child, which may wait; false: the handler */
	/* why the file is not in TASKCORE_DIR: "DIR: reason"; NULL: it is, or none is set */
	const char *why_elsewhere;
	bool no_child; /* no child may be made (tc_hook_may_have_child) */
	bool apart;    /* the child has its own descriptor table */
	/* the child has two threads: one, the worker, makes the file, the other watches it */
	bool watched;
	_Atomic uint32_t worker; /* if watched: the worker's tid; 0: it is done */
	char *line; /* the line for stderr; NULL: there is none yet */
	enum tc_outcome verdict; /* the outcome that line tells */
	/* why no clone was made; static text; NULL: one was made, or was not needed */
	const char *why_place;
	struct tc_mem mem;
	struct tc_registers registers; /* of the interrupted thread, for mem */
	struct tc_maps maps;
	/* bytes that its memory cgroups leave; TC_HOOK_NO_LIMIT: no limit, or not asked */
	uint64_t room;
	bool no_room;		/* the cgroup has too little memory left for a walk in place */
	/* why maps are those that were kept earlier; NULL: they were read for this dump */
	const char *old_maps;
	bool no_maps;		/* /proc cannot be read, and no maps were kept */
	struct tc_process process;
	struct tc_core core;
	struct tc_counts counts;
	struct tc_python python;
	char notices[TC_NOTICES_MAX][TC_NOTICE_SIZE];
	unsigned n_notices;
	int walked;			     /* what tc_walk returned in place */
	/* tid of the GIL's holder if it slept before the walk, as /proc counts; 0: it did not */
	uint32_t asleep;
	uint64_t switches; /* how often it had gone to sleep at that time */
	/* the chunks of a walk in place, until they are written */
	struct tc_hook_kept *first, *last;
	struct tc_kept_fd *first_fd, *last_fd; /* in the arena, numbers ascending */
	/* those that are recorded; those that are only counted */
	size_t n_fds, n_fds_left;
	bool fds_late;			       /* there was no time to count the rest */
	/* of a walk in place: the identifiers that would come next */
	uint32_t next_id[TC_N_TABLES];
	char exe[TC_HOOK_PATH], cwd[TC_HOOK_PATH], args[TC_CORE_ARGS_MAX], cgroup[512], host[65], release[65];
};
extern struct tc_hook_dump tc_hook_dump;

/* Room common. */

/* hook_settings.c: fill tc_hook_settings from the environment. A value that is not understood is
 * named on stderr. Normal context. */
void tc_hook_settings_read(char **environment);

/* hook_dump.c: keep where the interpreter is (*site is copied); where it is, NULL: unknown. */
void tc_hook_found_python(const struct tc_runtime_site *site);
const struct tc_runtime_site *tc_hook_python(void);
/* Unmap the memory of a dump, or that of its walk in place alone, if any is mapped. */
void tc_hook_release(struct tc_hook_dump *dump);
void tc_hook_release_walk(struct tc_hook_dump *dump);
/* Begin a notice of the dump: *ret is empty, and what is appended to it is said. False: there are
 * TC_NOTICES_MAX already. */
bool tc_hook_notice(struct tc_hook_dump *dump, struct tc_strbuf *ret);

/* hook_emulator.c: what runs this process in place of the processor: "valgrind" or "qemu-user";
 * NULL: nothing. In an emulator no dump is made: it could run neither a clone nor a guarded read.
 * Everything else works, so that costs can be measured under callgrind. */
const char *tc_hook_emulator(void);

/* hook_say.c: write one line to descriptor 2, if that is still the file that it was at the start
 * of the process, and if the file takes the line at once. */
/* Note which file descriptor 2 is. Normal context, once. */
void tc_hook_say_init(void);
/* Is descriptor 2 still that file? */
bool tc_hook_say_is_possible(void);
/* line: ends with a zero, behind which one byte more may be written; it is changed. Characters
 * that control a terminal become '?'. */
void tc_hook_say(char *line);
/* Around writing in the handler, while all signals are blocked. Writing may raise SIGXFSZ (a limit
 * on the size of files) or SIGPIPE: end takes these back, so that the program never gets them.
 * before: what begin has returned. */
uint64_t tc_hook_raised_begin(void);
void tc_hook_raised_end(uint64_t before);
/* In a child: set the name that tells whoever sent this cookie that the request is refused
 * (wire.h); nothing for cookie 0. */
void tc_hook_mark_refused(uint64_t cookie);

/* Room signals. */

/* hook_guard.c: the hook's stacks, and faults while memory is read. */
/* Run function(argument) on a stack of the hook's. SIGSEGV and SIGBUS are handled so that guarded
 * reads (tc_arch_copy) fail instead of ending the process; all other signals but SIGSYS are
 * blocked. False: a fault outside a guarded read has ended it half way; or it was not begun,
 * because the thread's alternate signal stack cannot be disabled meanwhile. private_actions: we are
 * in a child, which has its own signal actions, and another stack is used. */
bool tc_hook_guarded(void (*function)(void *argument), void *argument, bool private_actions);
/* In a child: set a handler by which system calls that a seccomp filter answers with SIGSYS fail
 * with EPERM. The program's handler must not run here: it may share our memory and its sockets. */
void tc_hook_answer_traps(void);
/* Map the stacks. Normal context, once. 0 or -errno. */
int tc_hook_stacks_init(void);
/* The top (highest address) of the stack on which children start that share our memory: one that
 * makes a dump; one that says a line; the worker of the first. */
void *tc_hook_start_stack(void);
void *tc_hook_line_stack(void);
void *tc_hook_work_stack(void);
/* The addresses at which all stacks begin and end. */
void tc_hook_stacks(uint64_t *ret_start, uint64_t *ret_end);

/* Room capture. */

/* hook_cgroup.c. The bytes that the memory cgroups of this process still allow; or
 * TC_HOOK_NO_LIMIT. */
uint64_t tc_hook_headroom(void);
/* tc_hook_headroom takes up to 70 µs, so this notes once whether there is a limit at all, and
 * tc_hook_is_limited tells what was noted. */
void tc_hook_note_limits(void);
bool tc_hook_is_limited(void);
#define TC_HOOK_NO_LIMIT (1ull << 60)
/* Do cgroups limit the CPU time? Then what we use is taken from the process. */
bool tc_hook_cpu_limited(void);

/* hook_memory.c */
struct tc_hook_memory {
	uint64_t private_bytes; /* resident and not shared */
	uint64_t tables;	/* bytes of page tables; 0: unknown */
	uint64_t n_threads;	/* 0: unknown */
	uint64_t mappable;	/* bytes that RLIMIT_AS and _DATA allow; or TC_HOOK_NO_LIMIT */
	uint64_t room;		/* bytes that its cgroups allow; TC_HOOK_NO_LIMIT: or unknown */
	uint32_t n_numbers;	/* all its descriptors are below this number; 0: unknown */
	const char *no_clone;	/* static text: why no clone may be made; NULL: it may */
};
/* Ask for all of it. proc: a descriptor of the process's directory in /proc; -1: only what needs no
 * descriptor. own_oom_score: a clone of the process can set its own oom_score_adj, so that the OOM
 * killer takes it first; if not, a limit that was set after the start counts too. */
void tc_hook_memory(int proc, bool own_oom_score, struct tc_hook_memory *ret);

/* hook_clone.c: estimate how long a clone of this process takes, in ns. The estimate is exact only
 * where that decides whether a clone may be made. */
uint64_t tc_hook_clone_ns(struct tc_hook_dump *dump, const struct tc_hook_memory *memory);
/* The next private and writable mapping in the text of a maps file from *at to end: a clone copies
 * the page tables of these. *at moves behind it. False: there are no more. */
bool tc_hook_next_private(const char **at, const char *end, uint64_t *ret_start, uint64_t *ret_size);
/* The time that is left of TASKCORE_PAUSE_MS, in ns. */
uint64_t tc_hook_pause_left(const struct tc_hook_dump *dump);

/* hook_spare.c: are there enough free descriptors that the handler may use some? */
bool tc_hook_has_spare(void);

/* hook_park.c: make the holder of the GIL (its id in our pid namespace) stand still until the turn
 * is given back. True: it does; or it was asleep (dump->asleep), which must be checked after the
 * walk by tc_hook_was_asleep: true if it slept all the time. */
bool tc_hook_hold(struct tc_hook_dump *dump, uint32_t holder);
bool tc_hook_was_asleep(struct tc_hook_dump *dump);

/* hook_place.c: the walk in place. */
struct tc_hook_kept;
struct tc_hook_place {
	uint64_t max_tasks; /* more end the walk; 0: any number */
	uint64_t n_tasks;   /* expected */
	uint64_t time_ns;   /* that it may take, of our own */
	uint64_t mappable;  /* bytes that may be mapped */
	bool must;	    /* there is no other way to this dump */
};
/* Walk here and keep the chunks in memory; dump->walked has the result. */
void tc_hook_walk_in_place(struct tc_hook_dump *dump, const struct tc_hook_place *how);
/* Write the chunks that were kept. 0 or -TC_EWRITE. */
int tc_hook_replay(struct tc_hook_dump *dump, struct tc_core *core);

/* hook_gather.c: registers, maps, modules, threads, names. */
/* Give the registers of the interrupted thread to dump->mem, if it was interrupted by a signal. */
void tc_hook_gather_registers(struct tc_hook_dump *dump);
/* Read the maps of the process and list its modules, in the arena. 0; -ENOENT: there is no /proc,
 * and no maps were kept; -ENOMEM. */
int tc_hook_gather_maps(struct tc_hook_dump *dump, struct tc_arena *arena);
/* Keep a copy of the maps, for a dump that cannot read /proc (after chroot). arena is scratch. */
void tc_hook_keep_maps(struct tc_arena *arena);
/* Fill dump->process: names, ids, clocks. */
void tc_hook_gather_names(struct tc_hook_dump *dump);
/* Read registers and system calls of threads, until end_ns (CLOCK_MONOTONIC): first of the main
 * thread, of this one, and of those that run event loops. list: then list the ids of the rest too.
 * n: how many threads there are; 0: unknown. */
void tc_hook_gather_threads(struct tc_hook_dump *dump, size_t n, uint64_t end_ns, bool list);
/* In a child with its own descriptor table: open dump->proc. */
void tc_hook_open_target(struct tc_hook_dump *dump);
/* In a child: list the ids of the threads that the handler had no time or no descriptor for. Their
 * states are not read: they are of a later moment than the dump. */
void tc_hook_gather_threads_late(struct tc_hook_dump *dump);
/* Add the notice that says how many these are. */
void tc_hook_note_threads(struct tc_hook_dump *dump);
/* Read the names and times of the threads, and whether they ran meanwhile; into dump->mem. */
void tc_hook_gather_thread_names(struct tc_hook_dump *dump);
/* The options of a walk by the settings; its bounds are up to the caller. */
void tc_hook_walk_options(const struct tc_hook_dump *dump, struct tc_walk_options *ret);

/* Room child. */

/* hook_guest.c: what a child runs that was made with TC_HOOK_SHARED, so that it shares the
 * descriptor table and the working directory of the process. It asks what the descriptors are,
 * leaves the table, and has a worker thread make the file. May return or end the child. */
#define TC_HOOK_SHARED (CLONE_FILES | CLONE_FS)
void tc_hook_guest(struct tc_hook_dump *dump);
/* Leave the shared table for one of our own, with nothing but stderr, if that is the file that it
 * was at the start. end: all descriptors are below this number; 0: unknown. False: the table is
 * still shared. */
bool tc_hook_leave_files(uint32_t end);
/* Would a child be in our own pid and time namespace? After unshare(CLONE_NEWPID) the first child
 * becomes the init of a new namespace, and when it has ended, no process can be started in there
 * (pid_namespaces(7)): then we must make none. */
bool tc_hook_may_have_child(void);

/* hook_worker.c. Has the process ended, whose child we are? */
bool tc_hook_is_target_gone(const struct tc_hook_dump *dump);
/* The end of a worker that is watched. */
_Noreturn void tc_hook_work_done(struct tc_hook_dump *dump);

/* hook_end.c: end this child. A copy first gives back its memory, so none of its other threads may
 * be running. */
_Noreturn void tc_hook_end(const struct tc_hook_dump *dump);

/* hook_child.c: the making of the file. */
/* Do everything from there to the line on stderr; after a walk in place only the file is left to be
 * made. dump: a struct tc_hook_dump. */
void tc_hook_child(void *dump);
/* Set the handler of SIGALRM: it removes the file, and ends the process, or the worker. */
void tc_hook_end_at_alarm(void);
/* A fault has ended tc_hook_child: remove its file, and say so. */
void tc_hook_child_failed(struct tc_hook_dump *dump);
/* The worker hangs: say so. */
void tc_hook_child_stuck(struct tc_hook_dump *dump);
/* There will be no dump: say why. */
void tc_hook_child_refuse(struct tc_hook_dump *dump, const char *why);
/* Publish the outcome and say the line, if there is one. */
void tc_hook_child_tell(const struct tc_hook_dump *dump);

/* hook_fds.c. In a child that shares the descriptor table: ask what all descriptors are, without
 * opening any. Then write them as records, and add the notice if some are missing. */
void tc_hook_gather_fds(struct tc_hook_dump *dump);
void tc_hook_put_fds(const struct tc_hook_dump *dump, struct tc_records *rec);
void tc_hook_note_fds(struct tc_hook_dump *dump);

/* hook_file.c: where a dump goes. */
struct tc_hook_file {
	int fd, dir; /* -1: not open */
	char dir_path[TC_HOOK_PATH], temporary[64], name[TC_DUMP_NAME_MAX];
};
/* Create the temporary file in the next place where that is possible. *at is the next place, 0 for
 * the first call. 0, or -ENOENT when no place is left. *why, empty at first, gets "PLACE: reason"
 * of the first place that could not be used. */
int tc_hook_file_create(struct tc_hook_file *file, unsigned *at, const struct tc_hook_dump *dump,
			struct tc_strbuf *why);
/* Give the file its name, and close it. 0, or -errno: then the file is removed. */
int tc_hook_file_commit(struct tc_hook_file *file, const struct tc_hook_dump *dump);
/* Remove the temporary file, if there is one, and close it. */
void tc_hook_file_abort(struct tc_hook_file *file);
/* The file was created and could not be written: put why (error: -errno) into *why, if that is
 * empty. */
void tc_hook_file_explain(const struct tc_hook_file *file, struct tc_strbuf *why, int error);

/* Room hook. */

/* hook.c. True: the hook was started and is not disabled. Before that, its stacks and the page of
 * hook_process.h do not exist. */
bool tc_hook_installed(void);

/* hook_signal.c: the handler of both signals, settings.signal and settings.private_signal. */
void tc_hook_on_signal(int sig, siginfo_t *info, void *context);

/* hook_request.c: begin a dump of this process. 0: its memory is captured, and a child makes the
 * file. -errno: -EBUSY a dump is being made, -ENOEXEC there is no Python in this process,
 * -EOPNOTSUPP it runs in an emulator; the texts of the others are in hook_refuse.c. */
int tc_hook_request(const struct tc_request *request);
/* The child of the last dump has asked for another snapshot: make it. 0 or -errno. */
int tc_hook_request_again(const struct tc_arch_context *context);

/* hook_freeze.c: capture the memory of the process: walk it here, or make a clone that does. 0: a
 * child makes the file, or it is made; or -errno. */
int tc_hook_capture(struct tc_hook_dump *dump);
/* A fault has ended tc_hook_capture: give back what it held. */
void tc_hook_capture_failed(struct tc_hook_dump *dump);

/* hook_python.c: is there an interpreter in this process? Looks for one until one was found. */
bool tc_hook_has_python(void);
/* Is the program, or a library that it was started with, a Python? Others may load one later. */
bool tc_hook_is_linked_python(void);

/* hook_turn.c: reap our children that have ended. True: none makes a dump or uses our memory. */
bool tc_hook_reap(void);
/* The same. True: no child of ours is left. */
bool tc_hook_reap_all(void);
/* Before a fork: wait, for TASKCORE_PAUSE_MS at most, while another thread begins a dump. Otherwise
 * the forked child would inherit its descriptors and memory. */
void tc_hook_before_fork(void);
/* In the handler of a thread that is parked: wait until the dump that asked for it is over, for
 * TASKCORE_PAUSE_MS and 20 ms at most. */
void tc_hook_park(void);

/* hook_exit.c: before the process ends or calls execve, wait for our children, for
 * TASKCORE_PAUSE_MS at most. Does nothing in a vfork child. */
void tc_hook_reap_at_end(void);

/* hook_refuse.c: say in one line why a request is refused, in a child of its own where one can be
 * made. At most one line a second is said, and the next one counts those in between. error: what
 * tc_hook_request returned; -EAGAIN: the last dump was ago_s seconds ago; -EOWNERDEAD: the child
 * that made the dump was killed. */
void tc_hook_refuse(const struct tc_request *request, int error, uint64_t ago_s);
struct tc_hook_process;
/* Reap the child that says such a line, if it has ended. */
void tc_hook_reap_speaker(struct tc_hook_process *process);

#endif
