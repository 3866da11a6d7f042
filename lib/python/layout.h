/* SPDX-License-Identifier: Apache-2.0
 * Where CPython keeps what: a list of fields, a struct that is made from the list, and a table with
 * one row per version (layout_table.c). The walker compares no version numbers: where versions
 * differ by more than an offset, the layout has an enum that says how. Everything here may run in a
 * signal handler. Sources: DWARF of the exact builds and the walks of docs/layouts.md. */
#ifndef TC_LAYOUT_H
#define TC_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mem/mem.h"

#define TC_NONE 0xffffu /* this version has no such field */

/* Offsets in bytes from the start of the struct the prefix names: rt _PyRuntimeState, is
 * PyInterpreterState, gil _gil_runtime_state, ts PyThreadState, cf _PyCFrame, fo PyFrameObject, exc
 * PyBaseExceptionObject, if _PyInterpreterFrame, co PyCodeObject, gi PyGenObject, fut FutureObj,
 * task TaskObj, ht PyHeapTypeObject, func PyFunctionObject, as the state of module _asyncio.
 * gc_lists: from the garbage collector's lists to its `collecting`. */
/* clang-format off */
#define TC_LAYOUT_FIELDS(F)                                                                     \
	F(rt_interp_head) F(rt_gil_last_holder) F(rt_gil_locked) F(rt_gc_collecting)            \
	F(is_next) F(is_id) F(is_threads_head) F(is_modules) F(is_sysdict) F(is_gil)            \
	F(is_gc_collecting) F(gc_lists) F(is_tasks_head)                                        \
	F(ts_next) F(ts_interp) F(ts_frame) F(ts_dict) F(ts_thread_id) F(ts_native_id)          \
	F(ts_running_loop) F(ts_running_task) F(ts_tasks_head) F(cf_current)                    \
	F(fo_back) F(fo_code) F(fo_valuestack) F(fo_stack) F(fo_lasti) F(fo_state) F(fo_locals) \
	F(fo_frame) F(exc_traceback)                                                            \
	F(if_previous) F(if_code) F(if_instr) F(if_stack) F(if_owner) F(if_locals)              \
	F(co_flags) F(co_firstlineno) F(co_code) F(co_names) F(co_varnames) F(co_cellvars)      \
	F(co_freevars) F(co_filename) F(co_name) F(co_qualname) F(co_linetable) F(co_adaptive)  \
	F(co_exceptiontable)                                                                    \
	F(gi_frame) F(gi_running) F(gi_state) F(gi_qualname)                                    \
	F(fut_size) F(fut_state) F(fut_log_tb) F(fut_blocking)        \
	F(task_size) F(task_waiter) F(task_coro) F(task_name) F(task_context) F(task_must_cancel) \
	F(task_cancels) F(task_node)                                                            \
	F(ht_qualname) F(ht_cached_keys)                                           \
	F(func_code) F(func_closure) F(func_qualname)                                           \
	F(str_ascii) F(str_compact) F(tuple_item) F(module_state) F(as_scheduled) F(as_eager)   \
	F(as_debug)
/* clang-format on */

/* How the frames of a thread are kept. */
enum tc_frames {
	TC_FRAMES_OBJECT, /* a chain of PyFrameObject (≤ 3.10) */
	TC_FRAMES_CFRAME, /* _PyInterpreterFrame, reached through tstate->cframe (3.11, 3.12) */
	TC_FRAMES_DIRECT, /* tstate->current_frame (3.13+) */
};

/* How to find out that a suspended frame awaits something, and the object that it awaits. */
enum tc_await {
	TC_AWAIT_YIELD_FROM, /* the next instruction is YIELD_FROM: top of the stack (≤ 3.10) */
	TC_AWAIT_RESUME,     /* RESUME with an argument ≥ 2 follows: top of stack (3.11, 3.12) */
	TC_AWAIT_STATE,	     /* the generator's own state says so (3.13+) */
};

/* The format of co_linetable (co_lnotab up to 3.9): pylines.c. */
enum tc_lines { TC_LINES_LNOTAB, TC_LINES_TABLE, TC_LINES_LOCATIONS };

/* Where an instance keeps its attributes. */
enum tc_attr_layout {
	TC_ATTRS_SLOT,	 /* tp_dictoffset (≤ 3.10; later where the type is not managed) */
	TC_ATTRS_311,	 /* dict at -24, values at -32 */
	TC_ATTRS_TAGGED, /* one word at -24, bit 0: values + 1 (3.12) */
	TC_ATTRS_INLINE, /* dict at -24, or values after the object (3.13+) */
};

