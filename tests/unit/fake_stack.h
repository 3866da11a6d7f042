/* SPDX-License-Identifier: Apache-2.0
 * The value stacks of the fake interpreter's suspended frames, with the exit functions that a with
 * block keeps there. */
#ifndef TC_FAKE_STACK_H
#define TC_FAKE_STACK_H

#include "tests/unit/fake_python.h"

/* What a coroutine waits in: the body of a with block, its entering, or nobody can say. */
enum awaited { BODY, ENTERS, UNKNOWN };

/* A stack that is built from the bottom on. */
struct fake_stack {
	struct fake *f;
	tc_addr values[80];
	size_t n;
};

bool fake_is_old(const struct fake *f); /* frames are objects: up to 3.10 */
/* Code that awaits so. wide: its argument takes an EXTENDED_ARG. */
tc_addr fake_code_that(struct fake *f, enum awaited awaited, bool wide);
tc_addr fake_manager(struct fake *f, const char *class);
void fake_push(struct fake_stack *stack, tc_addr value);
/* What the with block keeps: the exit function of the manager, a bound method up to 3.13. */
void fake_push_method(struct fake_stack *stack, tc_addr manager, const char *qualname);
void fake_push_held(struct fake_stack *stack, const char *class);  /* of async with */
void fake_push_plain(struct fake_stack *stack, const char *class); /* of with */
/* Of a class in C, such as threading.Lock: its __exit__ is a method of C. */
void fake_push_native(struct fake_stack *stack, tc_addr manager, const char *name);
/* A coroutine that awaits with this stack below what it awaits. */
tc_addr fake_holder(const struct fake_stack *stack, tc_addr code, tc_addr awaits);
/* A generator g that has given a value with this stack. */
tc_addr fake_paused(const struct fake_stack *stack, enum fake_type type);
tc_addr fake_locals(struct fake *f, tc_addr coro); /* where its frame's locals begin */

#endif
