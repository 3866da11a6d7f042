/* SPDX-License-Identifier: Apache-2.0
 * The walker from inside: its state, and the functions that its files call of each other. Only the
 * files of lib/walk include it. Everything here may run in a signal handler. */
#ifndef TC_WALKER_H
#define TC_WALKER_H

#include "lib/base/intern.h"
#include "lib/python/pyframe.h"
#include "lib/base/seen.h"
#include "lib/walk/walk.h"

/* The kinds of types that the walker tells apart: by the type's flags, name or bases
 * (walk_intern.c). */
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
	TC_KIND_GEN_PROXY, /* async_generator_asend and _athrow: the generator is at offset 16 */
	TC_KIND_WRAPPER,     /* coroutine_wrapper, anext_awaitable: what it wraps is at offset 16 */
	TC_KIND_FUTURE_ITER, /* _asyncio.FutureIter: the future is at offset 16 */
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
	TC_KIND_FRAME,
	TC_KIND_GREENLET, /* only while a type is looked up: struct tc_walk_type says it */
	TC_KIND_WEAKREF,
	TC_KIND_TYPE,
	TC_KIND_MODULE,
	TC_KIND_CONTEXTVAR,
	TC_KIND_HAMT_BITMAP,
	TC_KIND_HAMT_ARRAY,
	TC_KIND_HAMT_COLLISION,
	TC_KIND_CYTHON_WRAPPER,
	TC_KIND_CYTHON_CORO,
	TC_KIND_NUITKA_CORO, /* and its generators, which begin like its coroutines */
};

struct tc_walk_type {
	tc_addr addr;
	struct tc_type_facts facts;
	enum tc_kind kind;
	uint32_t id; /* in the dump */
	/* greenlet.greenlet, or derived from it. Its kind is TC_KIND_OTHER, because its instances
	 * are recorded as those of any class. */
	bool greenlet;
};

struct tc_walk_code {
	tc_addr addr;
	struct tc_code_facts facts;
	uint32_t id;
	/* its file is of asyncio or concurrent.futures: its locals show what is waited for */
	bool library;
};

/* A value as it will be written (docs/format.md section 7). For each field: the tags that use
 * it. */
struct tc_walk_value {
	enum tc_val tag;
	uint32_t type; /* REF, SIZED, ATOM: of its type; STRING: of the string */
	uint64_t bits; /* INT, FLOAT (its bits), REF and SIZED (address) */
	uint64_t size; /* SIZED, ATOM */
	enum tc_kind kind;
	const struct tc_walk_type *of; /* type of a REF or SIZED */
};

#define TC_ENCODED_MAX 31u /* most bytes that a value takes: tag, type, address, size */

/* The same objects are passed on from frame to frame as arguments: an object that was in a slot of
 * this chain before is written as "the same as value n". */
#define TC_SLOT_CACHE 128u
struct tc_slot_cache {
	uint64_t word;
	tc_addr ref; /* the object that the value refers to; 0: none */
	/* the chain that this entry is of, and the number of the value in it */
	uint32_t chain, value;
};

#define TC_LOCALS_KEPT (256u << 10)
/* With room for the frames behind the bounds: a byte for each, and the values of those of asyncio. */
#define TC_LOCALS_BYTES (TC_LOCALS_KEPT + (96u << 10))
#define TC_FRAMES_KEPT 4096u
#define TC_REFS_KEPT 16384u

/* The object in a slot of a frame; 0: none, or an integer that is in the slot itself.
 * Include/internal/pycore_stackref.h, 3.14: bits 0 and 1 are tags. */
static inline tc_addr tc_slot_object(uint64_t slot)
{
	return (slot & 3) == 3 ? 0 : slot & ~3ul;
}

/* The locals of one chain. When there are too many, those of the outermost frames, and those of the
 * frames of asyncio and concurrent.futures, which show what the chain waits for. */
struct tc_walk_locals {
	/* TC_LOCALS_BYTES: the frames as in a record, but without the address of the first
	 * reference, because the record has it relative to an address that is not known yet */
	uint8_t *bytes;
	uint32_t size, n_frames, n_values;
	uint32_t first_at;   /* where in bytes that address is to be inserted */
	tc_addr first, last; /* the first and the last reference; 0: none */
	uint32_t chain; /* number of the present chain, for slots */
	struct tc_slot_cache *slots; /* TC_SLOT_CACHE */
	uint64_t *words;	     /* scratch, TC_NAMES_MAX */
	/* TC_REFS_KEPT: the objects that frames of asyncio and concurrent.futures refer to */
	tc_addr *refs;
	uint32_t n_refs;
	/* TC_FRAMES_KEPT: for each of these frames, where its objects begin in refs */
	uint32_t *libraries;
	uint32_t n_libraries;
};

