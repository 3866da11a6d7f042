/* SPDX-License-Identifier: Apache-2.0
 * The fake interpreter's code objects, frames, generators and tracebacks. Layouts:
 * Include/cpython/{code,frameobject,genobject,traceback}.h, Include/internal/pycore_frame.h. */
#include <stdlib.h>

#include "tests/unit/fake_python.h"

enum { CODE_BYTES = 512, FRAME_STACK = 4, YIELD_FROM = 72, AFTER_AWAIT = 3, SUSPENDED_AT = 2 };

static bool is_object(const struct fake *f)
{
	return f->py.at.frames == TC_FRAMES_OBJECT;
}

/* The instruction at 0 is of the first line, all that follow of the next one. */
static tc_addr default_table(struct fake *f)
{
	static const uint8_t lnotab[] = { 2, 1 }, table[] = { 2, 0, 200, 1 },
			     locations[] = { 0xe8, 0, 0xef, 2 };

	switch (f->py.at.lines) {
	case TC_LINES_LNOTAB:
		return fake_bytes(f, lnotab, sizeof(lnotab));
	case TC_LINES_TABLE:
		return fake_bytes(f, table, sizeof(table));
	default: /* without columns: 1 unit, 8 units */
		return fake_bytes(f, locations, sizeof(locations));
	}
}

/* The instructions: only the one behind SUSPENDED_AT is of interest. */
static void put_instructions(struct fake *f, tc_addr code, bool awaits)
{
	const struct tc_layout *at = &f->py.at;
	uint8_t units[32] = { 0 };

	if (awaits) {
		units[SUSPENDED_AT + 2] =
			at->await == TC_AWAIT_YIELD_FROM ? YIELD_FROM : at->resume[0];
		units[SUSPENDED_AT + 3] = AFTER_AWAIT;
	}
	if (at->co_adaptive != TC_NONE)
		fake_put_bytes(f, code + at->co_adaptive, units, sizeof(units));
	else
		fake_put(f, code + at->co_code, fake_bytes(f, units, sizeof(units)));
}

/* From 3.11 all names are in one tuple. */
static void put_names(struct fake *f, tc_addr object, const struct fake_code *code)
{
	const char *parts[] = { code->names ? code->names : "", code->cells ? code->cells : "",
				code->frees ? code->frees : "" };
	char all[512] = "";

	if (f->py.at.co_cellvars != TC_NONE) {
		fake_put(f, object + f->py.at.co_varnames, fake_names(f, parts[0]));
		fake_put(f, object + f->py.at.co_cellvars, fake_names(f, parts[1]));
		fake_put(f, object + f->py.at.co_freevars, fake_names(f, parts[2]));
		return;
	}
	for (int i = 0; i < 3; i++) {
		if (strlen(all) + strlen(parts[i]) + 2 > sizeof(all))
			abort();
		if (*all && *parts[i])
			strcat(all, " ");
		strcat(all, parts[i]);
	}
	fake_put(f, object + f->py.at.co_varnames, fake_names(f, all));
}

tc_addr fake_code(struct fake *f, struct fake_code code)
{
	const struct tc_layout *at = &f->py.at;
	tc_addr object = fake_object(f, f->types[FAKE_CODE], CODE_BYTES);
	const char *name = code.name ? code.name : "f";

	fake_put32(f, object + at->co_flags, code.flags);
	fake_put32(f, object + at->co_firstlineno, code.line ? code.line : 10);
	fake_put(f, object + at->co_filename, fake_str(f, code.file ? code.file : "/app/main.py"));
	fake_put(f, object + at->co_name, fake_str(f, name));
	if (at->co_qualname != TC_NONE)
		fake_put(f, object + at->co_qualname,
			 fake_str(f, code.qualname ? code.qualname : name));
	fake_put(f, object + at->co_linetable,
		 code.table ? fake_bytes(f, code.table, code.table_size) : default_table(f));
	put_instructions(f, object, code.awaits);
	put_names(f, object, &code);
	return object;
}

static tc_addr locals_of(const struct fake *f, tc_addr frame)
{
	return frame + (is_object(f) ? f->py.at.fo_locals : f->py.at.if_locals);
}

/* One value on the frame's stack, behind its locals; and what this version keeps above it. */
static void put_stack(struct fake *f, tc_addr frame, size_t n_locals, tc_addr value)
{
	const struct tc_layout *at = &f->py.at;
	tc_addr bottom = locals_of(f, frame) + 8 * n_locals;
	unsigned depth = value ? at->target_slot : 0;

	fake_put(f, bottom, value);
	if (is_object(f) && at->fo_state != TC_NONE)
		fake_put32(f, frame + at->fo_stack, depth);
	else if (is_object(f))
		fake_put(f, frame + at->fo_stack, value ? bottom + 8 * depth : 0);
	else if (at->stack_is_pointer)
		fake_put(f, frame + at->if_stack, bottom + 8 * depth);
	else
		fake_put32(f, frame + at->if_stack, (uint32_t)n_locals + depth);
}

