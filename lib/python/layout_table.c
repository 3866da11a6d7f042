/* SPDX-License-Identifier: Apache-2.0
 * The rows: offsets of CPython 3.8 to 3.15, x86-64 Linux, in bytes. Pure data.
 * Taken from DWARF of 3.8.18, 3.9.18, 3.10.13, 3.11.2, 3.12.1, 3.13.0, 3.14.8 and 3.15.0, and the
 * futures of 3.10.2; docs/layouts.md says which builds were walked, and how a row is added. */
#include "lib/python/layout.h"

#include "lib/base/safe.h"

#define NONE TC_NONE

/* ≤ 3.10: PyFrameObject everywhere, code objects without qualified names, four int flags in a
 * future. */
#define OLD_CODE \
	.co_flags = 36, .co_firstlineno = 40, .co_code = 48, .co_varnames = 72, \
	.co_freevars = 80, .co_cellvars = 88, .co_filename = 104, .co_name = 112, \
	.co_qualname = NONE, .co_linetable = 120, .co_adaptive = NONE, \
	.co_names = 64, .co_exceptiontable = NONE
#define OLD_FRAMES \
	.frames = TC_FRAMES_OBJECT, .await = TC_AWAIT_YIELD_FROM, .if_previous = NONE, \
	.if_code = NONE, .if_instr = NONE, .if_stack = NONE, .if_owner = NONE, .if_locals = NONE, \
	.cf_current = NONE, .fo_back = 24, .fo_code = 32, .fo_valuestack = 64, .target_slot = 1, \
	.with_values = 1, .c_calls = { 0, 0, 0x200006008, 0 }, \
	.gi_frame = 16, .fo_frame = NONE, .exc_traceback = 32
#define OLD_REST \
	.gc_lists = 176, .import_name = 108, .import_from = 109, \
	.attrs = TC_ATTRS_SLOT, .registry = TC_REGISTRY_ALL, .running = TC_RUNNING_HOLDER, \
	.ts_next = 8, .ts_interp = 16, .ts_frame = 24, .ts_dict = 152, .ts_thread_id = 176, \
	.ts_native_id = NONE, .ts_running_loop = NONE, .ts_running_task = NONE, \
	.ts_tasks_head = NONE, .is_gil = NONE, .is_tasks_head = NONE, .task_cancels = NONE, \
	.task_node = NONE, .str_ascii = 48, .str_compact = 72, .tuple_item = 24, \
	.module_state = 32, .as_scheduled = NONE, .as_eager = NONE, .as_debug = NONE

/* 3.11+ */
#define NEW_CODE \
	.co_flags = 48, .co_code = NONE, .co_varnames = 96, \
	.co_cellvars = NONE, .co_freevars = NONE, .co_filename = 112, .co_name = 120, \
	.co_qualname = 128, .co_linetable = 136, .co_names = 32, .co_exceptiontable = 40
#define NEW_FRAMES \
	.fo_back = 16, .fo_code = NONE, .fo_valuestack = NONE, .fo_stack = NONE, .fo_lasti = NONE, \
	.fo_state = NONE, .fo_locals = NONE, .fo_frame = 24, .exc_traceback = 40, \
	.gi_running = NONE, .lines = TC_LINES_LOCATIONS, \
	.new_keys = true
#define NEW_REST \
	.ts_next = 8, .ts_interp = 16, .func_code = 48, .func_closure = 72, .func_qualname = 40, \
	.owner_foreign = 3

/* 3.12+ */
#define NEWER \
	.rt_gil_last_holder = NONE, .rt_gil_locked = NONE, .tagged_long = true, .str_ascii = 40, \
	.str_compact = 56, .if_previous = 8, .if_code = 0, .if_instr = 56, .if_stack = 64, \
	.gi_frame = 72, .gi_state = 67, .gi_qualname = 32, .co_firstlineno = 68

/* 3.13+ */
#define NEWEST \
	.frames = TC_FRAMES_DIRECT, .await = TC_AWAIT_STATE, .attrs = TC_ATTRS_INLINE, \
	.running = TC_RUNNING_FIELD, .prefixed_values = true, .flag_bits = true, \
	.debug_offsets = true, .cf_current = NONE, .ts_frame = 72, \
	.is_gil = 16

