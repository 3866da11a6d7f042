/* SPDX-License-Identifier: Apache-2.0
 * The walker from inside: its state, and what its files call of each other. Nothing outside
 * lib/walk*.c includes it. All of it may run in a signal handler. */
#ifndef TC_WALKER_H
#define TC_WALKER_H

#include "lib/base/intern.h"
#include "lib/python/pyframe.h"
#include "lib/base/seen.h"
#include "lib/walk/walk.h"

/* What the walker knows of a type: by its name where only that tells, by its flags or bases
 * elsewhere. */
enum tc_kind {
	TC_KIND_OTHER,
	TC_KIND_NONE,
	TC_KIND_BOOL,
	TC_KIND_INT,
	TC_KIND_FLOAT,
	TC_KIND_STR,
	TC_KIND_BYTES,
	TC_KIND_LIST,
	TC_KIND_TUPLE,
	TC_KIND_SET,
	TC_KIND_DEQUE,
	TC_KIND_DICT,
	TC_KIND_CORO,
	TC_KIND_GENERATOR,
	TC_KIND_ASYNCGEN,
	TC_KIND_GEN_PROXY,   /* asend, athrow: the generator is at +16 */
	TC_KIND_WRAPPER,     /* coroutine_wrapper, anext_awaitable: what it wraps is at +16 */
	TC_KIND_FUTURE_ITER, /* the future is at +16 */
	TC_KIND_FUTURE,
	TC_KIND_TASK,
	TC_KIND_PY_FUTURE,
	TC_KIND_PY_TASK,
	TC_KIND_FUNCTION,
	TC_KIND_METHOD,
	TC_KIND_BUILTIN,
	TC_KIND_PARTIAL,
	TC_KIND_CELL,
	TC_KIND_TASK_WAKEUP,
	TC_KIND_CODE,
	TC_KIND_TRACEBACK,
	TC_KIND_WEAKREF,
	TC_KIND_TYPE,
	TC_KIND_MODULE,
	TC_KIND_CONTEXTVAR,
	TC_KIND_HAMT_BITMAP,
	TC_KIND_HAMT_ARRAY,
	TC_KIND_HAMT_COLLISION,
	TC_KIND_CYTHON_WRAPPER,
	TC_KIND_CYTHON_CORO,
};

struct tc_walk_type {
	tc_addr addr;
	struct tc_type_facts facts;
	enum tc_kind kind;
	uint32_t id; /* in the dump */
};

struct tc_walk_code {
	tc_addr addr;
	struct tc_code_facts facts;
	uint32_t id;
	bool library; /* of package asyncio or concurrent.futures: what its locals hold says who
			 waits */
};

/* A value as it will be written. */
struct tc_walk_value {
	enum tc_val tag;
	uint32_t type; /* REF, SIZED; STRING: its identifier */
	uint64_t bits; /* INT, FLOAT (its bits), REF and SIZED (address) */
	uint64_t size; /* SIZED, ATOM */
	enum tc_kind kind;
	const struct tc_walk_type *of; /* type of a REF or SIZED */
};

#define TC_ENCODED_MAX 31u /* bytes of a value: tag, type, address, size */

/* Arguments are handed on from frame to frame: an object that stood in a slot of this chain before is
 * known. */
#define TC_SLOT_CACHE 128u
struct tc_slot_cache {
	uint64_t word;
	tc_addr ref;	       /* 0: no reference */
	uint32_t chain, value; /* of this chain, the number of its value */
};

#define TC_LOCALS_BYTES (256u << 10)
#define TC_FRAMES_KEPT 4096u
#define TC_REFS_KEPT 16384u

/* The locals of one chain: of the outermost frames when there are too many. */
struct tc_walk_locals {
	uint8_t *bytes; /* TC_LOCALS_BYTES: the frames as in a record, without the address of the first reference */
	uint32_t size, n_frames, n_values;
	uint32_t first_at;   /* where in bytes that address belongs */
	tc_addr first, last; /* reference; 0: none */
	uint32_t chain;	     /* each has a number */
	struct tc_slot_cache *slots; /* TC_SLOT_CACHE */
	uint64_t *words;	     /* scratch, TC_NAMES_MAX */
	tc_addr *refs;		     /* TC_REFS_KEPT: what frames of libraries refer to */
	uint32_t n_refs;
	uint32_t *libraries; /* TC_FRAMES_KEPT: where in refs each of these frames begins */
	uint32_t n_libraries;
};

