/* SPDX-License-Identifier: Apache-2.0
 * The fake interpreter: its memory, its types, and the structs from _PyRuntime to the threads. */
#include "tests/unit/fake_python.h"

#include <stdlib.h>

#include "tests/unit/fake_elf.h"

enum {
	INTERP_BYTES = 12288,
	RUNTIME_BYTES = 4096,
	THREAD_BYTES = 2048,
	PTHREAD_BYTES = 1024,
	PTHREAD_TID = 720
};
enum { TP_BASICSIZE = 32, TP_DICTOFFSET = 288, TYPE_BYTES = 1024, HEAD_ROOM = 32 };

/* Memory. */

static uint8_t *bytes_at(const struct fake *f, tc_addr at, size_t size)
{
	if (at < FAKE_BASE || at - FAKE_BASE > f->target.size ||
	    size > f->target.size - (at - FAKE_BASE))
		abort();
	return f->target.bytes + (at - FAKE_BASE);
}

tc_addr fake_alloc(struct fake *f, size_t size)
{
	tc_addr at = ((f->next + 15) & ~15ul) + HEAD_ROOM;

	f->next = at + size;
	bytes_at(f, at, size);
	return at;
}

void fake_put_bytes(struct fake *f, tc_addr at, const void *bytes, size_t size)
{
	memcpy(bytes_at(f, at, size), bytes, size);
}

void fake_put(struct fake *f, tc_addr at, uint64_t word)
{
	fake_put_bytes(f, at, &word, sizeof(word));
}

void fake_put32(struct fake *f, tc_addr at, uint32_t value)
{
	fake_put_bytes(f, at, &value, sizeof(value));
}

void fake_put8(struct fake *f, tc_addr at, uint8_t value)
{
	fake_put_bytes(f, at, &value, sizeof(value));
}

uint64_t fake_word(const struct fake *f, tc_addr at)
{
	uint64_t word;

	memcpy(&word, bytes_at(f, at, sizeof(word)), sizeof(word));
	return word;
}

/* Types. */

tc_addr fake_object(struct fake *f, tc_addr type, size_t size)
{
	tc_addr at = fake_alloc(f, size < 16 ? 16 : size);

	fake_put(f, at, 1); /* reference count */
	fake_put(f, at + TC_OB_TYPE, type);
	return at;
}

tc_addr fake_at_end(struct fake *f, tc_addr type, size_t size)
{
	tc_addr at = fake_object(f, type, 16);

	f->target.size = at - FAKE_BASE + size;
	return at;
}

static void fill_type(struct fake *f, tc_addr type, const char *tp_name, uint64_t flags,
		      size_t size)
{
	tc_addr name = fake_alloc(f, strlen(tp_name) + 1);

	fake_put_bytes(f, name, tp_name, strlen(tp_name) + 1);
	fake_put(f, type + TC_TP_NAME, name);
	fake_put(f, type + TP_BASICSIZE, size);
	fake_put(f, type + TC_TP_FLAGS, flags);
}

tc_addr fake_static_type(struct fake *f, const char *tp_name, uint64_t flags, size_t size)
{
	tc_addr type = fake_object(f, f->types[FAKE_TYPE], TYPE_BYTES);

	fill_type(f, type, tp_name, flags, size);
	return type;
}

/* __slots__: each is a member descriptor in the class's dict (Include/descrobject.h). */
static uint64_t add_slots(struct fake *f, tc_addr dict, const char *slots)
{
	tc_addr names = fake_names(f, slots);
	uint64_t n = fake_word(f, names + TC_OB_SIZE);

	for (uint64_t i = 0; i < n; i++) {
		tc_addr descriptor = fake_object(f, f->types[FAKE_MEMBER], 56),
			member = fake_alloc(f, 32);
		fake_put(f, descriptor + 40, member);
		fake_put(f, member + 16, 16 + 8 * i);
		fake_dict_add(f, dict, fake_word(f, names + f->py.at.tuple_item + 8 * i),
			      descriptor);
	}
	return 16 + 8 * n;
}

