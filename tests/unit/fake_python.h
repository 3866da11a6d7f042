/* SPDX-License-Identifier: Apache-2.0
 * A small Python interpreter of any known version, made of bytes: for unit tests of all that reads
 * objects, frames and tasks. Objects are built bottom up, each helper returns the address of one:
 *
 *	struct fake *f = fake_new(14);
 *	tc_addr code = fake_code(f, (struct fake_code){ .name = "main", .awaits = true });
 *	tc_addr future = fake_future(f, (struct fake_future){ 0 });
 *	tc_addr coro = fake_coro(f, (struct fake_coro){ .code = code, .awaits = future });
 *	tc_addr task = fake_task(f, (struct fake_task){ .coro = coro, .waiter = future });
 *	fake_register(f, task);
 *
 * Then tc_walk(&f->target.mem, …), or fake_walk() of walked.h. A test that needs something damaged
 * writes over it with fake_put: offsets are in f->py.at and in the files that read them.
 * What is made is what CPython keeps in the fields that taskcore reads; all else is zero. */
#ifndef TC_FAKE_PYTHON_H
#define TC_FAKE_PYTHON_H

#include "tests/unit/fake_mem.h"
#include "lib/python/pyframe.h"

#define FAKE_BASE 0x100000000ul
#define FAKE_MEMORY_BYTES (96ul << 20) /* of the target; what is not used costs nothing */

/* All versions: 3.8 to 3.15. */
static const unsigned minors[] = { 8, 9, 10, 11, 12, 13, 14, 15 };

/* Types that exist from the start: f->types[FAKE_STR]. */
/* clang-format off */
#define FAKE_TYPES(T)                                                                             \
	T(TYPE, "type", TC_TPFLAG_TYPE, 1024) T(NONE, "NoneType", 0, 16)                          \
	T(BOOL, "bool", TC_TPFLAG_LONG, 32) T(INT, "int", TC_TPFLAG_LONG, 32)                     \
	T(FLOAT, "float", 0, 24) T(STR, "str", TC_TPFLAG_UNICODE, 80)                             \
	T(BYTES, "bytes", TC_TPFLAG_BYTES, 33) T(LIST, "list", TC_TPFLAG_LIST, 40)                \
	T(TUPLE, "tuple", TC_TPFLAG_TUPLE, 24) T(DICT, "dict", TC_TPFLAG_DICT, 64)                \
	T(SET, "set", 0, 200) T(DEQUE, "collections.deque", 0, 232) T(CELL, "cell", 0, 40)        \
	T(CODE, "code", 0, 176) T(CORO, "coroutine", 0, 120) T(GENERATOR, "generator", 0, 120)    \
	T(ASYNCGEN, "async_generator", 0, 120) T(ASEND, "async_generator_asend", 0, 48)           \
	T(CORO_WRAPPER, "coroutine_wrapper", 0, 24) T(FUTURE_ITER, "_asyncio.FutureIter", 0, 32)  \
	T(WAKEUP, "TaskWakeupMethWrapper", 0, 32) T(FUNCTION, "function", 0, 136)                 \
	T(METHOD, "method", 0, 48) T(BUILTIN, "builtin_function_or_method", 0, 48)                \
	T(PARTIAL, "functools.partial", 0, 56) T(TRACEBACK, "traceback", 0, 64)                   \
	T(FRAME, "frame", 0, 96) T(WEAKREF, "weakref", 0, 72) T(MODULE, "module", 0, 56)          \
	T(CONTEXT, "Context", 0, 40) T(CONTEXTVAR, "ContextVar", 0, 64) T(HAMT, "hamt", 0, 40)    \
	T(HAMT_BITMAP, "hamt_bitmap_node", 0, 32) T(HAMT_ARRAY, "hamt_array_node", 0, 280)        \
	T(HAMT_COLLISION, "hamt_collision_node", 0, 32)                                           \
	T(EXCEPTION, "ValueError", TC_TPFLAG_EXCEPTION, 72) T(MEMBER, "member_descriptor", 0, 56) \
	T(FUTURE, "_asyncio.Future", 0, 0) T(TASK, "_asyncio.Task", 0, 0)
/* clang-format on */

enum fake_type {
#define T(name, tp_name, flags, size) FAKE_##name,
	FAKE_TYPES(T)
#undef T
		FAKE_N_TYPES
};

struct fake {
	struct fake_mem target;
	struct tc_py py; /* its version's layout, and &target.mem */
	uint32_t version;
	struct tc_module module;     /* the executable: the target's one module */
	struct tc_os_thread threads[4]; /* the kernel's view: ids 100, 101 … */
	tc_addr next;		     /* free from here on */
	tc_addr types[FAKE_N_TYPES];
	tc_addr none, yes, no;
	tc_addr runtime, interp, sysdict, modules;
	tc_addr main_thread;
	tc_addr asyncio_tasks, asyncio_c; /* the modules */
	tc_addr tasks, eager;		  /* sets: of weak references, of tasks */
	tc_addr c_tasks, c_eager;	  /* the same in the state of _asyncio */
	tc_addr current;		  /* the dict _current_tasks */
	tc_addr handle_class, py_future, py_task;
};

