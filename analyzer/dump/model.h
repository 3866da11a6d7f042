/* SPDX-License-Identifier: Apache-2.0
 * A dump as arrays: what the records say, nothing concluded yet. Compact, because a million tasks
 * must fit in about 200 MB: texts stay in the file's mapping, locals and attributes are decoded
 * when they are asked for. */
#ifndef TC_MODEL_H
#define TC_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyzer/base/bytes.h"
#include "lib/format/cursor.h"
#include "analyzer/dump/value.h"
#include "lib/format/format.h"
#include "analyzer/dump/load.h"

struct tc_string {
	const uint8_t *at;
	uint32_t size;
	uint32_t class; /* enum tc_str */
};

struct tc_type {
	uint64_t addr;
	uint32_t name, module; /* strings */
	uint32_t flags;	       /* enum tc_type_flag */
};

struct tc_pycode {
	uint64_t addr;
	const uint8_t *names; /* n_names × u: strings */
	uint32_t names_size, n_names;
	uint32_t name, qualname, file; /* strings */
	uint32_t first_line, flags;
};

struct tc_site {
	/* as in the file: + 1 where it says so */
	uint32_t code, lasti, line, column, end_line, end_column;
};

struct tc_chain {
	uint32_t parent, ref, name;
	uint32_t depth;	 /* links from the outermost to this one */
	uint16_t python; /* links that have code, up to this one; saturates */
	uint8_t kind;	 /* enum tc_frame */
	uint8_t runtime;
};

/* Does a link of this kind run code of Python? Then its ref is a site, and it has locals. */
static inline bool tc_frame_has_code(unsigned kind)
{
	return kind == TC_FRAME_CORO || kind == TC_FRAME_GENERATOR || kind == TC_FRAME_ASYNCGEN ||
	       kind == TC_FRAME_CALL;
}

struct tc_context {
	const uint8_t *vars; /* decoded later: their number, then each */
	uint32_t size;
};

struct tc_loopref {
	uint64_t addr;
	uint32_t type;
	uint32_t state; /* index + 1 into loops, 0: no record */
};

struct tc_interp {
	uint64_t addr;
	uint32_t id, runtime, version, flags;
	uint32_t layout, implementation; /* strings */
};

struct tc_task {
	uint64_t addr, leaf, waiter; /* 0: none */
	const uint8_t *locals;	     /* payload of the record, NULL: none */
	uint32_t locals_size;	     /* at most TC_RECORD_MAX */
	uint32_t flags;		     /* state and enum tc_task_flag */
	uint32_t type, name, loop, chain, context, exception, cancels, thread;
	uint32_t objects; /* number of objects before this record: what it waits for comes next */
};

/* How a task failed. */
struct tc_failure {
	uint32_t task;	    /* its index */
	uint32_t traceback; /* chain, 0: unknown */
	uint32_t coroutine; /* string, 0: unknown */
};

/* A context manager that a task or thread holds (docs/format.md section 9). */
struct tc_hold {
	uint64_t manager;
	uint32_t owner; /* index of the task or thread */
	uint32_t type, flags;
	uint32_t place; /* chain: the with statement, as the innermost link */
};

/* The instructions of a code (docs/format.md section 10). */
struct tc_bytecode {
	uint32_t code, n_locals;
	const uint8_t *at, *handlers; /* in the file */
	uint32_t size, handlers_size;
	/* of names: its own, by their number in the code, each a string or 0; those of codes in it
	 * */
	size_t first;
	uint32_t n_own, n_nested;
};

/* A function, or a code that runs without one (docs/format.md section 10). */
struct tc_function {
	uint32_t code, flags; /* enum tc_function_flag */
	size_t first;	      /* of names: those that it has itself, then those it uses */
	uint32_t n_keys, n_own, n_nested; /* n_own: as of a bytecode */
};

/* A frame or object that leads to what tasks wait for (docs/format.md section 10). */
struct tc_refs {
	uint64_t addr;
	uint64_t owner;	     /* of a frame: the address of its task */
	uint32_t type;	     /* of an object */
	uint32_t references; /* how many there are to the object */
	size_t first;	     /* of ref_to, and of ref_words */
	uint32_t n;
	uint32_t site;	/* of a suspended frame; 0: not known */
	uint32_t flags; /* enum tc_refs_flag */
};

struct tc_object {
	uint64_t addr;
	const uint8_t *at; /* from the number of attributes on */
	uint32_t type;
	uint32_t size : 24; /* at most TC_RECORD_MAX */
	uint32_t flags : 8;
};

/* Addresses from start to before end; start is not below end where there are none. */
struct tc_span {
	uint64_t start, end;
};

static inline bool tc_span_has(struct tc_span span, uint64_t addr)
{
	return span.start <= addr && addr < span.end;
}