/* Fill a frame in place. Bytes of if_stack and if_owner may share a word: the owner comes last. */
static void put_frame(struct fake *f, tc_addr at, const struct fake_frame *frame, tc_addr awaits)
{
	const struct tc_layout *layout = &f->py.at;
	uint16_t previous = is_object(f) ? layout->fo_back : layout->if_previous;

	fake_put(f, at + previous, frame->previous);
	if (frame->n_locals)
		fake_put_bytes(f, locals_of(f, at), frame->locals, 8 * frame->n_locals);
	put_stack(f, at, frame->n_locals, awaits);
	if (is_object(f)) {
		fake_put(f, at + layout->fo_code, frame->code);
		fake_put(f, at + layout->fo_valuestack, locals_of(f, at) + 8 * frame->n_locals);
		fake_put32(f, at + layout->fo_lasti,
			   (uint32_t)(frame->lasti < 0 ? -1 : frame->lasti / layout->lasti_unit));
		return;
	}
	fake_put(f, at + layout->if_code, frame->code);
	fake_put(f, at + layout->if_instr,
		 frame->code + layout->co_adaptive + (uint64_t)frame->lasti);
	fake_put8(f, at + layout->if_owner, (uint8_t)frame->owner);
}

static size_t frame_bytes(const struct fake *f, size_t n_locals)
{
	return (is_object(f) ? f->py.at.fo_locals : f->py.at.if_locals) +
	       8 * (n_locals + FRAME_STACK);
}

tc_addr fake_frame(struct fake *f, struct fake_frame frame)
{
	tc_addr at = is_object(f) ?
			     fake_object(f, f->types[FAKE_FRAME], frame_bytes(f, frame.n_locals)) :
			     fake_alloc(f, frame_bytes(f, frame.n_locals));

	put_frame(f, at, &frame, 0);
	return at;
}

tc_addr fake_frame_object(struct fake *f, tc_addr frame)
{
	if (is_object(f))
		return frame;
	tc_addr object = fake_object(f, f->types[FAKE_FRAME], 96);
	fake_put(f, object + f->py.at.fo_frame, frame);
	return object;
}

static int8_t state_value(const struct tc_gen_states *states, enum tc_gen_state state, bool awaits)
{
	switch (state) {
	case TC_GEN_CREATED:
		return states->created;
	case TC_GEN_EXECUTING:
		return states->executing;
	case TC_GEN_FINISHED:
		return (int8_t)(states->executing +
				(states->executing ? 1 : 4)); /* FRAME_CLEARED */
	default:
		return awaits && states->yield_from != 127 ? states->yield_from : states->suspended;
	}
}

/* Up to 3.10 the generator points to a frame object, which it loses at its end. */
static void put_object_gen(struct fake *f, tc_addr gen, const struct fake_frame *frame,
			   enum tc_gen_state state, tc_addr awaits)
{
	const struct tc_layout *at = &f->py.at;

	if (state == TC_GEN_FINISHED)
		return;
	tc_addr object = fake_frame(f, *frame);
	put_stack(f, object, frame->n_locals, awaits);
	fake_put(f, gen + at->gi_frame, object);
	if (at->fo_state != TC_NONE)
		fake_put8(f, object + at->fo_state,
			  (uint8_t)state_value(&at->states, state, false));
	else if (state == TC_GEN_EXECUTING)
		fake_put8(f, gen + at->gi_running, 1);
}

tc_addr fake_coro(struct fake *f, struct fake_coro coro)
{
	const struct tc_layout *at = &f->py.at;
	enum tc_gen_state state = coro.suspended || coro.awaits ? TC_GEN_SUSPENDED : coro.state;
	struct fake_frame frame = { .code = coro.code,
				    .lasti = state == TC_GEN_CREATED ? -1 : SUSPENDED_AT,
				    .n_locals = coro.n_locals,
				    .locals = coro.locals,
				    .owner = 1 };
	tc_addr gen = fake_object(f, f->types[coro.type ? coro.type : FAKE_CORO],
				  160 + frame_bytes(f, coro.n_locals));

	fake_put(f, gen + at->gi_qualname, fake_str(f, coro.qualname ? coro.qualname : "f"));
	if (is_object(f)) {
		put_object_gen(f, gen, &frame, state, coro.awaits);
		return gen;
	}
	put_frame(f, gen + at->gi_frame, &frame, coro.awaits);
	fake_put8(f, gen + at->gi_state,
		  (uint8_t)state_value(&at->states, state, coro.awaits != 0));
	return gen;
}

tc_addr fake_coro_frame(struct fake *f, tc_addr coro)
{
	return is_object(f) ? fake_word(f, coro + f->py.at.gi_frame) : coro + f->py.at.gi_frame;
}

void fake_await(struct fake *f, tc_addr coro, tc_addr target)
{
	fake_put(f, locals_of(f, fake_coro_frame(f, coro)), target);
}

tc_addr fake_coros(struct fake *f, tc_addr code, size_t n, tc_addr target)
{
	for (; n > 0; n--)
		target = fake_coro(f, (struct fake_coro){ .code = code, .awaits = target });
	return target;
}

tc_addr fake_traceback(struct fake *f, tc_addr frame, int32_t lasti, tc_addr next)
{
	tc_addr at = fake_object(f, f->types[FAKE_TRACEBACK], 64);

	fake_put(f, at + 16, next);
	fake_put(f, at + 24, fake_frame_object(f, frame));
	fake_put32(f, at + 32, (uint32_t)lasti);
	return at;
}

tc_addr fake_exception(struct fake *f, tc_addr traceback)
{
	tc_addr at = fake_object(f, f->types[FAKE_EXCEPTION], 72);

	fake_put(f, at + f->py.at.exc_traceback, traceback);
	return at;
}