#define TC_CONTEXT_MAX 64u

#define TC_CONTEXT_CACHE 4096u
struct tc_context_cache {
	tc_addr root;
	uint64_t id;
};

/* The variables of one context while it is read. */
struct tc_context_scratch {
	uint32_t n;
	uint32_t names[TC_CONTEXT_MAX];
	struct tc_walk_value values[TC_CONTEXT_MAX];
};

/* A thread of the interpreter and its frames, innermost first. */
struct tc_walk_thread {
	tc_addr tstate, running_task, running_loop;
	uint64_t ident;
	uint32_t tid; /* in the target's own namespace, 0: unknown */
	struct tc_frame_view *frames;
	uint32_t n_frames;
	bool cut, torn;
	bool skipped; /* its frames: there was no time */
};

#define TC_THREADS_MAX (1u << 20) /* of one interpreter: their list may be a ring in torn memory */
#define TC_LOOPS_MAX 4096u
#define TC_CURRENT_MAX 16384u

struct tc_walk_loop {
	tc_addr addr;
	uint32_t id;
};

struct tc_object_todo {
	tc_addr addr;
	uint8_t depth;
};
#define TC_TODO_MAX 16384u
#define TC_LEAF_DEPTH 3	 /* steps that are followed from what a chain ends in */
#define TC_ATTRS_MAX 64u /* of one object */

#define TC_BATCH 64 /* tasks in flight */
#define TC_TIES_MAX 16384u /* of a longer chain, its innermost links are not read again */
#define TC_TIES_BYTES (2u << 20)
#define TC_ANEW_BYTES 512u

/* What holds the chains of a batch together: where their links were read, and what was there. */
struct tc_ties {
	bool wanted; /* they are gathered, nothing is written */
	bool first;  /* what is cached is tried as it is */
	uint32_t n;
	uint32_t ends[TC_BATCH]; /* where those of each task end */
	struct tc_mem_piece *pieces; /* TC_TIES_MAX */
	bool *same;		 /* TC_TIES_MAX */
	tc_addr *renewed;	 /* TC_TIES_MAX: what this round read anew */
	uint32_t n_renewed;
	uint8_t *bytes;		 /* TC_TIES_BYTES: piece behind piece */
	size_t size;
};

#define TC_TYPE_CACHE 2048u
#define TC_NAME_CACHE 256u
#define TC_LABEL_CACHE 1024u
#define TC_LINK_CACHE 256u

struct tc_walker {
	struct tc_py py;
	struct tc_mem *mem; /* the same as py.mem */
	struct tc_records *out;
	struct tc_arena *arena;
	const struct tc_walk_options *options;
	struct tc_counts *counts;
	char (*notices)[TC_NOTICE_SIZE];
	unsigned n_notices;
	uint64_t n_fault_records;

	/* In front of the tables: the types met last, and attribute names by the address of their
	 * str. */
	const struct tc_walk_type *type_cache[TC_TYPE_CACHE];
	struct tc_name_cache {
		tc_addr str;
		uint64_t length, hash;
		uint32_t id;
	} name_cache[TC_NAME_CACHE];
	struct tc_label_cache {
		uint64_t hash;
		uint32_t id;
	} label_cache[TC_LABEL_CACHE];
	/* The links of chains met last: what tc_walker_code, tc_walker_site, tc_walker_link said. */
	struct tc_link_cache {
		const struct tc_walk_code *code; /* NULL: free */
		tc_addr addr;
		int64_t lasti;
		tc_addr qualname;
		uint32_t parent, id;
		bool awaits;
	} link_cache[TC_LINK_CACHE];
	struct tc_hash strings, types, codes, sites, chains, loops;
	struct tc_seen seen;		   /* objects */
	struct tc_seen seen_tasks;	   /* one of a foreign class may be an object too */
	struct tc_context_cache *contexts; /* TC_CONTEXT_CACHE: those met last, by root */
	struct tc_walk_locals locals;
	struct tc_ties ties;
	struct tc_context_scratch *context;
	struct tc_walk_thread *threads;
	uint32_t n_threads, max_threads; /* there is room for */
	uint32_t threads_cut;		 /* of this interpreter, that are left out */
	struct tc_hash os_threads;	 /* by id in the target's namespace: the kernel's number + 1 */
	struct tc_walk_loop *loop_views;
	uint32_t n_loops;
	tc_addr last_loop; /* tasks of one loop follow each other */
	uint32_t last_loop_id;
	struct tc_object_todo *todo;
	uint32_t todo_first, todo_n;
	struct tc_walk_value *attr_values; /* scratch, TC_ATTRS_MAX */
	struct tc_walk_value *item_values; /* scratch, TC_ITEMS_MAX */
	char *text;		      /* scratch, TC_STRING_MAX bytes */
	uint32_t *name_ids;	      /* scratch, TC_NAMES_MAX */
	uint32_t state_name; /* the string "_state" */
	uint32_t states[3];  /* and its values, by enum tc_task_flag */
	uint32_t inner_name, source_name;  /* "inner", "source" */
	uint32_t transport_name, tls_name; /* "_transport", "_ssl_protocol" */
	bool full;		      /* the arena is exhausted */
	bool stopped;		      /* by max_tasks or on_interp: the walk ends */