static void set_attrs(struct fake *f, tc_addr type, const struct fake_class *class, uint64_t size)
{
	uint64_t flags = class->flags | TC_TPFLAG_HEAPTYPE;

	if (class->attrs != FAKE_ATTRS_NONE && f->py.at.attrs == TC_ATTRS_SLOT) {
		fake_put(f, type + TP_DICTOFFSET, size);
		size += 8;
	} else if (class->attrs != FAKE_ATTRS_NONE) {
		flags |= TC_TPFLAG_MANAGED_DICT;
	}
	if (class->attrs == FAKE_ATTRS_VALUES) {
		tc_addr keys = fake_names(f, class->keys), dict = fake_dict(f, FAKE_EMPTY);
		for (uint64_t i = 0; i < fake_word(f, keys + TC_OB_SIZE); i++)
			fake_dict_add(f, dict, fake_word(f, keys + f->py.at.tuple_item + 8 * i),
				      f->none);
		fake_put(f, type + f->py.at.ht_cached_keys, fake_dict_keys(f, dict));
		if (f->py.at.new_keys)
			fake_put8(f, fake_dict_keys(f, dict) + 10, 2); /* split */
		if (f->py.at.attrs == TC_ATTRS_INLINE)
			flags |= TC_TPFLAG_INLINE_VALUES;
	}
	fake_put(f, type + TC_TP_FLAGS, flags);
	fake_put(f, type + TP_BASICSIZE, class->size ? class->size : size);
}

tc_addr fake_class(struct fake *f, struct fake_class class)
{
	tc_addr type = fake_static_type(f, class.name, 0, 16), mro[5] = { type }, dict;
	size_t n = 1;

	while (n < 5 && class.bases[n - 1]) {
		mro[n] = class.bases[n - 1];
		n++;
	}
	dict = fake_dict(
		f, FAKE_PAIRS({ "__module__", fake_str(f, class.module ? class.module : "app") }));
	set_attrs(f, type, &class, add_slots(f, dict, class.slots));
	fake_put(f, type + TC_TP_DICT, dict);
	fake_put(f, type + TC_TP_BASE, class.bases[0]);
	fake_put(f, type + TC_TP_MRO, fake_tuple(f, n, mro));
	fake_put(f, type + f->py.at.ht_qualname, fake_str(f, class.name));
	return type;
}

static void make_types(struct fake *f)
{
	static const struct {
		const char *name;
		uint64_t flags;
		size_t size;
	} types[] = {
#define T(name, tp_name, flags, size) { tp_name, flags, size },
		FAKE_TYPES(T)
#undef T
	};

	f->types[FAKE_TYPE] = fake_alloc(f, TYPE_BYTES);
	fake_put(f, f->types[FAKE_TYPE] + TC_OB_TYPE, f->types[FAKE_TYPE]);
	fill_type(f, f->types[FAKE_TYPE], types[0].name, types[0].flags, types[0].size);
	for (unsigned i = 1; i < FAKE_N_TYPES; i++)
		f->types[i] = fake_static_type(f, types[i].name, types[i].flags, types[i].size);
	bool object = f->py.at.frames == TC_FRAMES_OBJECT;
	uint64_t embedded = (uint64_t)f->py.at.gi_frame + f->py.at.if_locals,
		 gi_qualname = f->py.at.gi_qualname;
	fake_put(f, f->types[FAKE_CORO] + TP_BASICSIZE, object ? gi_qualname + 48 : embedded);
	fake_put(f, f->types[FAKE_GENERATOR] + TP_BASICSIZE, object ? gi_qualname + 40 : embedded);
	fake_put(f, f->types[FAKE_FUTURE] + TP_BASICSIZE, f->py.at.fut_size);
	fake_put(f, f->types[FAKE_TASK] + TP_BASICSIZE, f->py.at.task_size);
	f->none = fake_object(f, f->types[FAKE_NONE], 16);
	f->yes = fake_bool(f, true);
	f->no = fake_bool(f, false);
}

/* Where _Py_DebugOffsets has them, Include/internal/pycore_debug_offsets.h of 3.13, 3.14, 3.15. */
static const struct {
	size_t field;
	uint16_t at[3];
} debug_offsets[] = {
#define AT(name) offsetof(struct tc_layout, name)
	{ AT(rt_interp_head), { 40, 40, 40 } },	    { AT(is_id), { 56, 56, 56 } },
	{ AT(is_next), { 64, 64, 64 } },	    { AT(is_threads_head), { 72, 72, 72 } },
	{ AT(is_modules), { 88, 96, 96 } },	    { AT(is_sysdict), { 96, 104, 104 } },
	{ AT(is_gil), { 112, 120, 120 } },	    { AT(ts_next), { 168, 192, 192 } },
	{ AT(ts_interp), { 176, 200, 200 } },	    { AT(ts_frame), { 184, 208, 208 } },
	{ AT(ts_thread_id), { 192, 216, 240 } },    { AT(ts_native_id), { 200, 224, 248 } },
	{ AT(ts_running_loop), { 152, 0, 0 } },	    { AT(if_previous), { 232, 256, 320 } },
	{ AT(if_code), { 240, 264, 328 } },	    { AT(if_instr), { 248, 272, 336 } },
	{ AT(if_locals), { 256, 280, 344 } },	    { AT(if_owner), { 264, 288, 352 } },
	{ AT(if_stack), { 0, 296, 360 } },	    { AT(co_filename), { 280, 320, 384 } },
	{ AT(co_name), { 288, 328, 392 } },	    { AT(co_qualname), { 296, 336, 400 } },
	{ AT(co_linetable), { 304, 344, 408 } },    { AT(co_firstlineno), { 312, 352, 416 } },
	{ AT(co_varnames), { 328, 368, 432 } },	    { AT(co_adaptive), { 344, 384, 448 } },
	{ AT(tuple_item), { 408, 456, 552 } },	    { AT(str_ascii), { 560, 640, 736 } },
	{ AT(str_compact), { 0, 0, 744 } },	    { AT(gi_frame), { 0, 680, 808 } },
	{ AT(gi_state), { 0, 688, 816 } },
#undef AT
};