struct tc_thread {
	uint32_t tid, tid_ns;
	struct tc_text name, wchan;
	uint8_t state, how;		   /* letter; enum tc_regs */
	uint64_t pc, sp, syscall, args[6]; /* syscall: number + 1 */
	uint64_t utime_ns, stime_ns;
	uint32_t flags;		    /* enum tc_thread_flag */
	struct tc_span stack, kept; /* the mapping that holds sp; what of it is in the file */
};

/* The fatal signal that the dump is of (docs/format.md section 8). */
struct tc_crash_record {
	bool present;
	uint32_t tid, flags; /* enum tc_crash_flag */
	int64_t code;
	uint64_t address;
	struct tc_span mapping; /* that holds the address; all 0: none does */
	uint32_t access;	/* to it: 1 read, 2 write, 4 execute */
	struct tc_text path;	/* of it */
	uint64_t below, above;	/* end of the next mapping below, start of that above; 0: none */
	uint64_t handler;	/* the program's own; 0: it has none */
};

/* What the thread of a loop did while it was read, and after that (docs/format.md section 8). */
struct tc_look {
	uint32_t tid, flags, last_state;
	uint64_t watched_ns, run_ns, wait_ns, switches;
};

/* A descriptor of the process (docs/format.md section 8). */
struct tc_fd {
	struct tc_text local, peer, what;
	uint64_t unread, unsent;				/* + 1 */
	uint32_t fd, type, family, socket_type, state, missing; /* missing: TC_FD_NO_… */
};

struct tc_pythread {
	uint64_t addr, pthread, task;
	uint64_t lock; /* of threading, that it waits for; 0: unknown */
	uint32_t interp, tid, flags, loop, chain;
	const uint8_t *locals; /* payload of the record, NULL: none */
	uint32_t locals_size;
};

struct tc_module_map {
	uint64_t base, end;
	struct tc_text build_id, path;
};

struct tc_loop {
	uint32_t ref, interp, flags, tid;
	uint64_t ident, ready, timers, overdue, fds, cancelled; /* all but ident: + 1 */
	uint64_t due_ns, now_ns;
};

struct tc_handle {
	uint32_t loop, code;
	uint8_t where, flags;
	uint64_t fd, due_ns, task; /* fd: + 1 */
	uint64_t argument;	   /* address of the callback's first argument; 0: none */
	struct tc_value callback;
};

struct tc_fault {
	uint64_t addr;
	uint32_t error, what;
};

struct tc_head {
	bool present;
	uint32_t pid, pid_ns, ppid, uid, gid, signal, sender_pid, sender_uid, flags, state;
	uint64_t wall_ns, monotonic_ns, boottime_ns, start_ns, page_size;
	uint64_t features; /* that a reader must know */
	uint64_t max_fds;  /* + 1; 0: unknown */
	struct tc_text reason, exe, argv, host, kernel, writer, cgroup;
};

#define TC_STATUS_NOTICES 64

struct tc_status {
	bool present;
	uint64_t found, read, torn, cut, done, faults, objects, objects_cut, flags, pause_ns,
		duration_ns;
	uint64_t swapped, bytes_read, retaken;
	uint64_t stopping_ns, releasing_ns; /* of the pause */
	struct tc_text notices[TC_STATUS_NOTICES];
	unsigned n_notices;
};

/* The streams of differences (docs/format.md section 5); every chunk starts them anew. */
struct tc_streams {
	uint64_t task, object, name, context;
};

/* One growing array of the model. */
#define TC_ARRAY(type, name) \
	struct type *name;   \
	size_t n_##name, name##_room

/* Where in an array the element with an address is. Made when the first one is asked for: of a
 * million tasks most are never looked up. */
struct tc_index {
	uint32_t *slots; /* index + 1; 0: free */
	size_t mask;
	uint64_t seed;
};

