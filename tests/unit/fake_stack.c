/* SPDX-License-Identifier: Apache-2.0
 * The value stacks of the fake interpreter's suspended frames, with the exit functions that a with
 * block keeps there. */
#include "tests/unit/fake_stack.h"

#include <stdio.h>
#include <string.h>

/* A frame is suspended at LASTI; up to 3.10 that is right before its YIELD_FROM. */
enum { LASTI = 16, CODE_UNITS = 64, SETUP_ASYNC_WITH = 154 };
enum { OLD_EXTENDED_ARG = 144, YIELD_FROM = 72, AFTER_AWAIT = 3 };
bool fake_is_old(const struct fake *f)
{
	return f->py.at.frames == TC_FRAMES_OBJECT;
}

/* GET_AWAITABLE of each version from 3.11 on: its opcode, and by how many units it comes before
 * lasti (dis of `async def f(): await g()`: GET_AWAITABLE, from 3.15 on PUSH_NULL, LOAD_CONST,
 * SEND with its cache from 3.12 on, YIELD_VALUE; from 3.13 on lasti is behind that). */
static const struct {
	uint8_t opcode, units;
} awaitable[] = {
	[11] = { 131, 3 }, [12] = { 131, 4 }, [13] = { 73, 5 }, [14] = { 71, 5 }, [15] = { 69, 6 }
};

/* Up to 3.10 what follows the YIELD_FROM tells, from 3.11 on the argument of GET_AWAITABLE, which
 * is one more unit before it where wide. */
static void put_units(const struct fake *f, uint8_t *units, enum awaited awaited, bool wide)
{
	const struct tc_layout *at = &f->py.at;
	size_t i = LASTI + 4;

	if (fake_is_old(f)) {
		units[LASTI + 2] = YIELD_FROM;
		if (wide)
			units[i] = OLD_EXTENDED_ARG, i += 2;
		units[i] = awaited == ENTERS ? SETUP_ASYNC_WITH : 1;
		return;
	}
	units[LASTI + 2] = at->resume[0];
	units[LASTI + 3] = AFTER_AWAIT;
	i = LASTI - 2u * awaitable[at->minor].units - (wide ? 2 : 0);
	units[i] = awaited == UNKNOWN ? 1 : awaitable[at->minor].opcode;
	units[i + 1] = awaited == ENTERS;
}

tc_addr fake_code_that(struct fake *f, enum awaited awaited, bool wide)
{
	tc_addr code = fake_code(f, (struct fake_code){ .flags = TC_CO_COROUTINE });
	uint8_t units[CODE_UNITS] = { 0 };

	put_units(f, units, awaited, wide);
	if (fake_is_old(f))
		fake_put(f, code + f->py.at.co_code, fake_bytes(f, units, sizeof(units)));
	else
		fake_put_bytes(f, code + f->py.at.co_adaptive, units, sizeof(units));
	return code;
}

void fake_push(struct fake_stack *stack, tc_addr value)
{
	stack->values[stack->n++] = value;
}

tc_addr fake_manager(struct fake *f, const char *class)
{
	return fake_instance(f, fake_class(f, (struct fake_class){ .name = class }), FAKE_EMPTY);
}

void fake_push_method(struct fake_stack *stack, tc_addr manager, const char *qualname)
{
	tc_addr function = fake_function(stack->f, 0, qualname, FAKE_EMPTY);
	bool two = stack->f->py.at.with_values == 2;

	fake_push(stack, two ? function : fake_method(stack->f, function, manager));
	if (two)
		fake_push(stack, manager);
}

void fake_push_held(struct fake_stack *stack, const char *class)
{
	char qualname[64];

	snprintf(qualname, sizeof(qualname), "%s.__aexit__", class);
	fake_push_method(stack, fake_manager(stack->f, class), qualname);
}

void fake_push_plain(struct fake_stack *stack, const char *class)
{
	fake_push_method(stack, fake_manager(stack->f, class), "outer.<locals>.Class.__exit__");
}

void fake_push_native(struct fake_stack *stack, tc_addr manager, const char *name)
{
	struct fake *f = stack->f;
	tc_addr text = fake_alloc(f, 32), def = fake_alloc(f, 32), value;

	if (f->py.at.with_values == 2) {
		value = fake_object(f, fake_static_type(f, "method_descriptor", 0, 48), 48);
		fake_put(f, value + 24, fake_str(f, name));
		fake_push(stack, value);
		fake_push(stack, manager);
		return;
	}
	fake_put_bytes(f, text, name, strlen(name) + 1);
	fake_put(f, def, text);
	value = fake_builtin(f, manager);
	fake_put(f, value + 16, def);
	fake_push(stack, value);
}

tc_addr fake_locals(struct fake *f, tc_addr coro)
{
	return fake_coro_frame(f, coro) +
	       (fake_is_old(f) ? f->py.at.fo_locals : f->py.at.if_locals);
}

tc_addr fake_holder(const struct fake_stack *stack, tc_addr code, tc_addr awaits)
{
	struct fake *f = stack->f;
	tc_addr coro = fake_coro(f, (struct fake_coro){ .code = code,
							.awaits = awaits,
							.n_locals = stack->n,
							.locals = stack->values });
	tc_addr frame = fake_coro_frame(f, coro);

	if (fake_is_old(f))
		fake_put32(f, frame + f->py.at.fo_lasti, LASTI / f->py.at.lasti_unit);
	else
		fake_put(f, frame + f->py.at.if_instr, code + f->py.at.co_adaptive + LASTI);
	return coro;
}

tc_addr fake_paused(const struct fake_stack *stack, enum fake_type type)
{
	struct fake *f = stack->f;
	tc_addr code = fake_code(f, (struct fake_code){ .name = "g" });
	tc_addr gen = fake_coro(f, (struct fake_coro){ .type = type,
						       .code = code,
						       .qualname = "g",
						       .suspended = true,
						       .n_locals = stack->n,
						       .locals = stack->values });
	tc_addr frame = fake_coro_frame(f, gen), locals = fake_locals(f, gen);

	if (fake_is_old(f) && f->py.at.fo_state != TC_NONE) {
		fake_put(f, frame + f->py.at.fo_valuestack, locals);
		fake_put32(f, frame + f->py.at.fo_stack, (uint32_t)stack->n);
	} else if (fake_is_old(f)) {
		fake_put(f, frame + f->py.at.fo_stack, locals + 8 * stack->n);
	}
	return gen;
}