/* Where asyncio registers the tasks. */
enum tc_registry {
	TC_REGISTRY_ALL,       /* asyncio.tasks._all_tasks */
	TC_REGISTRY_SCHEDULED, /* asyncio.tasks._scheduled_tasks and _eager_tasks */
	TC_REGISTRY_LISTS,     /* lists of the threads and the interpreter, and both of the above */
};

/* Where a thread's running loop is: in an object of asyncio that is in the thread state's dict (≤
 * 3.11), in that dict itself (3.12), in a field of the thread state (3.13+). */
enum tc_running { TC_RUNNING_HOLDER, TC_RUNNING_DICT, TC_RUNNING_FIELD };

/* The values of gi_frame_state (_framestate); 127: this version does not have this state. */
struct tc_gen_states {
	int8_t created, suspended, yield_from, yield_from_locked, executing;
};

struct tc_layout {
	uint16_t minor; /* Python 3.minor */
	/* The patch releases this row is for; micro_last 0: all from micro_first on. */
	uint8_t micro_first, micro_last;
#define F(name) uint16_t name;
	TC_LAYOUT_FIELDS(F)
#undef F
	enum tc_frames frames;
	enum tc_await await;
	enum tc_lines lines;
	enum tc_attr_layout attrs;
	enum tc_registry registry;
	enum tc_running running;
	struct tc_gen_states states;
	uint8_t lasti_unit; /* bytes that one unit of fo_lasti stands for */
	/* the awaited object is this many words below the top of the frame's stack */
	uint8_t target_slot;
	uint8_t owner_foreign; /* a frame whose owner is this or more is no Python frame */
	uint8_t resume[2];     /* TC_AWAIT_RESUME: the opcodes RESUME and its specialised form */
	/* 3.11+: the opcode GET_AWAITABLE, and how many units it comes before the lasti of an await
	 * that is suspended: its YIELD_VALUE, from 3.13 on the instruction behind that */
	uint8_t await_opcode, await_units;
	/* Opcodes, a bit each, of calls that may run a function of C inside the frame: not those
	 * for functions of Python, nor for short ones as len(). Lib/opcode.py and
	 * Lib/_opcode_metadata.py; in 3.11 PRECALL calls too. */
	uint64_t c_calls[4];
	/* IMPORT_NAME and IMPORT_FROM; the lowest bits of the argument of the first that are no
	 * number of a name */
	uint8_t import_name, import_from, import_shift;
	/* values that a with block keeps on the stack: its exit function; the manager (3.14+) */
	uint8_t with_values;
	bool stack_is_pointer; /* if_stack is a pointer; otherwise an i32 index into the locals */
	bool flag_bits; /* the future's flags are bits 0–3 of one byte; otherwise four i32 */
	bool new_keys;	/* dict keys with log2 sizes (3.11+) */
	bool prefixed_values; /* split values begin 8 bytes into their block (3.13+) */
	bool tagged_long;     /* int: size and sign in lv_tag (3.12+) */
	bool debug_offsets;   /* _PyRuntime begins with _Py_DebugOffsets (3.13+) */
};

extern const struct tc_layout tc_layout_rows[];
extern const unsigned tc_layout_n_rows;

/* What is known of an interpreter before its layout is chosen. */
struct tc_runtime_site {
	tc_addr runtime; /* _PyRuntime */
	/* PY_VERSION_HEX, from Py_Version or the debug offsets; 0: not exported */
	uint32_t version;
	bool free_threaded;
	const char *module; /* path, borrowed from the reader */
};

/* Choose the row for *site, replace its offsets by the target's own debug offsets where there are
 * some, and probe the result: sys.hexversion must read as a release of this row, and the classes of
 * _asyncio, if it is loaded, must be as large as the row says. *ret_version gets this hexversion
 * once it could be read, even if the rest does not fit; else the version in *site. source (at least
 * 64 bytes) gets a text that says where the offsets came from. 0; -TC_EUNKNOWN: there is no row for
 * this version; -TC_EPROBE: no row fits; -TC_ESTARTING: the interpreter is not there yet, or not
 * there any more. */
int tc_layout_choose(struct tc_mem *mem, const struct tc_runtime_site *site, struct tc_layout *ret,
		     uint32_t *ret_version, char *source);

/* Replace offsets of *layout by those of _asyncio's own debug table at addr (AsyncioDebug, 3.14+).
 * If a value is impossible, nothing is replaced. 0 or -TC_EPROBE. */
int tc_layout_asyncio(struct tc_mem *mem, tc_addr addr, struct tc_layout *layout);

#endif
