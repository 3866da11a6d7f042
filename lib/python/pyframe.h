/* SPDX-License-Identifier: Apache-2.0
 * Frames, generators and code objects of a target, in one form for all versions. Every function may
 * run in a signal handler, and returns 0 or a negative tc_code where nothing else is said. Sources:
 * Include/internal/pycore_frame.h, pycore_interpframe.h,
 * Include/cpython/{code,frameobject,genobject}.h. */
#ifndef TC_PYFRAME_H
#define TC_PYFRAME_H

#include "lib/python/pyobj.h"

/* co_flags, Include/cpython/code.h */
#define TC_CO_GENERATOR 0x20u
#define TC_CO_COROUTINE 0x80u
#define TC_CO_ITERABLE_COROUTINE 0x100u
#define TC_CO_ASYNC_GENERATOR 0x200u

/* A frame, suspended or on a thread's stack. */
struct tc_frame_view {
	tc_addr addr; /* _PyInterpreterFrame, or PyFrameObject up to 3.10: the frame's identity */
	tc_addr code;
	int64_t lasti;	/* bytes from the start of the code; negative: not started */
	tc_addr locals; /* address of the first slot */
};

enum tc_gen_state { TC_GEN_CREATED, TC_GEN_SUSPENDED, TC_GEN_EXECUTING, TC_GEN_FINISHED };

/* A coroutine, generator or async generator: one layout for all three. */
struct tc_gen {
	enum tc_gen_state state;
	/* awaits is known, because the state says so (3.13+); else ask tc_code_awaits */
	bool awaits_known;
	bool awaits;		    /* it is suspended in an await or yield from */
	tc_addr target;		    /* the object that it awaits, if it awaits one; 0: unknown */
	tc_addr slot;		    /* the address that target was read from; 0: none */
	tc_addr stack_end; /* of a suspended one: behind the last value of its stack; 0: unknown */
	tc_addr qualname;	    /* str */
	struct tc_frame_view frame; /* not set when finished */
};

/* Read the coroutine, generator or async generator at addr. */
int tc_gen_read(const struct tc_py *py, tc_addr addr, struct tc_gen *ret);

/* The address of the generator's frame, which is its identity on a thread's stack while the
 * generator executes. */
int tc_gen_frame(const struct tc_py *py, tc_addr addr, tc_addr *ret);

/* Does the instruction behind lasti of this code say that the frame awaits something? Up to 3.12
 * only: false when it cannot be read. */
bool tc_code_awaits(const struct tc_py *py, tc_addr code, int64_t lasti);

/* Is the instruction at lasti of this code a call that may run a function of C? The frame that it
 * is of must be the innermost of its thread. False when it cannot be read. */
bool tc_code_calls_c(const struct tc_py *py, tc_addr code, int64_t lasti);

/* What a frame that is suspended in an await at lasti awaits. */
enum tc_awaited { TC_AWAITED_UNKNOWN, TC_AWAITED_ENTER, TC_AWAITED_OTHER };

/* Is it the __aenter__ of an `async with`? Then the block is not entered yet. */
enum tc_awaited tc_code_awaited(const struct tc_py *py, tc_addr code, int64_t lasti);

/* The innermost frame of the thread state at tstate; 0: it runs no Python code. */
int tc_thread_frame(const struct tc_py *py, tc_addr tstate, tc_addr *ret);

/* Read the frame at addr. *ret_foreign: it is no Python frame but an entry from C, and only
 * ret->addr has a meaning. *ret_previous gets the address of its caller, 0 for the outermost. */
int tc_frame_read(const struct tc_py *py, tc_addr addr, struct tc_frame_view *ret,
		  bool *ret_foreign, tc_addr *ret_previous);

struct tc_position {
	uint32_t line, end_line;     /* 0: none */
	uint32_t column, end_column; /* + 1; 0: none */
};

/* The source position of the instruction at lasti (bytes from the start of the code; negative: the
 * first line of the code). Follows Objects/locations.md (3.11+) and Objects/lnotab_notes.txt. */
int tc_code_position(const struct tc_py *py, tc_addr code, int64_t lasti, struct tc_position *ret);

/* The address of the bytecode; 0: it cannot be read. */
tc_addr tc_code_start(const struct tc_py *py, tc_addr code);
/* Its length in bytes; 0: it cannot be read. */
uint64_t tc_code_size(const struct tc_py *py, tc_addr code);

/* The parts of a code object that never change. */
struct tc_code_facts {
	tc_addr filename, name, qualname; /* str; qualname 0 up to 3.10 */
	uint32_t flags, firstlineno;
	uint32_t n_slots; /* locals, cells and free variables */
	tc_addr names[3]; /* tuples of their names, in the order of the slots; 0: none */
};

/* Read the code object at code. */
int tc_code_facts_read(const struct tc_py *py, tc_addr code, struct tc_code_facts *ret);

/* Does the code name an attribute or a global that is called like this? Of the first 1024 names. */
bool tc_code_names(const struct tc_py *py, tc_addr code, const char *name);

#endif
