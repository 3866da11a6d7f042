/* SPDX-License-Identifier: Apache-2.0
 * The hook from inside: its settings, and what its files call of each other. All but
 * tc_hook_settings_read and the constructor may run in a signal handler. */
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

/* What the environment says (docs/taskcore.1), read once; constant afterwards. */
struct tc_hook_settings {
	bool disabled;
	int signal;	    /* 0: none */
	char reason[16];    /* of a dump by it: "usr1", "rtmin+3" */
	int private_signal; /* of taskcore signal, the retry and the parking; 0: none free */
	enum tc_hook_values values;
	enum tc_hook_freeze freeze;
	bool keep_newest;
	bool nondumpable_full; /* values of a process that is not dumpable as of any other */
	uint64_t max_files, max_bytes, pause_ms, budget_ms, min_interval_s;
	char dir[TC_HOOK_PATH]; /* absolute; empty: not set */
	char tmpdir[TC_HOOK_PATH];
};
extern struct tc_hook_settings tc_hook_settings;

/* hook.c: the hook is at work: started, and not disabled. Before that there is neither a stack nor a
 * page of the process. */
bool tc_hook_installed(void);

/* hook_signal.c: the handler of both signals. */
void tc_hook_on_signal(int sig, siginfo_t *info, void *context);

/* Fill tc_hook_settings; a value that is not understood is named on stderr. Normal context. */
void tc_hook_settings_read(char **environment);

/* A process that wants a dump, and why. */
struct tc_request {
	const char *reason; /* of the file's name: "usr1", "request", "api" … */
	int signal;
	uint32_t sender_pid, sender_uid;
	uint64_t cookie;
	const struct tc_arch_context *context; /* of the interrupted thread; NULL: no signal */
	bool again; /* asked for by the child of a dump that disagreed with itself */
};

/* What a dump tells those who wait for it: pages that the dumping child shares with us. */
enum tc_outcome {
	TC_OUTCOME_RUNNING,
	TC_OUTCOME_AGAIN,    /* the child asks for another snapshot: its own contradicts itself */
	TC_OUTCOME_ACCEPTED, /* the target will take one: the child may leave */
	TC_OUTCOME_LEAVING,  /* it leaves, without a file */
	TC_OUTCOME_SEALED,
	TC_OUTCOME_REFUSED
};
struct tc_outcome_page {
	_Atomic uint32_t outcome;
	_Atomic uint64_t pause_ns; /* 0: the target stands still yet */
	_Atomic uint32_t n_maps;   /* mappings of the process, as the last dump found; 0: unknown */
	/* For a second try: what the first was asked for. */
	char reason[32];
	int signal;
	uint32_t sender_pid, sender_uid;
	uint64_t cookie;
	char path[TC_HOOK_PATH + TC_DUMP_NAME_MAX]; /* of the dump, when it is sealed */
};

/* One dump under way: gathered by the handler, finished by the child. One at a time: whoever has set
 * busy owns it. */
