/* SPDX-License-Identifier: Apache-2.0
 * Frames and generators. The layout has the offsets; this file has the three ways in which versions
 * keep frames. */
#include "lib/python/pyframe.h"

#include "lib/python/pybytes.h"

#include "lib/base/safe.h"

enum { OPCODE_YIELD_FROM = 72, RESUME_AFTER_YIELD_FROM = 2, RESUME_AFTER_AWAIT = 3 };
/* up to 3.10, Include/opcode.h */
enum { OPCODE_SETUP_ASYNC_WITH = 154, OPCODE_EXTENDED_ARG = 144, EXTENDED_ARGS = 3 };
enum { AWAITABLE_OF_AENTER = 1 }; /* the argument of GET_AWAITABLE, 3.11+ */
enum { FRAME_OBJECT_MAX = 376, GEN_MAX = 152 };
enum { NAMES_MAX = 1024 }; /* of one code, that are looked through */
/* _PyStackRef, 3.14+: the low two bits are tags; in plain pointers they are 0 */
#define TAG_MASK 3ul

static tc_addr word_at(const uint8_t *body, uint16_t offset)
{
	tc_addr word;

	memcpy(&word, body + offset, sizeof(word));
	return word;
}

static int32_t int_at(const uint8_t *body, uint16_t offset)
{
	int32_t value;

	memcpy(&value, body + offset, sizeof(value));
	return value;
}

/* From 3.11 on it is part of the code object, before that a bytes object. */
tc_addr tc_code_start(const struct tc_py *py, tc_addr code)
{
	tc_addr bytes;

	if (py->at.co_adaptive != TC_NONE)
		return code + py->at.co_adaptive;
	return tc_get(py->mem, code + py->at.co_code, &bytes) < 0 ? 0 : bytes + TC_BYTES_DATA;
}

/* Up to 3.10 a bytes object; from 3.11 on the code object's own size counts its units. */
uint64_t tc_code_size(const struct tc_py *py, tc_addr code)
{
	tc_addr sized = code;
	uint64_t size;

	if ((py->at.co_code != TC_NONE && tc_get(py->mem, code + py->at.co_code, &sized) < 0) ||
	    tc_get(py->mem, sized + TC_OB_SIZE, &size) < 0)
		return 0;
	return py->at.co_code != TC_NONE ? size : 2 * size;
}

static void view_object(const struct tc_py *py, tc_addr addr, const uint8_t *body,
			struct tc_frame_view *ret)
{
	ret->addr = addr;
	ret->code = word_at(body, py->at.fo_code);
	ret->lasti = (int64_t)int_at(body, py->at.fo_lasti) * py->at.lasti_unit;
	ret->locals = addr + py->at.fo_locals;
}

static void view_iframe(const struct tc_py *py, tc_addr addr, const uint8_t *body,
			struct tc_frame_view *ret)
{
	ret->addr = addr;
	ret->code = word_at(body, py->at.if_code) & ~TAG_MASK;
	ret->lasti = (int64_t)(word_at(body, py->at.if_instr) - (ret->code + py->at.co_adaptive));
	ret->locals = addr + py->at.if_locals;
}

/* Up to 3.10: the address of the topmost value on the frame's stack; 0: the stack is empty. */
static tc_addr object_stack_top(const struct tc_py *py, const uint8_t *body)
{
	/* 3.10 keeps a depth (f_stackdepth), 3.8 and 3.9 a pointer (f_stacktop). */
	if (py->at.fo_state != TC_NONE) {
		int32_t depth = int_at(body, py->at.fo_stack);
		return depth > 0 ?
			       word_at(body, py->at.fo_valuestack) + 8ul * (uint32_t)(depth - 1) :
			       0;
	}
	tc_addr top = word_at(body, py->at.fo_stack);
	return top ? top - 8 : 0;
}

static int read_object_gen(const struct tc_py *py, tc_addr addr, struct tc_gen *ret)
{
	uint8_t body[FRAME_OBJECT_MAX];
	tc_addr frame, top;
	int8_t running = 0;

	if (tc_get(py->mem, addr + py->at.gi_frame, &frame) < 0 ||
	    tc_get(py->mem, addr + py->at.gi_qualname, &ret->qualname) < 0)
		return -TC_EFAULT;
	ret->state = TC_GEN_FINISHED;
	if (!frame)
		return 0;
	if (tc_read(py->mem, frame, body, py->at.fo_locals) < 0)
		return -TC_EFAULT;
	view_object(py, frame, body, &ret->frame);
	if (py->at.gi_running != TC_NONE && tc_get(py->mem, addr + py->at.gi_running, &running) < 0)
		return -TC_EFAULT;
	if (py->at.fo_state != TC_NONE)
		running = (int8_t)body[py->at.fo_state] == py->at.states.executing;
	ret->state = running		  ? TC_GEN_EXECUTING :
		     ret->frame.lasti < 0 ? TC_GEN_CREATED :
					    TC_GEN_SUSPENDED;
	top = object_stack_top(py, body);
	if (ret->state != TC_GEN_SUSPENDED || !top)
		return 0;
	ret->slot = top;
	ret->stack_end = top + 8;
	return tc_get(py->mem, top, &ret->target);
}