static void put_debug_offsets(struct fake *f)
{
	fake_put_bytes(f, f->runtime, "xdebugpy", 8);
	fake_put(f, f->runtime + 8, f->version);
	for (size_t i = 0; i < sizeof(debug_offsets) / sizeof(debug_offsets[0]); i++) {
		uint16_t value, at = debug_offsets[i].at[f->py.at.minor - 13];
		memcpy(&value, (const char *)&f->py.at + debug_offsets[i].field, sizeof(value));
		if (at)
			fake_put(f, f->runtime + at, value);
	}
}

/* Threads and interpreters. */

static tc_addr stack_top(const struct fake *f, tc_addr thread)
{
	return f->py.at.frames == TC_FRAMES_CFRAME ?
		       fake_word(f, thread + f->py.at.ts_frame) + f->py.at.cf_current :
		       thread + f->py.at.ts_frame;
}

tc_addr fake_thread(struct fake *f, tc_addr interp, uint32_t tid)
{
	const struct tc_layout *at = &f->py.at;
	tc_addr thread = fake_alloc(f, THREAD_BYTES), pthread = fake_alloc(f, PTHREAD_BYTES);

	fake_put(f, thread + at->ts_next, fake_word(f, interp + at->is_threads_head));
	fake_put(f, interp + at->is_threads_head, thread);
	fake_put(f, thread + at->ts_interp, interp);
	fake_put(f, thread + at->ts_dict, fake_dict(f, FAKE_EMPTY));
	fake_put(f, thread + at->ts_thread_id, pthread);
	fake_put32(f, pthread + PTHREAD_TID, tid);
	if (at->ts_native_id != TC_NONE)
		fake_put(f, thread + at->ts_native_id, tid);
	if (at->frames == TC_FRAMES_CFRAME)
		fake_put(f, thread + at->ts_frame, fake_alloc(f, 32));
	if (at->ts_tasks_head != TC_NONE) {
		fake_put(f, thread + at->ts_tasks_head, thread + at->ts_tasks_head);
		fake_put(f, thread + at->ts_tasks_head + 8, thread + at->ts_tasks_head);
	}
	return thread;
}

void fake_run(struct fake *f, tc_addr thread, tc_addr frame)
{
	uint16_t previous =
		f->py.at.frames == TC_FRAMES_OBJECT ? f->py.at.fo_back : f->py.at.if_previous;

	fake_put(f, frame + previous, fake_word(f, stack_top(f, thread)));
	fake_put(f, stack_top(f, thread), frame);
}

void fake_running_loop(struct fake *f, tc_addr thread, tc_addr loop)
{
	tc_addr holder = loop;

	if (f->py.at.running == TC_RUNNING_FIELD) {
		fake_put(f, thread + f->py.at.ts_running_loop, loop);
		return;
	}
	if (f->py.at.running == TC_RUNNING_HOLDER) {
		holder = fake_object(f, f->types[FAKE_CELL], 32);
		fake_put(f, holder + 16, loop);
	}
	fake_dict_add(f, fake_word(f, thread + f->py.at.ts_dict),
		      fake_str(f, "__asyncio_running_event_loop__"), holder);
}

tc_addr fake_gil(struct fake *f, tc_addr interp)
{
	return f->py.at.is_gil != TC_NONE ? fake_word(f, interp + f->py.at.is_gil) :
					    f->runtime + f->py.at.rt_gil_last_holder - 8;
}

void fake_hold_gil(struct fake *f, tc_addr thread)
{
	tc_addr gil = fake_gil(f, fake_word(f, thread + f->py.at.ts_interp));

	fake_put(f, gil + 8, thread);
	fake_put32(f, gil + 16, 1);
}