	/* of the interpreter under way */
	tc_addr runtime;
	tc_addr interp;
	uint32_t interp_id;
	uint32_t interp_flags;
	tc_addr asyncio_tasks, asyncio_c; /* the modules' objects; 0: not imported */
	tc_addr walking;		  /* the task whose chain is under way */
	tc_addr *current;		  /* tasks that run at this moment, TC_CURRENT_MAX */
	uint32_t n_current;
};

/* walk_note.c: notes for people, faults as records. */
void tc_walker_notice(struct tc_walker *w, const char *text);
/* After a piece of an array could not be had: where the arena is not full, that is a fault of ours, and it
 * is said. */
void tc_walker_check_arena(struct tc_walker *w);
void tc_walker_fault(struct tc_walker *w, tc_addr addr, int code, const char *what);

/* walk_intern.c: tables of the dump. 0 stands for "unknown" everywhere: a full arena, an unreadable
 * object. */
uint32_t tc_walker_text(struct tc_walker *w, const char *text, size_t len, enum tc_str class);
/* The name of a task. Most occur once: only those met last are known, others are written again. */
uint32_t tc_walker_label(struct tc_walker *w, const char *text, size_t len);
uint32_t tc_walker_str(struct tc_walker *w, tc_addr str, enum tc_str class);
uint32_t tc_walker_name(struct tc_walker *w,
			tc_addr str); /* an attribute's: the same str comes again and again */
const struct tc_walk_type *tc_walker_look_up_type(struct tc_walker *w, tc_addr type);
const struct tc_walk_type *tc_walker_type_of(struct tc_walker *w, tc_addr object);

/* Where the type at addr stands if it was met lately. Static types lie a page or more apart. */
static inline const struct tc_walk_type **tc_walker_type_front(struct tc_walker *w, tc_addr addr)
{
	return &w->type_cache[(addr >> 4 ^ addr >> 12) & (TC_TYPE_CACHE - 1)];
}

/* The type at addr; NULL: there is none. */
static inline const struct tc_walk_type *tc_walker_type(struct tc_walker *w, tc_addr addr)
{
	const struct tc_walk_type *front = *tc_walker_type_front(w, addr);

	return front && front->addr == addr ? front : tc_walker_look_up_type(w, addr);
}

bool tc_kind_is_task(enum tc_kind kind);
bool tc_kind_is_future(enum tc_kind kind); /* tasks are futures too */

/* walk_code.c: codes, sites, links. qualname: of the coroutine, used where codes have none; may be
 * 0. */
const struct tc_walk_code *tc_walker_code(struct tc_walker *w, tc_addr code, tc_addr qualname);
uint32_t tc_walker_site(struct tc_walker *w, const struct tc_walk_code *code, int64_t lasti,
			bool *ret_awaits);
uint32_t tc_walker_link(struct tc_walker *w, uint32_t parent, enum tc_frame kind,
			uint32_t reference);

enum tc_frame tc_frame_kind(uint32_t co_flags);

/* walk_value.c */
void tc_walker_value(struct tc_walker *w, tc_addr object, struct tc_walk_value *ret);
/* The same for the walk's own use: numbers also where values are not to be recorded. */
void tc_walker_fact(struct tc_walker *w, tc_addr object, struct tc_walk_value *ret);
void tc_walker_put_value(struct tc_walker *w, const struct tc_walk_value *value);
/* At most TC_ENCODED_MAX bytes to to; a reference as its distance to *previous. Returns the end. */
uint8_t *tc_walker_encode(uint8_t *to, const struct tc_walk_value *value, uint64_t *previous);