static enum tc_gen_state gen_state(const struct tc_gen_states *states, int8_t value,
				   struct tc_gen *ret)
{
	ret->awaits_known = states->yield_from != 127;
	ret->awaits = ret->awaits_known &&
		      (value == states->yield_from || value == states->yield_from_locked);
	if (value == states->created)
		return TC_GEN_CREATED;
	if (value == states->executing)
		return TC_GEN_EXECUTING;
	return value == states->suspended || ret->awaits ? TC_GEN_SUSPENDED : TC_GEN_FINISHED;
}

/* The address behind the last value on the stack of a suspended frame; 0: unknown. */
static tc_addr stack_end(const struct tc_py *py, const struct tc_gen *gen, const uint8_t *iframe)
{
	if (py->at.stack_is_pointer)
		return word_at(iframe, py->at.if_stack);
	int32_t depth = int_at(iframe, py->at.if_stack);
	return depth >= py->at.target_slot ? gen->frame.locals + 8ul * (uint32_t)depth : 0;
}

/* From 3.11 on the frame is part of the generator object: one read gets both. */
static int read_embedded_gen(const struct tc_py *py, tc_addr addr, struct tc_gen *ret)
{
	uint8_t body[GEN_MAX];
	tc_addr frame = addr + py->at.gi_frame;

	if (tc_read(py->mem, addr, body, (size_t)py->at.gi_frame + py->at.if_locals) < 0)
		return -TC_EFAULT;
	ret->qualname = word_at(body, py->at.gi_qualname);
	ret->state = gen_state(&py->at.states, (int8_t)body[py->at.gi_state], ret);
	if (ret->state == TC_GEN_FINISHED)
		return 0;
	view_iframe(py, frame, body + py->at.gi_frame, &ret->frame);
	if (ret->state == TC_GEN_CREATED)
		ret->frame.lasti = -1;
	if (ret->state == TC_GEN_SUSPENDED)
		ret->stack_end = stack_end(py, ret, body + py->at.gi_frame);
	if (!ret->stack_end)
		return 0;
	ret->slot = ret->stack_end - 8ul * py->at.target_slot;
	if (tc_get(py->mem, ret->slot, &ret->target) < 0)
		return -TC_EFAULT;
	ret->target = (ret->target & TAG_MASK) == TAG_MASK ? 0 : ret->target & ~TAG_MASK;
	return 0;
}

int tc_gen_read(const struct tc_py *py, tc_addr addr, struct tc_gen *ret)
{
	*ret = (struct tc_gen){ 0 };
	return py->at.frames == TC_FRAMES_OBJECT ? read_object_gen(py, addr, ret) :
						   read_embedded_gen(py, addr, ret);
}

int tc_gen_frame(const struct tc_py *py, tc_addr addr, tc_addr *ret)
{
	if (py->at.frames == TC_FRAMES_OBJECT)
		return tc_get(py->mem, addr + py->at.gi_frame, ret);
	*ret = addr + py->at.gi_frame;
	return 0;
}

bool tc_code_awaits(const struct tc_py *py, tc_addr code, int64_t lasti)
{
	uint8_t unit[2]; /* opcode, argument */
	tc_addr start = tc_code_start(py, code);

	if (!start || lasti < 0 || tc_get(py->mem, start + (uint64_t)lasti + 2, &unit) < 0)
		return false;
	if (py->at.await == TC_AWAIT_YIELD_FROM)
		return unit[0] == OPCODE_YIELD_FROM;
	/* The argument of RESUME: 0 start of a function, 1 after yield, 2 after yield from, 3 after
	 * await. */
	return (unit[0] == py->at.resume[0] || unit[0] == py->at.resume[1]) &&
	       ((unit[1] & 3) == RESUME_AFTER_YIELD_FROM || (unit[1] & 3) == RESUME_AFTER_AWAIT);
}

/* YIELD_FROM is followed by SETUP_ASYNC_WITH, whose argument is the size of the block. */
static enum tc_awaited old_awaited(const struct tc_py *py, tc_addr next)
{
	uint8_t unit[2] = { OPCODE_EXTENDED_ARG };

	for (int i = 0; i <= EXTENDED_ARGS && unit[0] == OPCODE_EXTENDED_ARG; i++)
		if (tc_get(py->mem, next + 2ul * (unsigned)i, &unit) < 0)
			return TC_AWAITED_UNKNOWN;
	return unit[0] == OPCODE_SETUP_ASYNC_WITH ? TC_AWAITED_ENTER : TC_AWAITED_OTHER;
}