/* An interpreter of Python 3.minor with one thread, in which asyncio is loaded. */
struct fake *fake_new(unsigned minor);
struct fake *fake_new_micro(unsigned minor, unsigned micro);
void fake_free(struct fake *f);
/* Where its _PyRuntime is, as tc_find_runtime would say. */
struct tc_runtime_site fake_site(const struct fake *f);

/* Memory: zeroed, aligned to 16, with 32 bytes before it that are nobody else's. */
tc_addr fake_alloc(struct fake *f, size_t size);
void fake_put(struct fake *f, tc_addr at, uint64_t word);
void fake_put32(struct fake *f, tc_addr at, uint32_t value);
void fake_put8(struct fake *f, tc_addr at, uint8_t value);
void fake_put_bytes(struct fake *f, tc_addr at, const void *bytes, size_t size);
uint64_t fake_word(const struct fake *f, tc_addr at);
/* An object whose first size bytes are the target's last ones; nothing can be made after it. */
tc_addr fake_at_end(struct fake *f, tc_addr type, size_t size);

/* Types and instances. */
tc_addr fake_static_type(struct fake *f, const char *tp_name, uint64_t flags, size_t size);
enum fake_attrs {
	FAKE_ATTRS_DICT,   /* a dict object, wherever this version points to it */
	FAKE_ATTRS_VALUES, /* values without a dict, where the version has such; else the same */
	FAKE_ATTRS_NONE,
};
struct fake_class {
	const char *name, *module;
	tc_addr bases[4]; /* in the order of the mro, without itself */
	enum fake_attrs attrs;
	const char *keys;  /* FAKE_ATTRS_VALUES: separated by blanks */
	const char *slots; /* names of __slots__, from offset 16 on */
	uint64_t size;	   /* basicsize; 0: what attrs and slots need */
	uint64_t flags;	   /* more of tp_flags */
};
tc_addr fake_class(struct fake *f, struct fake_class class);
tc_addr fake_object(struct fake *f, tc_addr type, size_t size);

/* Names and values: fake_dict(f, FAKE_PAIRS({ "a", x }, { "b", y })). */
struct fake_pair {
	const char *name;
	tc_addr value;
};
#define FAKE_PAIRS(...)                                                         \
	sizeof((struct fake_pair[]){ __VA_ARGS__ }) / sizeof(struct fake_pair), \
		(struct fake_pair[]){ __VA_ARGS__ }
#define FAKE_ITEMS(...)                                                   \
	sizeof((tc_addr[]){ __VA_ARGS__ }) / sizeof(tc_addr), (tc_addr[]) \
	{                                                                 \
		__VA_ARGS__                                               \
	}
#define FAKE_EMPTY 0, NULL

tc_addr fake_str(struct fake *f, const char *ascii);
tc_addr fake_str_units(struct fake *f, unsigned kind, const void *units,
		       size_t n); /* kind: 1, 2, 4 bytes each */
tc_addr fake_int(struct fake *f, int64_t value);
tc_addr fake_float(struct fake *f, double value);
tc_addr fake_bool(struct fake *f, bool value);
tc_addr fake_bytes(struct fake *f, const void *bytes, size_t size);
tc_addr fake_dict(struct fake *f, size_t n, const struct fake_pair *pairs);
tc_addr fake_general_dict(struct fake *f); /* empty; for keys of any type */
/* Up to 32 entries, or twice as many as the dict was made with. */
void fake_dict_add(struct fake *f, tc_addr dict, tc_addr key, tc_addr value);
tc_addr fake_dict_keys(const struct fake *f, tc_addr dict); /* its key table */
tc_addr fake_list(struct fake *f, size_t n, const tc_addr *items);
tc_addr fake_tuple(struct fake *f, size_t n, const tc_addr *items);
tc_addr fake_names(struct fake *f, const char *names); /* a tuple of str: separated by blanks */
tc_addr fake_set(struct fake *f, size_t n, const tc_addr *items);
void fake_set_add(struct fake *f, tc_addr set, tc_addr item); /* up to 2,000 */
tc_addr fake_deque(struct fake *f, size_t n, const tc_addr *items);
/* An instance; attributes that a class with FAKE_ATTRS_VALUES has no key for are an error. */
tc_addr fake_instance(struct fake *f, tc_addr class, size_t n, const struct fake_pair *pairs);

/* Code, frames, generators. */
struct fake_code {
	const char *name, *qualname, *file; /* NULL: "f", the name, "/app/main.py" */
	const char *names;		    /* of the locals, separated by blanks */
	const char *cells, *frees;	    /* NULL: none */
	uint32_t flags, line;		    /* co_flags; line 0: 10 */
	bool awaits; /* the instruction behind lasti 2 says that the frame awaits (up to 3.12) */
	const void *
		table; /* of lines; NULL: the instruction at 0 is of line, all others of the next */
	size_t table_size;
};
tc_addr fake_code(struct fake *f, struct fake_code code);