struct tc_hook_dump {
	struct tc_request request;
	struct tc_outcome_page *outcome; /* NULL: no memory for it */
	uint32_t pid, tid;		 /* of the target and of the thread that makes the dump */
	uint32_t tid_proc;		 /* the same as /proc counts them */
	uint64_t began_ns;		 /* CLOCK_MONOTONIC */
	uint64_t deadline_ns;		 /* the walk ends then */
	uint64_t wall_ns, boot_ns;
	int proc; /* of the target, in /proc; -1: not open */
	uint32_t n_numbers; /* one more than its largest descriptor may be; 0: unknown */
	struct tc_os_thread *threads;
	size_t n_threads, max_threads;
	size_t n_unread;	      /* threads of which only the id is known */
	bool threads_missing;	      /* not all are listed yet */
	const char *why_unread;	      /* static text */
	struct tc_arena arena;	      /* of the handler: the threads */
	void *thread_memory;	      /* of that arena; NULL: none */
	size_t thread_memory_size;
	void *memory;		      /* of a walk in place; NULL: none */
	bool lent; /* to a child, which shares our memory and gives both back */
	size_t memory_size;
	bool dumpable;		      /* PR_GET_DUMPABLE is 1, or values are wanted all the same */
	bool frozen;
	bool snapshot; /* the walk runs in a clone */
	bool copy;     /* this is that clone, with memory of its own; never true in the target's */
	bool guest;    /* this is a child, which may wait */
	const char *why_elsewhere; /* "DIR: reason" of the TASKCORE_DIR that it is not in; NULL: it is */
	bool no_child; /* none may be made */
	bool apart;    /* the child has descriptors of its own */
	bool watched;  /* the file is made by a worker of the child's */
	_Atomic uint32_t worker; /* then: its tid; 0: it is done */
	char *line;    /* then: what is to be said; NULL: nothing yet */
	enum tc_outcome verdict; /* with the line */
	const char *why_place; /* static text: why no clone was made; NULL: one was, or was not needed */
	struct tc_mem mem;
	struct tc_maps maps;
	uint64_t room; /* bytes that its cgroups leave; TC_HOOK_NO_LIMIT: no limit, or not asked */
	long cloned;   /* a copy's pid or -errno, from the process that made it */
	bool no_room;		/* the cgroup has too little memory left for a walk in place */
	const char *old_maps;	/* why it is those that were kept; NULL: they are read anew */
	bool no_maps;		/* there is no /proc, and none were kept */
	struct tc_process process;
	struct tc_core core;
	struct tc_counts counts;
	struct tc_python python;
	char notices[TC_NOTICES_MAX][TC_NOTICE_SIZE];
	unsigned n_notices;
	int walked;			     /* result of the walk in place */
	uint32_t asleep;   /* the holder of the GIL, if it was, as /proc counts it */
	uint64_t switches; /* how often it had gone to sleep then */
	struct tc_hook_kept *first, *last;   /* chunks of a walk in place, until the file is there */
	struct tc_kept_fd *first_fd, *last_fd; /* in the arena, by ascending number */
	size_t n_fds, n_fds_left;	       /* recorded; counted only */
	bool fds_late;			       /* the rest was not even counted */
	uint32_t next_id[TC_N_TABLES];	     /* where its tables stood in the end */
	char exe[TC_HOOK_PATH], cwd[TC_HOOK_PATH], args[TC_CORE_ARGS_MAX], cgroup[512], host[65], release[65];
};
extern struct tc_hook_dump tc_hook_dump;

/* hook_request.c: begin a dump of this process: 0 when its memory is captured (the file is made by
 * a child), or -errno: -EBUSY one is under way, -ENOEXEC no Python in this process, -EOPNOTSUPP it
 * runs in an emulator. */
int tc_hook_request(const struct tc_request *request);
/* Whether an interpreter was found in this process; looks for it unless that is known already. */
bool tc_hook_has_python(void);
/* Whether the program, or a library that it was started with, is a Python. Others may load one later. */
bool tc_hook_is_linked_python(void);
void tc_hook_found_python(const struct tc_runtime_site *site); /* hook_dump.c keeps it */
const struct tc_runtime_site *tc_hook_python(void); /* where; NULL: unknown */
/* The child of the last dump asks for another one: 0, or -errno. */
int tc_hook_request_again(const struct tc_arch_context *context);
/* Reap the children that have ended; true: none is at work on a dump, nor in our memory. */
bool tc_hook_reap(void);
bool tc_hook_reap_all(void); /* true: no child of ours is left */
/* A fork while another thread begins a dump would hand its descriptors and memory on to the child: wait
 * for it, for TASKCORE_PAUSE_MS at most. */
void tc_hook_before_fork(void);
/* Before the process ends or becomes another program: wait for a child of ours, for TASKCORE_PAUSE_MS at
 * most. Nothing in a vfork child. */
void tc_hook_reap_at_end(void);
/* Say in one line why a request was refused, from a process of its own where there can be one, once a second at most; those
 * between are counted in the next line. error: of tc_hook_request, or -EAGAIN: the last dump was
 * ago_s seconds ago. */
void tc_hook_refuse(const struct tc_request *request, int error, uint64_t ago_s);
struct tc_hook_process;
/* Reap the child that says such a line, if it has ended. */
void tc_hook_reap_speaker(struct tc_hook_process *process);
/* In a child: give it the name of a refusal; nothing where nobody asked with a cookie. */
void tc_hook_mark_refused(uint64_t cookie);
/* Wait, parked, until the dump that asked for it is over; 20 ms and a pause at most. */
void tc_hook_park(void);

/* hook_emulator.c: what runs this process in place of the processor, "valgrind" or "qemu-user"; NULL:
 * nothing. Under either no dump is made: no clone, no guarded read. Everything else works, so that
 * costs can be measured under callgrind. */
const char *tc_hook_emulator(void);

/* hook_freeze.c: freeze and walk, or clone a child that does. 0, or -errno. */
int tc_hook_capture(struct tc_hook_dump *dump);
/* A fault ended it: give back what it held. */
void tc_hook_capture_failed(struct tc_hook_dump *dump);
/* hook_dump.c: give back the memory of a dump, or of a walk in place alone; none held is no error. */
void tc_hook_release(struct tc_hook_dump *dump);
void tc_hook_release_walk(struct tc_hook_dump *dump);