/* The frames of a suspended greenlet, innermost first. */
#define TC_STACK_MAX 4096u /* of more the innermost ones */
struct tc_walk_stack {
	struct tc_frame_view *frames;
	uint32_t n;
	bool cut, torn; /* there were more; they could not be read */
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

/* of one interpreter; a bound is needed because in torn memory their list may be a ring */
#define TC_THREADS_MAX (1u << 20)
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
#define TC_LEAF_DEPTH 3	 /* how many references are followed from the object that a chain ends in */
#define TC_ATTRS_MAX 64u /* of one object */

#define TC_BATCH 64 /* tasks that are read together */
#define TC_TIES_MAX 16384u /* when a batch has more, the rest is not read again */
#define TC_TIES_BYTES (2u << 20)
#define TC_ANEW_BYTES 512u

/* Ties: the bytes that the chains of a batch of tasks rest on, that is, every link from one object
 * to the next, with the address it was read from. They are read once more to prove that a chain of
 * a running target was whole at one moment (walk_settle.c). */
struct tc_ties {
	bool wanted; /* chains are walked only to gather ties: no record is written */
	bool first;  /* the first round: the reader's cache is used as it is */
	uint32_t n;
	uint32_t ends[TC_BATCH]; /* for each task of the batch: where its ties end in pieces */
	struct tc_mem_piece *pieces; /* TC_TIES_MAX */
	bool *same;		 /* TC_TIES_MAX */
	/* TC_TIES_MAX: the addresses that were read from the target again in this round */
	tc_addr *renewed;
	uint32_t n_renewed;
	uint8_t *bytes;		 /* TC_TIES_BYTES: the bytes of all pieces, one behind the other */
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

	/* Small caches in front of the hash tables: the types met last, and attribute names by the
	 * address of their str. */
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
	/* The links of chains met last: the results of tc_walker_code, tc_walker_site and
	 * tc_walker_link. */
	struct tc_link_cache {
		const struct tc_walk_code *code; /* NULL: free */
		tc_addr addr;
		int64_t lasti;
		tc_addr qualname;
		uint32_t parent, id;
		bool awaits;
	} link_cache[TC_LINK_CACHE];
	struct tc_hash strings, types, codes, sites, chains, loops;
	struct tc_seen seen; /* objects that have a record */
	/* apart: a task of a foreign class may have an object record too */
	struct tc_seen seen_tasks;
	/* TC_CONTEXT_CACHE: the contexts met last, by the root of their tree */
	struct tc_context_cache *contexts;
	struct tc_walk_locals locals;
	struct tc_ties ties;
	struct tc_context_scratch *context;
	struct tc_walk_thread *threads;
	uint32_t n_threads, max_threads; /* of this interpreter; that threads has room for */
	/* threads of this interpreter that there was no room for */
	uint32_t threads_cut;
	/* from the id in the target's own pid namespace to the index in mem->threads, plus 1 */
	struct tc_hash os_threads;
	struct tc_walk_loop *loop_views;
	uint32_t n_loops;
	tc_addr last_loop; /* a cache of one: tasks of one loop follow each other */
	uint32_t last_loop_id;
	struct tc_object_todo *todo;
	uint32_t todo_first, todo_n;
	struct tc_walk_value *attr_values; /* scratch, TC_ATTRS_MAX */
	struct tc_walk_value *item_values; /* scratch, TC_ITEMS_MAX */
	char *text;		      /* scratch, TC_STRING_MAX bytes */
	uint32_t *name_ids;	      /* scratch, TC_NAMES_MAX */
	uint32_t state_name; /* the string "_state" */
	uint32_t states[3];  /* its values, by enum tc_task_state */
	uint32_t inner_name, source_name;  /* "inner", "source" */
	uint32_t transport_name, tls_name; /* "_transport", "_ssl_protocol" */
	bool full;		      /* the arena is exhausted */
	bool stopped;		      /* max_tasks or on_interp has ended the walk */