static void append_interp(struct fake *f, tc_addr interp)
{
	tc_addr at = f->runtime + f->py.at.rt_interp_head;

	while (fake_word(f, at))
		at = fake_word(f, at) + f->py.at.is_next;
	fake_put(f, at, interp);
}

static tc_addr make_interp(struct fake *f, uint64_t id, tc_addr *ret_sysdict, tc_addr *ret_modules)
{
	const struct tc_layout *at = &f->py.at;
	tc_addr interp = fake_alloc(f, INTERP_BYTES);

	*ret_sysdict = fake_dict(f, FAKE_PAIRS({ "maxsize", fake_int(f, 7) },
					       { "hexversion", fake_int(f, f->version) },
					       { "abiflags", fake_str(f, "") }));
	*ret_modules = fake_dict(f, FAKE_EMPTY);
	fake_put(f, interp + at->is_id, id);
	fake_put(f, interp + at->is_sysdict, *ret_sysdict);
	fake_put(f, interp + at->is_modules, *ret_modules);
	if (at->is_gil != TC_NONE)
		fake_put(f, interp + at->is_gil, fake_alloc(f, 208));
	if (at->is_tasks_head != TC_NONE) {
		fake_put(f, interp + at->is_tasks_head, interp + at->is_tasks_head);
		fake_put(f, interp + at->is_tasks_head + 8, interp + at->is_tasks_head);
	}
	append_interp(f, interp);
	return interp;
}

tc_addr fake_interp(struct fake *f, uint64_t id)
{
	tc_addr sysdict, modules, interp = make_interp(f, id, &sysdict, &modules);

	fake_thread(f, interp, 103);
	return interp;
}

static void make_executable(struct fake *f)
{
	tc_addr hex = fake_alloc(f, 8);
	const struct fake_symbol symbols[] = {
		{ "Py_Initialize", hex, false },
		{ "_PyRuntime", f->runtime, false },
		{ "PyConfig_InitPythonConfig", hex, false },
		{ "Py_Version", hex, f->py.at.minor < 11 },
	};

	fake_put(f, hex, f->version);
	fake_elf(f->target.bytes, FAKE_BASE, symbols, sizeof(symbols) / sizeof(symbols[0]),
		 FAKE_HASH_GNU);
	f->module = (struct tc_module){ .base = FAKE_BASE,
					.end = FAKE_BASE + FAKE_MEMORY_BYTES,
					.path = "/usr/bin/python3" };
	f->target.mem.modules = &f->module;
	f->target.mem.n_modules = 1;
	for (uint32_t i = 0; i < 4; i++)
		f->threads[i] = (struct tc_os_thread){
			.tid = 100 + i, .tid_ns = 100 + i, .state = 'S', .syscall = -1
		};
	f->target.mem.threads = f->threads;
	f->target.mem.n_threads = 4;
}

static const struct tc_layout *find_row(unsigned minor, unsigned micro)
{
	for (unsigned i = 0; i < tc_layout_n_rows; i++) {
		const struct tc_layout *row = &tc_layout_rows[i];
		if (row->minor == minor && micro >= row->micro_first &&
		    (!row->micro_last || micro <= row->micro_last))
			return row;
	}
	abort();
}

void fake_asyncio(struct fake *f); /* fake_task.c */

struct fake *fake_new_micro(unsigned minor, unsigned micro)
{
	struct fake *f = calloc(1, sizeof(*f));
	void *bytes = calloc(1, FAKE_MEMORY_BYTES);

	if (!f || !bytes)
		abort();
	fake_mem_init(&f->target, FAKE_BASE, bytes, FAKE_MEMORY_BYTES);
	f->next = FAKE_BASE + FAKE_ELF_SIZE;
	f->py = (struct tc_py){ .mem = &f->target.mem, .at = *find_row(minor, micro) };
	f->version = 0x030000f0u | minor << 16 | micro << 8;
	f->runtime = fake_alloc(f, RUNTIME_BYTES);
	make_types(f);
	f->interp = make_interp(f, 0, &f->sysdict, &f->modules);
	f->main_thread = fake_thread(f, f->interp, 100);
	fake_asyncio(f);
	if (f->py.at.debug_offsets)
		put_debug_offsets(f);
	make_executable(f);
	return f;
}

struct fake *fake_new(unsigned minor)
{
	return fake_new_micro(minor, 6);
}

void fake_free(struct fake *f)
{
	free(f->target.bytes);
	free(f);
}

struct tc_runtime_site fake_site(const struct fake *f)
{
	return (struct tc_runtime_site){ .runtime = f->runtime,
					 .version = f->py.at.minor < 11 ? 0 : f->version,
					 .module = f->module.path };
}