/* walk_context.c */
uint32_t tc_walker_context(struct tc_walker *w, tc_addr context);

/* walk_locals.c */
void tc_walker_locals_begin(struct tc_walker *w); /* of another chain */
void tc_walker_frame_locals(struct tc_walker *w, const struct tc_walk_code *code, tc_addr slots);
/* As a record, nothing when none were read; near: where its references start. */
void tc_walker_put_locals(struct tc_walker *w, tc_addr near);
/* What the innermost frames hold in their locals gets records, where they are frames of asyncio or
 * concurrent.futures; n_frames are looked at. */
void tc_walker_want_locals(struct tc_walker *w, uint32_t n_frames);

/* walk_chain.c */
struct tc_walk_chain {
	uint32_t id;
	tc_addr leaf;
	const struct tc_walk_type *leaf_type;
	uint32_t tid; /* of the thread that runs it */
	bool running, not_started, torn, cut;
	bool nested; /* its thread is in another step, or turn of a loop, begun inside its own */
};
void tc_walker_chain(struct tc_walker *w, tc_addr coro, struct tc_walk_chain *ret);

/* walk_ties.c: may the target have run since the walk began? */
bool tc_walker_moves(struct tc_walker *w);
/* Of these tasks, those that are not whole yet: make what is cached of their chains be of one moment
 * each, where it can be; whole says where. In the first round what is cached is tried as it is. How
 * many are left. Tasks of an earlier round must have been walked: their neighbours are read anew. */
size_t tc_walker_settle(struct tc_walker *w, const tc_addr *tasks, size_t n, bool first, bool *whole);
/* Of use while ties are gathered, else without effect. The chain rests on the bytes from here to
 * end; on a generator; on a frame of a thread; on a name. */
void tc_walker_tie(struct tc_walker *w, tc_addr from, tc_addr end);
void tc_walker_tie_gen(struct tc_walker *w, tc_addr addr, const struct tc_gen *gen,
		       const struct tc_walk_code *code);
void tc_walker_tie_frame(struct tc_walker *w, const struct tc_frame_view *frame, bool innermost);
void tc_walker_tie_name(struct tc_walker *w, tc_addr name);
/* An object of the chain will be read: as it is now, from the second round on. */
void tc_walker_anew(struct tc_walker *w, tc_addr addr);
/* walk_task.c: gather the ties of a task. */
void tc_walker_task_ties(struct tc_walker *w, tc_addr addr);

/* walk_task.c: is the task at addr to be walked? Not one that was met before; one for which there is
 * no more room or time is counted as cut. */
bool tc_walker_task_new(struct tc_walker *w, tc_addr addr);
/* Read, write and count it; known: bits of enum tc_task_flag that its registry tells, TC_TASK_TORN
 * among them for one that did not settle. False: it does not agree with itself and is to be read
 * again, which `again` allows. */
bool tc_walker_task(struct tc_walker *w, tc_addr addr, uint32_t known, bool again);

/* walk_exception.c: the places that an exception went through, outermost first, as a chain; 0: none is
 * known. The qualified name of a coroutine, finished or not, as a string; 0: unknown. */
uint32_t tc_walker_traceback(struct tc_walker *w, tc_addr exception);
uint32_t tc_walker_coroutine(struct tc_walker *w, tc_addr coro);

/* walk_registry.c: all tasks of the interpreter under way. */
void tc_walker_registries(struct tc_walker *w);

/* walk_thread.c: the interpreter's threads, into w->threads and as records. */
void tc_walker_threads(struct tc_walker *w);
void tc_walker_thread_records(struct tc_walker *w);
/* The thread that holds the interpreter's GIL, in the target's own namespace; 0: nobody, or unknown. */
uint32_t tc_walker_gil_holder(struct tc_walker *w);

/* walk_loop.c */
uint32_t tc_walker_loop(struct tc_walker *w, tc_addr loop); /* its identifier */
void tc_walker_loop_records(struct tc_walker *w, uint32_t first);

/* walk_object.c: note an object for a record of its own, following references depth steps; write
 * all noted. */
void tc_walker_want(struct tc_walker *w, tc_addr object, unsigned depth);
void tc_walker_objects(struct tc_walker *w);

#endif