	/* of the interpreter that is being walked */
	tc_addr runtime;
	tc_addr interp;
	uint32_t interp_id;
	uint32_t interp_flags;
	/* the module objects asyncio.tasks and _asyncio; 0: not imported */
	tc_addr asyncio_tasks, asyncio_c;
	const struct tc_walk_type *greenlet; /* the type greenlet.greenlet; NULL: not imported */
	struct tc_frame_view *stack;	  /* scratch of walk_greenlet.c; NULL: not needed yet */
	bool completes;			  /* the coroutine of asyncio.as_completed was met */
	tc_addr completion;		  /* the callback of it that was met last */
	tc_addr walking;		  /* the task whose chain is being walked */
	/* TC_CURRENT_MAX: the tasks that asyncio says are running */
	tc_addr *current;
	uint32_t n_current;
};

/* walk_note.c. Add a line to the notices, if it is not there yet and there is room; text is
 * copied. */
void tc_walker_notice(struct tc_walker *w, const char *text);
/* To be called when tc_arena_extend has failed: if the arena is not full, somebody has taken from
 * it in between, which is a fault in taskcore; a notice says so. */
void tc_walker_check_arena(struct tc_walker *w);
/* Count a fault of the target's memory at addr (code: a tc_code, of either sign), and write a FAULT
 * record; what: static text. */
void tc_walker_fault(struct tc_walker *w, tc_addr addr, int code, const char *what);

/* walk_intern.c: strings and types in the tables of the dump. Each function returns the identifier
 * of an entry, which is written when it is met first; 0: unknown, because the arena is full or the
 * object cannot be read. */
uint32_t tc_walker_text(struct tc_walker *w, const char *text, size_t len, enum tc_str class);
/* The name of a task. Most names occur once, so they are not in the hash table: only those met last
 * are recognised, others are written again. */
uint32_t tc_walker_label(struct tc_walker *w, const char *text, size_t len);
uint32_t tc_walker_str(struct tc_walker *w, tc_addr str, enum tc_str class);
/* The name of an attribute: faster than tc_walker_str for a str that comes again and again. */
uint32_t tc_walker_name(struct tc_walker *w,
			tc_addr str);
/* The type object at type, and the type of the object at object; NULL: there is none. */
const struct tc_walk_type *tc_walker_look_up_type(struct tc_walker *w, tc_addr type);
const struct tc_walk_type *tc_walker_type_of(struct tc_walker *w, tc_addr object);

/* The entry of the cache for the type at addr. The hash mixes in the page number, because static
 * types lie a page or more apart. */
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

/* walk_code.c: code objects, sites (an instruction of a code) and links of chains, as identifiers;
 * 0 or NULL: unknown. qualname: that of the coroutine, used where code objects have none (up to
 * 3.10); may be 0. *ret_awaits: the frame is suspended in an await (known up to 3.12 only). */
const struct tc_walk_code *tc_walker_code(struct tc_walker *w, tc_addr code, tc_addr qualname);
uint32_t tc_walker_site(struct tc_walker *w, const struct tc_walk_code *code, int64_t lasti,
			bool *ret_awaits);
uint32_t tc_walker_link(struct tc_walker *w, uint32_t parent, enum tc_frame kind,
			uint32_t reference);

/* The kind of frame that a code object with these co_flags makes. */
enum tc_frame tc_frame_kind(uint32_t co_flags);

/* walk_value.c. What object is, as the options want it recorded; TC_VAL_UNBOUND: no object
 * there. */
void tc_walker_value(struct tc_walker *w, tc_addr object, struct tc_walk_value *ret);
/* The same for the walk's own use: numbers are read even if they are not to be recorded. */
void tc_walker_fact(struct tc_walker *w, tc_addr object, struct tc_walk_value *ret);
void tc_walker_put_value(struct tc_walker *w, const struct tc_walk_value *value);
/* Encode the value at to: at most TC_ENCODED_MAX bytes. A reference is written as the difference to
 * *previous, which is set. Returns the end. */
uint8_t *tc_walker_encode(uint8_t *to, const struct tc_walk_value *value, uint64_t *previous);

/* walk_context.c. The identifier of the context object at context; 0: empty, or unknown. */
uint32_t tc_walker_context(struct tc_walker *w, tc_addr context);

/* walk_locals.c */
void tc_walker_locals_begin(struct tc_walker *w); /* another chain begins */
/* Read the slots of a frame into w->locals.words. Their number, up to the last one that is not
 * empty. */
uint32_t tc_walker_slots(struct tc_walker *w, const struct tc_walk_code *code, tc_addr slots);
/* Add the locals of a frame; slots: the address of its first local. */
void tc_walker_frame_locals(struct tc_walker *w, const struct tc_walk_code *code, tc_addr slots);
/* Write the record; none if no locals were read. near: the address that the first reference is
 * written relative to. */
void tc_walker_put_locals(struct tc_walker *w, tc_addr near);
/* Note the objects in the locals of the innermost n_frames frames of asyncio or concurrent.futures
 * for object records. */
void tc_walker_want_locals(struct tc_walker *w, uint32_t n_frames);

/* walk_chain.c */
struct tc_walk_chain {
	uint32_t id;	/* of the innermost link; 0: no link */
	tc_addr leaf;	/* the object that the chain ends in; 0: none */
	const struct tc_walk_type *leaf_type;
	uint32_t tid; /* of the thread that runs it; 0: unknown, or it is not running */
	bool running, not_started, torn, cut;
	bool nested; /* it is running, but its thread runs another task or loop inside it */
};
/* Walk the await chain of the coroutine at coro. */
void tc_walker_chain(struct tc_walker *w, tc_addr coro, struct tc_walk_chain *ret);

/* walk_greenlet.c. The frames of the suspended greenlet that handed over what gen awaits, and that
 * is a local of it; none where there is no such greenlet. ret->frames is valid until the next call.
 * Only to be called when w->greenlet is set. */
void tc_walker_greenlet(struct tc_walker *w, const struct tc_gen *gen, const struct tc_walk_code *code,
			struct tc_walk_stack *ret);

/* The coroutine that the frame awaits, where both execute: an executing frame does not say how much
 * is on its stack, so the words behind its locals are looked through for one that was entered from
 * it. 0: none; else *ret is what it is. */
tc_addr tc_walker_entered(struct tc_walker *w, const struct tc_frame_view *frame,
			  const struct tc_walk_code *code, struct tc_gen *ret);
/* Is a local of the frame a greenlet that runs? Only to be called when w->greenlet is set. */
bool tc_walker_runs_greenlet(struct tc_walker *w, const struct tc_frame_view *frame,
			     const struct tc_walk_code *code);

/* walk_settle.c. Did the target run, or may it have run, since the walk began? */
bool tc_walker_moves(struct tc_walker *w);
/* For each of the n tasks (0: none) that is not whole yet: try to get its chain into the reader's
 * cache as it was at one moment, and set whole[i] if that is proven. first: the cache is tried as
 * it is; later rounds read what did not hold again. The number of tasks that are still not whole.
 * Tasks that became whole must be walked before the next round, which changes the cache. */
size_t tc_walker_settle(struct tc_walker *w, const tc_addr *tasks, size_t n, bool first, bool *whole);
/* walk_ties.c. These note what the present chain rests on, and do nothing while no ties are
 * gathered: the bytes from `from` to end; the generator at addr; a frame of a thread; the name of a
 * task. */
void tc_walker_tie(struct tc_walker *w, tc_addr from, tc_addr end);
void tc_walker_tie_gen(struct tc_walker *w, tc_addr addr, const struct tc_gen *gen,
		       const struct tc_walk_code *code);
void tc_walker_tie_frame(struct tc_walker *w, const struct tc_frame_view *frame, bool innermost);
void tc_walker_tie_name(struct tc_walker *w, tc_addr name);
/* To be called before an object of the chain is read: from the second round on its page is read
 * from the target again. */
void tc_walker_anew(struct tc_walker *w, tc_addr addr);
/* walk_task.c: gather the ties of a task. */
void tc_walker_task_ties(struct tc_walker *w, tc_addr addr);

/* walk_task.c: is the task at addr to be walked? False: it was met before, or there is no more room
 * or time, and it is counted as cut. */
bool tc_walker_task_new(struct tc_walker *w, tc_addr addr);
/* Read the task, write its record and count it. known: the flags (enum tc_task_flag) that its
 * registry tells, and TC_TASK_TORN if its chain was never whole. False: what was read contradicts
 * itself, and nothing was written; only if `again` allows to read it once more. */
bool tc_walker_task(struct tc_walker *w, tc_addr addr, uint32_t known, bool again);

/* walk_exception.c. The traceback of an exception as a chain, outermost frame first; 0: unknown.
 * The qualified name of a coroutine, finished or not, as a string; 0: unknown. */
uint32_t tc_walker_traceback(struct tc_walker *w, tc_addr exception);
uint32_t tc_walker_coroutine(struct tc_walker *w, tc_addr coro);

/* walk_completion.c. If asyncio.as_completed waits for the task, note what it keeps of it, and write
 * it. Only needed when w->completes is set. */
void tc_walker_completion(struct tc_walker *w, tc_addr task);

/* walk_registry.c: walk all tasks of the present interpreter. */
void tc_walker_registries(struct tc_walker *w);

/* walk_thread.c: read the interpreter's threads into w->threads; then write them as records. */
void tc_walker_threads(struct tc_walker *w);
void tc_walker_thread_records(struct tc_walker *w);
/* The id, in the target's own pid namespace, of the thread that holds the interpreter's GIL; 0:
 * none, or unknown. */
uint32_t tc_walker_gil_holder(struct tc_walker *w);

/* walk_loop.c. The identifier of the event loop at loop, 0: it is none; then the records of all
 * loops from number first on. */
uint32_t tc_walker_loop(struct tc_walker *w, tc_addr loop);
void tc_walker_loop_records(struct tc_walker *w, uint32_t first);

/* walk_object.c: note an object for a record of its own, and what it refers to, depth references
 * far; then write the records of all noted objects. */
void tc_walker_want(struct tc_walker *w, tc_addr object, unsigned depth);
void tc_walker_objects(struct tc_walker *w);

#endif