/* 3.10: the fields that no patch release moved. */
#define ROW_3_10 \
	.minor = 10, OLD_CODE, OLD_FRAMES, OLD_REST, .lines = TC_LINES_TABLE, .lasti_unit = 2, \
	.rt_interp_head = 32, .rt_gil_last_holder = 360, .rt_gil_locked = 368, .is_next = 0, \
	.is_id = 24, .is_threads_head = 8, .is_modules = 856, .is_sysdict = 872, \
	.is_gc_collecting = 816, .rt_gc_collecting = NONE, .fo_stack = 80, .fo_lasti = 96, \
	.fo_state = 108, \
	.fo_locals = 352, .gi_running = NONE, .gi_state = NONE, .gi_qualname = 48, \
	.ht_qualname = 864, .ht_cached_keys = 872, .func_code = 48, \
	.func_closure = 72, .func_qualname = 40, .states = { -2, -1, 127, 127, 0 }

/* A row is laid out by hand. */
/* clang-format off */
const struct tc_layout tc_layout_rows[] = {
	{ .minor = 8, OLD_CODE, OLD_FRAMES, OLD_REST, .lines = TC_LINES_LNOTAB, .lasti_unit = 1,
	  .rt_interp_head = 32, .rt_gil_last_holder = 1160, .rt_gil_locked = 1168,
	  .is_next = 0, .is_id = 16, .is_threads_head = 8, .is_modules = 56, .is_sysdict = 72,
	  .is_gc_collecting = NONE, .rt_gc_collecting = 544, .fo_stack = 72, .fo_lasti = 104,
	  .fo_state = NONE,
	  .fo_locals = 360,
	  .gi_running = 24, .gi_state = NONE, .gi_qualname = 56,
	  .fut_size = 104, .fut_state = 72, .fut_log_tb = 76, .fut_blocking = 80,
	  .task_size = 144, .task_waiter = 104, .task_coro = 112,
	  .task_name = 120,
	  .task_context = 128, .task_must_cancel = 136,
	  .ht_qualname = 864, .ht_cached_keys = 872,
	  .func_code = 16, .func_closure = 48, .func_qualname = 104,
	  .states = { 127, 127, 127, 127, 127 } },
	{ .minor = 9, OLD_CODE, OLD_FRAMES, OLD_REST, .lines = TC_LINES_LNOTAB, .lasti_unit = 1,
	  .rt_interp_head = 32, .rt_gil_last_holder = 360, .rt_gil_locked = 368,
	  .is_next = 0, .is_id = 24, .is_threads_head = 8, .is_modules = 856, .is_sysdict = 872,
	  .is_gc_collecting = 816, .rt_gc_collecting = NONE, .fo_stack = 72, .fo_lasti = 104,
	  .fo_state = NONE,
	  .fo_locals = 360,
	  .gi_running = 24, .gi_state = NONE, .gi_qualname = 56,
	  .fut_size = 144, .fut_state = 80, .fut_log_tb = 84, .fut_blocking = 88,
	  .task_size = 184, .task_waiter = 144, .task_coro = 152,
	  .task_name = 160,
	  .task_context = 168, .task_must_cancel = 176,
	  .ht_qualname = 856, .ht_cached_keys = 864,
	  .func_code = 16, .func_closure = 48, .func_qualname = 104,
	  .states = { 127, 127, 127, 127, 127 } },
	/* 3.10.6 put fut_exception_tb before fut_result (bpo-45924). */
	{ ROW_3_10, .micro_last = 5,
	  .fut_size = 144, .fut_state = 80, .fut_log_tb = 84, .fut_blocking = 88,
	  .task_size = 184, .task_waiter = 144, .task_coro = 152,
	  .task_name = 160,
	  .task_context = 168, .task_must_cancel = 176 },
	{ ROW_3_10, .micro_first = 6,
	  .fut_size = 152, .fut_state = 88, .fut_log_tb = 92, .fut_blocking = 96,
	  .task_size = 192, .task_waiter = 152, .task_coro = 160,
	  .task_name = 168,
	  .task_context = 176, .task_must_cancel = 184 },
	{ .minor = 11, NEW_CODE, NEW_FRAMES, NEW_REST, .frames = TC_FRAMES_CFRAME,
	  .await = TC_AWAIT_RESUME,
	  .attrs = TC_ATTRS_311, .registry = TC_REGISTRY_ALL, .running = TC_RUNNING_HOLDER,
	  .rt_interp_head = 40, .rt_gil_last_holder = 368, .rt_gil_locked = 376,
	  .is_next = 0, .is_id = 48, .is_threads_head = 16, .is_modules = 888, .is_sysdict = 904,
	  .is_gil = NONE, .is_gc_collecting = 848, .rt_gc_collecting = NONE, .gc_lists = 176,
	  .is_tasks_head = NONE,
	  .ts_frame = 56, .cf_current = 8, .ts_dict = 128, .ts_thread_id = 152, .ts_native_id = 160,
	  .ts_running_loop = NONE, .ts_running_task = NONE, .ts_tasks_head = NONE,
	  .if_previous = 48, .if_code = 32, .if_instr = 56, .if_stack = 64, .if_owner = 69,
	  .if_locals = 72,
	  .co_firstlineno = 72, .co_adaptive = 184,
	  .gi_frame = 80, .gi_state = 75, .gi_qualname = 40,
	  .fut_size = 128, .fut_state = 88, .fut_log_tb = 92, .fut_blocking = 96,
	  .task_size = 176, .task_waiter = 128, .task_coro = 136,
	  .task_name = 144,
	  .task_context = 152, .task_must_cancel = 160, .task_cancels = 168, .task_node = NONE,
	  .import_name = 108, .import_from = 109, .ht_qualname = 864, .ht_cached_keys = 872,
	  .str_ascii = 48, .str_compact = 72, .tuple_item = 24, .module_state = 32,
	  .as_scheduled = NONE, .as_eager = NONE, .as_debug = NONE,
	  .states = { -2, -1, 127, 127, 0 }, .target_slot = 1, .resume = { 151, 150 },
	  .await_opcode = 131, .await_units = 3, .with_values = 1,
	  .c_calls = { 0x400000, 0x200000003130d, 0x84000004000, 0 } },
	{ .minor = 12, NEW_CODE, NEW_FRAMES, NEW_REST, NEWER, .frames = TC_FRAMES_CFRAME,
	  .await = TC_AWAIT_RESUME, .attrs = TC_ATTRS_TAGGED, .registry = TC_REGISTRY_SCHEDULED,
	  .running = TC_RUNNING_DICT, .rt_interp_head = 40,
	  .is_next = 0, .is_id = 8, .is_threads_head = 72, .is_modules = 944, .is_sysdict = 352,
	  .is_gil = 384, .is_gc_collecting = 312, .rt_gc_collecting = NONE, .gc_lists = 176,
	  .is_tasks_head = NONE,
	  .ts_frame = 56, .cf_current = 0, .ts_dict = 112, .ts_thread_id = 136, .ts_native_id = 144,
	  .ts_running_loop = NONE, .ts_running_task = NONE, .ts_tasks_head = NONE,
	  .if_owner = 70, .if_locals = 72, .co_adaptive = 192,
	  .fut_size = 128, .fut_state = 88, .fut_log_tb = 92, .fut_blocking = 96,
	  .task_size = 176, .task_waiter = 128, .task_coro = 136,
	  .task_name = 144,
	  .task_context = 152, .task_must_cancel = 160, .task_cancels = 168, .task_node = NONE,
	  .import_name = 108, .import_from = 109, .ht_qualname = 872, .ht_cached_keys = 880,
	  .tuple_item = 24, .module_state = 32, .as_scheduled = 56, .as_eager = 64,
	  .as_debug = NONE,
	  .states = { -2, -1, 127, 127, 0 }, .target_slot = 1, .resume = { 151, 240 },
	  .await_opcode = 131, .await_units = 4, .with_values = 1,
	  .c_calls = { 0x71c420000000, 0, 0x80000004000, 0x12000000000000 } },
	{ .minor = 13, NEW_CODE, NEW_FRAMES, NEW_REST, NEWER, NEWEST,
	  .registry = TC_REGISTRY_SCHEDULED,
	  .rt_interp_head = 632, .is_next = 7264, .is_id = 7272, .is_threads_head = 7344,
	  .is_modules = 7656, .is_sysdict = 7640, .is_gc_collecting = 7600,
	  .rt_gc_collecting = NONE, .gc_lists = 176, .is_tasks_head = NONE,
	  .ts_dict = 128, .ts_thread_id = 152, .ts_native_id = 160,
	  .ts_running_loop = 304, .ts_running_task = NONE, .ts_tasks_head = NONE,
	  .if_owner = 70, .if_locals = 72, .co_adaptive = 200,
	  .fut_size = 104, .fut_state = 96, .fut_log_tb = 100, .fut_blocking = 100,
	  .task_size = 144, .task_waiter = 112, .task_coro = 120, .task_name = 128,
	  .task_context = 136,
	  .task_must_cancel = 100, .task_cancels = 104, .task_node = NONE,
	  .import_name = 75, .import_from = 74, .ht_qualname = 872, .ht_cached_keys = 880,
	  .tuple_item = 24, .module_state = 32, .as_scheduled = 56, .as_eager = 64,
	  .as_debug = NONE,
	  .states = { -3, -2, -1, 127, 0 }, .target_slot = 1,
	  .await_opcode = 73, .await_units = 5, .with_values = 1,
	  .c_calls = { 0x260000000000000, 0, 0x1f1e000000000, 0x70000000000000 } },
	{ .minor = 14, NEW_CODE, NEW_FRAMES, NEW_REST, NEWER, NEWEST, .registry = TC_REGISTRY_LISTS,
	  .rt_interp_head = 808, .is_next = 7272, .is_id = 7280, .is_threads_head = 7344,
	  .is_modules = 7688, .is_sysdict = 7672, .is_gc_collecting = 7600,
	  .rt_gc_collecting = NONE, .gc_lists = 168, .is_tasks_head = 10880,
	  .ts_dict = 128, .ts_thread_id = 152, .ts_native_id = 160,
	  .ts_running_loop = 864, .ts_running_task = 872, .ts_tasks_head = 880,
	  .if_owner = 74, .if_locals = 80, .co_adaptive = 208, .stack_is_pointer = true,
	  .fut_size = 112, .fut_state = 104, .fut_log_tb = 110, .fut_blocking = 110,
	  .task_size = 168, .task_waiter = 120, .task_coro = 128, .task_name = 136,
	  .task_context = 144,
	  .task_must_cancel = 110, .task_cancels = 112, .task_node = 152,
	  .import_name = 73, .import_from = 72, .ht_qualname = 872, .ht_cached_keys = 880,
	  .tuple_item = 32, .module_state = 32, .as_scheduled = 48, .as_eager = 56, .as_debug = 152,
	  .states = { -3, -2, -1, 127, 0 }, .target_slot = 1,
	  .await_opcode = 71, .await_units = 5, .with_values = 2,
	  .c_calls = { 0x90000000000010, 0, 0x1f13c0000, 0x1c00000000000000 } },
	{ .minor = 15, NEW_CODE, NEW_FRAMES, NEW_REST, NEWER, NEWEST, .registry = TC_REGISTRY_LISTS,
	  .rt_interp_head = 936, .is_next = 7264, .is_id = 7272, .is_threads_head = 7336,
	  .is_modules = 7592, .is_sysdict = 7576, .is_gc_collecting = 7512,
	  .rt_gc_collecting = NONE, .gc_lists = 104, .is_tasks_head = 10856,
	  .ts_dict = 152, .ts_thread_id = 176, .ts_native_id = 184,
	  .ts_running_loop = 1024, .ts_running_task = 1032, .ts_tasks_head = 1048,
	  .if_owner = 74, .if_locals = 80, .co_adaptive = 208, .stack_is_pointer = true,
	  .fut_size = 112, .fut_state = 104, .fut_log_tb = 110, .fut_blocking = 110,
	  .task_size = 168, .task_waiter = 120, .task_coro = 128, .task_name = 136,
	  .task_context = 144,
	  .task_must_cancel = 110, .task_cancels = 112, .task_node = 152,
	  .import_name = 72, .import_from = 71, .import_shift = 2, .ht_qualname = 880,
	  .ht_cached_keys = 888,
	  .tuple_item = 32, .module_state = 24, .as_scheduled = 48, .as_eager = 56, .as_debug = 152,
	  .states = { 0, 1, 2, 3, 4 }, .target_slot = 2,
	  .await_opcode = 69, .await_units = 6, .with_values = 2,
	  .c_calls = { 0x24000000000010, 0, 0xf88f80000, 0xe00000000000000 } },
};
/* clang-format on */

const unsigned tc_layout_n_rows = sizeof(tc_layout_rows) / sizeof(tc_layout_rows[0]);