struct fake_frame {
	tc_addr code;
	int64_t lasti;
	tc_addr previous;
	size_t n_locals;
	const tc_addr *locals;
	unsigned owner; /* from 3.11 */
};
/* A frame outside any generator. Its address is that by which frames are known. */
tc_addr fake_frame(struct fake *f, struct fake_frame frame);
/* The frame object that stands for it (a traceback's): up to 3.10 the frame itself. */
tc_addr fake_frame_object(struct fake *f, tc_addr frame);

struct fake_coro {
	enum fake_type type; /* 0: FAKE_CORO */
	tc_addr code;
	enum tc_gen_state state;
	bool suspended;	    /* TC_GEN_SUSPENDED, for short; awaits implies it */
	tc_addr awaits;
	const char *qualname; /* NULL: "f" */
	size_t n_locals;
	const tc_addr *locals;
};
tc_addr fake_coro(struct fake *f, struct fake_coro coro);
tc_addr fake_coro_frame(struct fake *f, tc_addr coro); /* the frame of one that executes */
/* Let one that was made with awaits, and without locals, await something else. */
void fake_await(struct fake *f, tc_addr coro, tc_addr target);
/* n coroutines of code, each awaiting the next, the last one target; the first. */
tc_addr fake_coros(struct fake *f, tc_addr code, size_t n, tc_addr target);

/* Futures and tasks. */
struct fake_future {
	tc_addr loop, callback0, callbacks, exception;
	uint32_t state; /* enum tc_task_state */
};
tc_addr fake_future(struct fake *f, struct fake_future future);
struct fake_task {
	tc_addr loop, coro, waiter, name, context, exception;
	uint32_t state, cancels;
	bool must_cancel, log_tb, blocking;
};
tc_addr fake_task(struct fake *f, struct fake_task task);
/* The same of asyncio/tasks.py. */
tc_addr fake_python_task(struct fake *f, struct fake_task task);
tc_addr fake_weakref(struct fake *f, tc_addr object);
/* Into the place where asyncio keeps the running interpreter's tasks: those in C from 3.14 on in
 * the list of the main thread, all others in the WeakSet. */
void fake_register(struct fake *f, tc_addr task);
void fake_link(struct fake *f, tc_addr head, tc_addr task); /* to the end of this list of tasks */

/* A coroutine function f, and a registered task with this coroutine and waiter. */
tc_addr fake_plain_code(struct fake *f);
tc_addr fake_plain_task(struct fake *f, tc_addr coro, tc_addr waiter);

/* Callables and the like. */
tc_addr fake_cell(struct fake *f, tc_addr content);
tc_addr fake_function(struct fake *f, tc_addr code, const char *qualname, size_t n_cells,
		      const tc_addr *contents);
tc_addr fake_method(struct fake *f, tc_addr func, tc_addr self);
tc_addr fake_partial(struct fake *f, tc_addr func, size_t n, const tc_addr *args);
tc_addr fake_wrapper(struct fake *f, enum fake_type type,
		     tc_addr inner); /* of those that keep it at 16 */
tc_addr fake_builtin(struct fake *f, tc_addr self);
tc_addr fake_traceback(struct fake *f, tc_addr frame, int32_t lasti, tc_addr next);
tc_addr fake_exception(struct fake *f, tc_addr traceback);

/* Contexts. */
tc_addr fake_contextvar(struct fake *f, const char *name);
/* A node of pairs {var, value}; var 0: value is a node. type: bitmap or collision. */
tc_addr fake_hamt_node(struct fake *f, enum fake_type type, size_t n, const tc_addr *pairs);
tc_addr fake_hamt_array(struct fake *f, size_t n, const tc_addr *children);
tc_addr fake_context(struct fake *f, tc_addr root);

/* Threads, interpreters, loops. */
tc_addr fake_thread(struct fake *f, tc_addr interp,
		    uint32_t tid);		  /* the newest is the first of the list */
tc_addr fake_interp(struct fake *f, uint64_t id); /* one more, with a thread, without asyncio */
void fake_run(struct fake *f, tc_addr thread, tc_addr frame); /* on top of the thread's stack */
void fake_running_loop(struct fake *f, tc_addr thread, tc_addr loop);
void fake_hold_gil(struct fake *f, tc_addr thread);
/* The interpreter's struct _gil_runtime_state. */
tc_addr fake_gil(struct fake *f, tc_addr interp);
struct fake_handle {
	tc_addr callback, args, cancelled, when; /* 0: no args, False, none */
};
tc_addr fake_handle(struct fake *f, struct fake_handle handle);
struct fake_loop {
	tc_addr ready, scheduled, fds; /* 0: empty deque, list, dict */
	uint64_t ident;
	bool closed, stopping;
};
tc_addr fake_loop(struct fake *f, struct fake_loop loop);
tc_addr fake_selector_key(struct fake *f, tc_addr reader, tc_addr writer);

#endif