bool tc_code_calls_c(const struct tc_py *py, tc_addr code, int64_t lasti)
{
	tc_addr start = lasti >= 0 ? tc_code_start(py, code) : 0;
	uint8_t op;

	return start && tc_get(py->mem, start + (uint64_t)lasti, &op) == 0 &&
	       py->at.c_calls[op >> 6] >> (op & 63) & 1;
}

/* GET_AWAITABLE comes a fixed number of units before lasti, and one more where the constant None
 * between them has a number above 255 (Python/compile.c and codegen.c, ADD_YIELD_FROM). */
enum tc_awaited tc_code_awaited(const struct tc_py *py, tc_addr code, int64_t lasti)
{
	uint8_t unit[2];
	tc_addr start = tc_code_start(py, code);

	if (!start || lasti < 0)
		return TC_AWAITED_UNKNOWN;
	if (py->at.await == TC_AWAIT_YIELD_FROM)
		return old_awaited(py, start + (uint64_t)lasti + 4);
	for (int back = py->at.await_units; back <= py->at.await_units + 1; back++) {
		int64_t at = lasti - 2 * back;
		if (at < 0 || tc_get(py->mem, start + (uint64_t)at, &unit) < 0)
			return TC_AWAITED_UNKNOWN;
		if (unit[0] == py->at.await_opcode)
			return unit[1] == AWAITABLE_OF_AENTER ? TC_AWAITED_ENTER : TC_AWAITED_OTHER;
	}
	return TC_AWAITED_UNKNOWN;
}

int tc_thread_frame(const struct tc_py *py, tc_addr tstate, tc_addr *ret)
{
	tc_addr frame;

	if (tc_get(py->mem, tstate + py->at.ts_frame, &frame) < 0)
		return -TC_EFAULT;
	if (py->at.frames == TC_FRAMES_CFRAME && frame &&
	    tc_get(py->mem, frame + py->at.cf_current, &frame) < 0)
		return -TC_EFAULT;
	*ret = frame;
	return 0;
}

int tc_frame_read(const struct tc_py *py, tc_addr addr, struct tc_frame_view *ret,
		  bool *ret_foreign, tc_addr *ret_previous)
{
	uint8_t body[FRAME_OBJECT_MAX];
	bool object = py->at.frames == TC_FRAMES_OBJECT;

	if (tc_read(py->mem, addr, body, object ? py->at.fo_locals : py->at.if_locals) < 0)
		return -TC_EFAULT;
	if (object) {
		view_object(py, addr, body, ret);
		*ret_foreign = false;
		*ret_previous = word_at(body, py->at.fo_back);
		return 0;
	}
	*ret_foreign = body[py->at.if_owner] >= py->at.owner_foreign;
	*ret_previous = word_at(body, py->at.if_previous);
	view_iframe(py, addr, body, ret);
	return 0;
}

static int read_names(const struct tc_py *py, tc_addr tuple, uint32_t *n)
{
	uint64_t size;

	if (tc_get(py->mem, tuple + TC_OB_SIZE, &size) < 0)
		return -TC_EFAULT;
	if (size > TC_NONE)
		return -TC_ETYPE;
	*n += (uint32_t)size;
	return 0;
}

int tc_code_facts_read(const struct tc_py *py, tc_addr code, struct tc_code_facts *ret)
{
	uint8_t body[144];
	const struct tc_layout *at = &py->at;

	*ret = (struct tc_code_facts){ 0 };
	if (tc_get(py->mem, code, &body) < 0)
		return -TC_EFAULT;
	ret->filename = word_at(body, at->co_filename);
	ret->name = word_at(body, at->co_name);
	ret->qualname = at->co_qualname == TC_NONE ? 0 : word_at(body, at->co_qualname);
	ret->flags = (uint32_t)int_at(body, at->co_flags);
	ret->firstlineno = (uint32_t)int_at(body, at->co_firstlineno);
	ret->names[0] = word_at(body, at->co_varnames);
	/* Up to 3.10 the slots are locals, cells, free variables, each with a tuple of its own. */
	if (at->co_cellvars != TC_NONE) {
		ret->names[1] = word_at(body, at->co_cellvars);
		ret->names[2] = word_at(body, at->co_freevars);
	}
	for (int i = 0; i < 3; i++)
		if (ret->names[i] && read_names(py, ret->names[i], &ret->n_slots) < 0)
			return -TC_EFAULT;
	return 0;
}

bool tc_code_names(const struct tc_py *py, tc_addr code, const char *name)
{
	const size_t want = strlen(name);
	struct tc_seq names;
	char text[16]; /* a longer one is cut, and is another name */
	tc_addr item;
	size_t len;

	if (tc_tuple_open(py, code + py->at.co_names, &names) < 0)
		return false;
	for (int i = 0; i < NAMES_MAX && tc_seq_next(&names, &item) > 0; i++)
		if (tc_str_read(py, item, text, sizeof(text), &len) == 0 && len == want &&
		    memcmp(text, name, want) == 0)
			return true;
	return false;
}