/* hook_cgroup.c: bytes that the memory cgroups of this process still allow; whether they bound its CPU
 * time (then what we use is taken from the target). */
uint64_t tc_hook_headroom(void);
/* To ask takes up to 70 µs, so whether there are limits at all is noted when there is time. */
void tc_hook_note_limits(void);
bool tc_hook_is_limited(void);
#define TC_HOOK_NO_LIMIT (1ull << 60)
bool tc_hook_cpu_limited(void);

/* hook_memory.c */
struct tc_hook_memory {
	uint64_t private_bytes; /* resident and not shared */
	uint64_t tables;	/* bytes of page tables; 0: unknown */
	uint64_t n_threads;	/* 0: unknown */
	uint64_t mappable;	/* bytes that its limits let it map; TC_HOOK_NO_LIMIT: any number */
	uint64_t room;		/* that its cgroups allow besides; TC_HOOK_NO_LIMIT: unknown too */
	uint32_t n_numbers;	/* one more than its largest descriptor may be; 0: unknown */
	const char *no_clone;	/* static text: why none may be made; NULL: it may */
};
/* own_oom_score: a clone can make itself the first to be killed. */
void tc_hook_memory(int proc, bool own_oom_score, struct tc_hook_memory *ret);

/* hook_clone.c: how long a clone of this process will take, in ns; exactly only where that decides
 * whether it may be made. */
uint64_t tc_hook_clone_ns(struct tc_hook_dump *dump, const struct tc_hook_memory *memory);
/* The next mapping in the text of a maps file that the program writes to and nobody shares: a clone copies
 * its tables. False: no more. */
bool tc_hook_next_private(const char **at, const char *end, uint64_t *ret_start, uint64_t *ret_size);
/* What the pause still allows, in ns. */
uint64_t tc_hook_pause_left(const struct tc_hook_dump *dump);

/* hook_guard.c: faults while memory is read. */
/* Run function(argument) on a stack of the hook's with SIGSEGV and SIGBUS guarded and all other
 * signals (but SIGSYS) blocked. False: a fault that no guarded read accounts for ended it half way, or
 * the thread's alternate stack cannot be put aside, and it was not begun.
 * private_actions: in a clone, which has its signal actions to itself and a stack of its own. */
bool tc_hook_guarded(void (*function)(void *argument), void *argument, bool private_actions);
/* In a child: a system call that a filter answers with SIGSYS fails (EPERM), and the program's handler,
 * which may share our memory and its sockets with us, knows nothing of it. */
void tc_hook_answer_traps(void);
int tc_hook_stacks_init(void);
void *tc_hook_start_stack(void); /* its top, for the start of a child that shares our memory */
void *tc_hook_line_stack(void);	 /* the same, for one that says a line */
void *tc_hook_work_stack(void);	 /* the same, for the worker of a child */
void tc_hook_stacks(uint64_t *ret_start, uint64_t *ret_end); /* where all of them are */

/* hook_guest.c: what the children run. */
/* A child that was made with TC_HOOK_SHARED: it asks what the descriptors are, leaves them, and has a
 * worker do the rest. */
#define TC_HOOK_SHARED (CLONE_FILES | CLONE_FS)
void tc_hook_guest(struct tc_hook_dump *dump);
/* From the shared table to one with stderr alone, if that is the file it was at start. end: one more than
 * the largest number there may be, 0: unknown. False: it is shared still. */
bool tc_hook_leave_files(uint32_t end);
/* Whether a child would live where we do. After unshare(CLONE_NEWPID) the first one is the init of a new
 * namespace, in which nothing can be started once it has ended (pid_namespaces(7)). */
bool tc_hook_may_have_child(void);
bool tc_hook_is_target_gone(const struct tc_hook_dump *dump);
_Noreturn void tc_hook_work_done(struct tc_hook_dump *dump); /* the end of a watched worker */
/* Offer this process to whoever looks for memory. False: no descriptor, or no /proc. */
bool tc_hook_die_first(void);

/* hook_end.c: the end of a child. A copy gives back its memory first; none of its threads may be at work. */
_Noreturn void tc_hook_end(const struct tc_hook_dump *dump);

/* hook_child.c: the making of the file. */
/* Everything from there to the line on stderr; after a walk in place the file only. */
void tc_hook_child(void *dump);
void tc_hook_end_at_alarm(void); /* SIGALRM takes the file away, and ends the process */
/* It was ended by a fault: take its file away, and say so. */
void tc_hook_child_failed(struct tc_hook_dump *dump);
/* Its worker hangs: say so. */
void tc_hook_child_stuck(struct tc_hook_dump *dump);
/* There is no dump, and this is why. */
void tc_hook_child_refuse(struct tc_hook_dump *dump, const char *why);
/* Say the line, if there is one, and the outcome. */
void tc_hook_child_tell(const struct tc_hook_dump *dump);

