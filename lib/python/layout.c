/* SPDX-License-Identifier: Apache-2.0
 * Chooses a layout: a row of the table, with the target's own debug offsets in place of its
 * offsets, and a probe before it is used. */
#include "lib/python/layout.h"

#include "lib/python/pyobj.h"
#include "lib/base/safe.h"

#define MAX_OFFSET \
	65000u /* of the largest struct, PyInterpreterState, in any version: below 64 KiB */

/* Where _Py_DebugOffsets keeps the offset of a field (3.13.0, 3.14.8, 3.15.0:
 * Include/internal/pycore_debug_offsets.h): one column for each version, 0 where it has none. */
static const struct {
	uint16_t field;	      /* its offset in struct tc_layout */
	uint16_t position[3]; /* 3.13, 3.14, 3.15 */
} debug_offsets[] = {
#define AT(name) offsetof(struct tc_layout, name)
	{ AT(rt_interp_head), { 40, 40, 40 } },	   { AT(is_id), { 56, 56, 56 } },
	{ AT(is_next), { 64, 64, 64 } },	   { AT(is_threads_head), { 72, 72, 72 } },
	{ AT(is_modules), { 88, 96, 96 } },	   { AT(is_sysdict), { 96, 104, 104 } },
	{ AT(is_gil), { 112, 120, 120 } },	   { AT(ts_next), { 168, 192, 192 } },
	{ AT(ts_interp), { 176, 200, 200 } },	   { AT(ts_frame), { 184, 208, 208 } },
	{ AT(ts_thread_id), { 192, 216, 240 } },   { AT(ts_native_id), { 200, 224, 248 } },
	/* 3.13 keeps it in the field behind PyThreadState, so the size of that struct is its
	 * offset */
	{ AT(ts_running_loop), { 152, 0, 0 } },
	{ AT(if_previous), { 232, 256, 320 } },	   { AT(if_code), { 240, 264, 328 } },
	{ AT(if_instr), { 248, 272, 336 } },	   { AT(if_locals), { 256, 280, 344 } },
	{ AT(if_owner), { 264, 288, 352 } },	   { AT(if_stack), { 0, 296, 360 } },
	{ AT(co_filename), { 280, 320, 384 } },	   { AT(co_name), { 288, 328, 392 } },
	{ AT(co_qualname), { 296, 336, 400 } },	   { AT(co_linetable), { 304, 344, 408 } },
	{ AT(co_firstlineno), { 312, 352, 416 } }, { AT(co_varnames), { 328, 368, 432 } },
	{ AT(co_adaptive), { 344, 384, 448 } },	   { AT(tuple_item), { 408, 456, 552 } },
	{ AT(str_ascii), { 560, 640, 736 } },	   { AT(str_compact), { 0, 0, 744 } },
	{ AT(gi_frame), { 0, 680, 808 } },	   { AT(gi_state), { 0, 688, 816 } },
};

static void set_field(struct tc_layout *layout, uint16_t field, uint16_t value)
{
	memcpy((char *)layout + field, &value, sizeof(value));
}

/* The walker reads frames, generators and the front of code objects into buffers of these sizes. */
enum { FRAME_MAX = 128, GEN_HEAD_MAX = 152, CODE_HEAD_MAX = 144 };

/* Are all offsets inside these buffers? They come from the target, where they may be forged or
 * damaged. */
static bool sane(const struct tc_layout *at)
{
	const uint16_t frame[] = { at->if_previous, at->if_code, at->if_instr, at->if_stack,
				   at->if_owner };
	const uint16_t code[] = { at->co_filename,  at->co_name,	at->co_qualname,
				  at->co_linetable, at->co_firstlineno, at->co_varnames };

	if (at->if_locals > FRAME_MAX || at->gi_frame + at->if_locals > GEN_HEAD_MAX ||
	    at->gi_frame < 16 || at->gi_state >= at->gi_frame || at->co_adaptive > 4096)
		return false;
	for (size_t i = 0; i < sizeof(frame) / sizeof(frame[0]); i++)
		if (frame[i] + 8u > at->if_locals + 7u) /* the owner is the last byte */
			return false;
	for (size_t i = 0; i < sizeof(code) / sizeof(code[0]); i++)
		if (code[i] + 8u > CODE_HEAD_MAX)
			return false;
	return true;
}