/* The tables' first entry, [0], is all zero: what an unknown identifier resolves to. */
struct tc_model {
	struct tc_dump *dump;
	struct tc_head head;
	struct tc_crash_record crash;
	struct tc_status status;
	TC_ARRAY(tc_string, strings);
	TC_ARRAY(tc_type, types);
	TC_ARRAY(tc_pycode, codes);
	TC_ARRAY(tc_site, sites);
	TC_ARRAY(tc_chain, chains);
	TC_ARRAY(tc_context, contexts);
	TC_ARRAY(tc_loopref, looprefs);
	TC_ARRAY(tc_interp, interps);
	TC_ARRAY(tc_task, tasks);
	TC_ARRAY(tc_failure, failures);	 /* by ascending task */
	TC_ARRAY(tc_hold, holds);	 /* of tasks, by ascending owner */
	TC_ARRAY(tc_hold, thread_holds); /* the same of threads */
	TC_ARRAY(tc_object, objects);
	TC_ARRAY(tc_refs, refs);
	uint64_t *ref_to; /* addresses of those that refs refer to */
	size_t n_ref_to, ref_to_room;
	/* for each: where it is in the frame, + 1; of TC_REFS_NAMED the attribute, a string; 0: not
	 * known */
	uint32_t *ref_words;
	size_t n_ref_words, ref_words_room;
	TC_ARRAY(tc_bytecode, bytecodes);
	uint32_t *bytecode_of; /* of each code: the number of its bytecode + 1, 0: none */
	TC_ARRAY(tc_function, functions);
	uint32_t *names; /* strings, of bytecodes and functions */
	size_t n_names, names_room;
	size_t n_heaps; /* of interpreters, that were seen whole */
	bool heap_seen; /* all functions of all interpreters are in functions */
	TC_ARRAY(tc_thread, threads);
	TC_ARRAY(tc_look, looks); /* TC_LOOK_RECORDS_MAX at most */
	TC_ARRAY(tc_fd, fds);	  /* by ascending number */
	TC_ARRAY(tc_pythread, pythreads);
	TC_ARRAY(tc_module_map, modules);
	TC_ARRAY(tc_loop, loops);
	TC_ARRAY(tc_handle, handles);
	TC_ARRAY(tc_fault, faults);
	struct tc_streams streams; /* while reading */
	/* while reading: what locals that come next belong to: the last task or thread */
	enum { TC_OPEN_NONE, TC_OPEN_TASK, TC_OPEN_THREAD } open;
	uint32_t next_seq; /* while reading: of the next chunk */
	struct tc_index *task_index, *object_index;
	/* Where the target's standard library is, with its last slash; empty: not known. frozen:
	 * its paths are relative. */
	struct tc_text library;
	bool frozen;
	uint64_t n_clean; /* pending tasks that are neither torn nor cut */
	uint64_t n_torn;  /* pending tasks that are torn */
	uint64_t n_links; /* of the chains of all tasks */
};

/* Read all chunks of dump, which must outlive the model. Damage is noted in the dump. progress:
 * called after each chunk with the part of the file that is done, may be NULL. 0, or -TC_EVERSION:
 * the dump needs features that this program does not know (dump->kind says so); nothing of the
 * model is of use then, but it is to be given to tc_model_deinit. */
int tc_model_init(struct tc_model *model, struct tc_dump *dump, void (*progress)(double part));
void tc_model_deinit(struct tc_model *model);

/* Entries by identifier; the empty entry for 0 and for what is not there. */
#define TC_LOOKUP(name, type, array)                                                   \
	static inline const struct type *tc_model_##name(const struct tc_model *model, \
							 uint32_t id)                  \
	{                                                                              \
		return &model->array[id < model->n_##array ? id : 0];                  \
	}
TC_LOOKUP(type, tc_type, types)
TC_LOOKUP(code, tc_pycode, codes)
TC_LOOKUP(site, tc_site, sites)
TC_LOOKUP(chain, tc_chain, chains)
TC_LOOKUP(context, tc_context, contexts)
TC_LOOKUP(loopref, tc_loopref, looprefs)
TC_LOOKUP(interp, tc_interp, interps)

static inline struct tc_text tc_model_string(const struct tc_model *model, uint32_t id)
{
	const struct tc_string *string = &model->strings[id < model->n_strings ? id : 0];

	return (struct tc_text){ string->at, string->size };
}

/* The task or object recorded at this address; NULL when there is none. */
const struct tc_task *tc_model_task_at(const struct tc_model *model, uint64_t addr);
const struct tc_object *tc_model_object_at(const struct tc_model *model, uint64_t addr);
/* The same for an object of task, whose records mostly follow it in the file. */
const struct tc_object *tc_model_object_near(const struct tc_model *model,
					     const struct tc_task *task, uint64_t addr);

/* The bytecode of a code; NULL: it is not recorded. */
const struct tc_bytecode *tc_model_bytecode(const struct tc_model *model, uint32_t code);

/* How the task failed; NULL: it did not. */
const struct tc_failure *tc_model_failure(const struct tc_model *model, const struct tc_task *task);

/* What a task holds, *ret_n context managers. */
const struct tc_hold *tc_model_holds(const struct tc_model *model, const struct tc_task *task,
				     size_t *ret_n);

static inline unsigned tc_task_state(const struct tc_task *task)
{
	return task->flags & TC_TASK_STATE_MASK;
}

/* Pending or running: one of those that found = read + torn + cut counts. */
static inline bool tc_task_alive(const struct tc_task *task)
{
	return (task->flags & TC_TASK_STATE_UNKNOWN) || tc_task_state(task) == TC_STATE_PENDING;
}

/* The name of a task into name, which holds TC_TASK_NAME bytes when it is a numbered one. */
#define TC_TASK_NAME 32
struct tc_text tc_model_task_name(const struct tc_model *model, const struct tc_task *task,
				  char *name);

/* True when text ends in want, at its beginning or behind a slash. */
bool tc_text_ends_in(struct tc_text text, const char *want);

#endif