/* hook_spare.c: are there descriptors enough that the handler may open some? */
bool tc_hook_has_spare(void);

/* hook_park.c: make the holder of the GIL stand still till the turn is given back. True: it does, unless
 * it is asleep (dump->asleep) and woken. */
bool tc_hook_hold(struct tc_hook_dump *dump, uint32_t holder);
/* Has it been asleep all the time since? */
bool tc_hook_was_asleep(struct tc_hook_dump *dump);

/* hook_place.c: the walk in place. */
struct tc_hook_kept;
/* max_tasks: 0: any number; n_tasks: are expected; end_ns: of CLOCK_MONOTONIC; mappable: bytes; must: there
 * is no other way. */
struct tc_hook_place {
	uint64_t max_tasks, n_tasks, end_ns, mappable;
	bool must;
};
void tc_hook_walk_in_place(struct tc_hook_dump *dump, const struct tc_hook_place *how);
int tc_hook_replay(struct tc_hook_dump *dump, struct tc_core *core);

/* hook_gather.c: maps, modules, names, clocks. */
/* 0, -ENOENT: no /proc, -ENOMEM. */
int tc_hook_gather_maps(struct tc_hook_dump *dump, struct tc_arena *arena);
void tc_hook_keep_maps(struct tc_arena *arena); /* for a day without /proc */
void tc_hook_gather_names(struct tc_hook_dump *dump);
/* Registers and system calls, until end_ns of CLOCK_MONOTONIC: of the main thread, of this one and of
 * those that run loops first. list: then the ids of the others too. n: how many there are; 0: unknown. */
void tc_hook_gather_threads(struct tc_hook_dump *dump, size_t n, uint64_t end_ns, bool list);
/* In a child with descriptors of its own. */
void tc_hook_open_target(struct tc_hook_dump *dump);
/* In a child: the ids of those that the handler had no time or no descriptor for. What they do by now is
 * no part of this dump. */
void tc_hook_gather_threads_late(struct tc_hook_dump *dump);
void tc_hook_note_threads(struct tc_hook_dump *dump); /* the notice of that */
void tc_hook_gather_thread_names(struct tc_hook_dump *dump); /* the rest */
void tc_hook_walk_options(const struct tc_hook_dump *dump, struct tc_walk_options *ret);

/* hook_fds.c: the descriptors, in the shared table of a child: all of them, opening none; then as records;
 * then the notice that some are missing. */
void tc_hook_gather_fds(struct tc_hook_dump *dump);
void tc_hook_put_fds(const struct tc_hook_dump *dump, struct tc_records *rec);
void tc_hook_note_fds(struct tc_hook_dump *dump);

/* hook_file.c: where a dump goes. */
struct tc_hook_file {
	int fd, dir;
	char dir_path[TC_HOOK_PATH], temporary[64], name[TC_DUMP_NAME_MAX];
};
/* The next place, from *at = 0 on, in which the temporary file could be created. 0, or -ENOENT when
 * no place is left. *why, empty at first, gets "PLACE: reason" of the first that was refused. */
int tc_hook_file_create(struct tc_hook_file *file, unsigned *at, const struct tc_hook_dump *dump,
			struct tc_strbuf *why);
/* Give it its name, and close it. 0 or -errno; then it is gone. */
int tc_hook_file_commit(struct tc_hook_file *file, const struct tc_hook_dump *dump);
void tc_hook_file_abort(struct tc_hook_file *file);
/* The file could be created and not be written: into *why, if that is empty. */
void tc_hook_file_explain(const struct tc_hook_file *file, struct tc_strbuf *why, int error);

/* hook_say.c: one line on descriptor 2, if that is the file it was at start and takes it at once. */
void tc_hook_say_init(void); /* this is the start */
bool tc_hook_say_is_possible(void); /* descriptor 2 is that file */
/* line: a text that ends with a zero and may be written to, with room for one byte more. What would
 * steer a terminal in it becomes '?', and the end of a line is put behind it. */
void tc_hook_say(char *line);

/* Around writing in the handler, with all signals blocked: what it raises, SIGXFSZ (a limit on the size
 * of files) or SIGPIPE, is taken back: it is not the program's affair. begin gives what end needs. */
uint64_t tc_hook_raised_begin(void);
void tc_hook_raised_end(uint64_t before);

#endif