static int apply_debug_offsets(struct tc_mem *mem, tc_addr runtime, struct tc_layout *layout)
{
	unsigned column = layout->minor - 13u;
	struct tc_layout out = *layout;

	for (size_t i = 0; i < sizeof(debug_offsets) / sizeof(debug_offsets[0]); i++) {
		uint16_t position = debug_offsets[i].position[column];
		uint64_t value;
		if (!position)
			continue;
		if (tc_get(mem, runtime + position, &value) < 0)
			return -TC_EFAULT;
		if (value > MAX_OFFSET)
			return -TC_EPROBE;
		set_field(&out, debug_offsets[i].field, (uint16_t)value);
	}
	if (!sane(&out))
		return -TC_EPROBE;
	*layout = out;
	return 0;
}

/* AsyncioDebug, Modules/_asynciomodule.c of 3.14 and 3.15: the same positions in both. */
int tc_layout_asyncio(struct tc_mem *mem, tc_addr addr, struct tc_layout *layout)
{
	uint64_t words[13];
	static const struct {
		uint16_t field;
		uint8_t word;
	} fields[] = {
		{ AT(task_size), 0 },	     { AT(task_name), 1 },	{ AT(task_coro), 5 },
		{ AT(task_node), 6 },	     { AT(is_tasks_head), 8 },	{ AT(ts_running_loop), 10 },
		{ AT(ts_running_task), 11 }, { AT(ts_tasks_head), 12 },
	};

	if (tc_get(mem, addr, &words) < 0)
		return -TC_EPROBE;
	/* The fields that this table and the row name must lie inside a task. The offsets of list
	 * heads belong to larger structs, and are only compared with MAX_OFFSET. */
	uint64_t size = words[0];
	if (size > 4096 || words[1] + 8 > size || words[5] + 8 > size || words[6] + 16 > size ||
	    layout->task_waiter + 8u > size || layout->task_context + 8u > size ||
	    layout->task_cancels + 4u > size)
		return -TC_EPROBE;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (words[fields[i].word] > MAX_OFFSET)
			return -TC_EPROBE;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		set_field(layout, fields[i].field, (uint16_t)words[fields[i].word]);
	return 0;
}

/* Is the class of this name in _asyncio's dict as large as the row says? True also when there is no
 * such class, or it is not _asyncio's: then nothing contradicts the row. */
static bool class_fits(const struct tc_py *py, tc_addr dict, const char *name, uint64_t size)
{
	struct tc_type_facts facts;
	tc_addr type, tp_name;
	char text[8];

	if (tc_dict_get(py, dict, name, &type) < 0 ||
	    tc_get(py->mem, type + TC_TP_NAME, &tp_name) < 0 ||
	    tc_get(py->mem, tp_name, &text) < 0 || memcmp(text, "_asyncio", 8) != 0)
		return true;
	return tc_type_facts_read(py, type, &facts) == 0 && facts.basicsize == size;
}

/* Patch releases have moved fields of FutureObj, and so of TaskObj (3.10.6): the sizes of the
 * classes tell which release it is. Without _asyncio there are no such objects. */
static bool asyncio_fits(const struct tc_py *py, tc_addr interp)
{
	tc_addr modules, module, dict;

	if (tc_get(py->mem, interp + py->at.is_modules, &modules) < 0 ||
	    tc_dict_get(py, modules, "_asyncio", &module) < 0 ||
	    tc_get(py->mem, module + TC_MODULE_DICT, &dict) < 0)
		return true;
	return class_fits(py, dict, "Future", py->at.fut_size) &&
	       class_fits(py, dict, "Task", py->at.task_size);
}

static bool row_covers(const struct tc_layout *row, uint32_t version)
{
	uint32_t micro = version >> 8 & 255;

	return version >> 16 == (0x0300u | row->minor) && micro >= row->micro_first &&
	       (row->micro_last == 0 || micro <= row->micro_last);
}

/* Can sys.hexversion be read, and is it a version of this row? That proves all layouts on the way
 * to it: the runtime, the interpreter, dict, str and int. *ret_version gets it. Then the first
 * thread must point back to its interpreter, and _asyncio must fit. */
static int probe(struct tc_mem *mem, const struct tc_layout *layout, tc_addr runtime,
		 uint32_t *ret_version)
{
	struct tc_py py = { .mem = mem, .at = *layout };
	tc_addr interp, sysdict, value, thread, back;
	int64_t version;
	uint64_t digits;

	if (tc_get(mem, runtime + layout->rt_interp_head, &interp) < 0)
		return -TC_EPROBE;
	if (!interp)
		return -TC_ESTARTING; /* it is put on the list early, and taken off it at the end */
	if (tc_get(mem, interp + layout->is_sysdict, &sysdict) < 0)
		return -TC_EPROBE;
	if (!sysdict)
		return -TC_ESTARTING;
	if (tc_dict_get(&py, sysdict, "hexversion", &value) < 0 ||
	    tc_int_read(&py, value, &version, &digits) < 0)
		return -TC_EPROBE;
	if (version >> 32 != 0 || !row_covers(layout, (uint32_t)version))
		return -TC_EPROBE;
	*ret_version = (uint32_t)version;
	if (tc_get(mem, interp + layout->is_threads_head, &thread) < 0 ||
	    tc_get(mem, thread + layout->ts_interp, &back) < 0 || back != interp ||
	    !asyncio_fits(&py, interp))
		return -TC_EPROBE;
	return 0;
}

static char *append(char *to, const char *text)
{
	size_t len = strlen(text);

	memcpy(to, text, len + 1);
	return to + len;
}

static char *append_number(char *to, unsigned number)
{
	char digits[4] = { 0 };
	unsigned at = 3;

	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) != 0 && at > 0);
	return append(to, digits + at);
}

static char *append_release(char *to, const struct tc_layout *layout, unsigned micro)
{
	return append_number(append(append_number(append(to, "3."), layout->minor), "."), micro);
}

/* "row 3.9", or with the releases of a row that is not for all: "row 3.10.0 to 3.10.5",
 * "row 3.10.6 and later". */
static void describe(char *source, const struct tc_layout *layout, bool own)
{
	char *end = append(source, own ? "the target's debug offsets and row " : "row ");

	if (!layout->micro_first && !layout->micro_last) {
		append_number(append(end, "3."), layout->minor);
		return;
	}
	end = append_release(end, layout, layout->micro_first);
	if (layout->micro_last)
		append_release(append(end, " to "), layout, layout->micro_last);
	else
		append(end, " and later");
}

static int try_row(struct tc_mem *mem, const struct tc_runtime_site *site,
		   const struct tc_layout *row, struct tc_layout *ret, uint32_t *ret_version,
		   char *source)
{
	*ret = *row;
	if (row->debug_offsets && apply_debug_offsets(mem, site->runtime, ret) < 0)
		return -TC_EPROBE;
	describe(source, row, row->debug_offsets);
	return probe(mem, ret, site->runtime, ret_version);
}

int tc_layout_choose(struct tc_mem *mem, const struct tc_runtime_site *site, struct tc_layout *ret,
		     uint32_t *ret_version, char *source)
{
	int result = -TC_EUNKNOWN;

	*ret_version = site->version;
	source[0] = 0;
	if (site->free_threaded)
		return -TC_EUNKNOWN;
	for (unsigned i = 0; i < tc_layout_n_rows; i++) {
		const struct tc_layout *row = &tc_layout_rows[i];
		/* Before 3.11 no version is exported: the row that finds one of its own versions in
		 * sys.hexversion is the right one. */
		if (site->version ? !row_covers(row, site->version) : row->minor > 10)
			continue;
		int r = try_row(mem, site, row, ret, ret_version, source);
		/* The version could be read through this row, so it is the right one: other rows
		 * are not tried. */
		if (r == 0 || *ret_version != site->version)
			return r;
		if (site->version || r == -TC_ESTARTING)
			result = r;
	}
	if (result == -TC_EUNKNOWN)
		source[0] = 0;
	return result;
}
