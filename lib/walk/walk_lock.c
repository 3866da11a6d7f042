/* SPDX-License-Identifier: Apache-2.0
 * A thread that takes a lock calls a method of it, which lies on the stack of the frame: bound, or
 * with the lock above it. Up to 3.13 a lock has a semaphore of glibc, in whose first word the
 * thread sleeps (Modules/_threadmodule.c, Python/thread_pthread.h, nptl/sem_waitcommon.c), so that
 * stale values on the stack are told apart. From 3.14 on it has a mutex of a byte, and threads
 * sleep elsewhere (Python/parking_lot.c); there the frame says where its stack ends. */
#include "lib/walk/walk_lock.h"

#include <sys/syscall.h>

#include "lib/walk/walk_code.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

enum { STACK_MAX = 32, LOCK_SEMAPHORE = 16 };

/* The lock that a value on the stack is, or is a bound method of; 0: it is none. */
static tc_addr lock_of(struct tc_walker *w, uint64_t word)
{
	tc_addr object = tc_slot_object(word), self = 0;
	const struct tc_walk_type *type = object ? tc_walker_type_of(w, object) : NULL;

	if (type && type->kind == TC_KIND_BUILTIN &&
	    tc_get(w->mem, object + TC_BUILTIN_SELF, &self) == 0) {
		object = self;
		type = self ? tc_walker_type_of(w, self) : NULL;
	}
	return type && type->kind == TC_KIND_LOCK ? object : 0;
}

/* Is the value right below a lock on the stack one of its methods (PyDescrObject: d_type)? */
static bool is_method_of(struct tc_walker *w, uint64_t word, tc_addr lock)
{
	tc_addr method = tc_slot_object(word), of, type;
	const struct tc_walk_type *method_type = method ? tc_walker_type_of(w, method) : NULL;

	return method_type && method_type->kind == TC_KIND_METHOD_DESCRIPTOR &&
	       tc_get(w->mem, method + TC_DESCRIPTOR_TYPE, &of) == 0 &&
	       tc_get(w->mem, lock + TC_OB_TYPE, &type) == 0 && of == type;
}

static bool is_callable(struct tc_walker *w, uint64_t word)
{
	tc_addr object = tc_slot_object(word);
	const struct tc_walk_type *type = object ? tc_walker_type_of(w, object) : NULL;

	return type && (type->kind == TC_KIND_METHOD_DESCRIPTOR || type->kind == TC_KIND_METHOD ||
			type->kind == TC_KIND_BUILTIN || type->kind == TC_KIND_FUNCTION);
}

/* 3.14+: the topmost lock of which a method was called, with nothing above it that is being called
 * for an argument. */
static tc_addr by_method(struct tc_walker *w, tc_addr base, tc_addr end)
{
	uint64_t word, below = 0;
	tc_addr lock, found = 0;

	for (uint32_t i = 0; i < STACK_MAX && base + 8ul * i < end; i++, below = word) {
		if (tc_get(w->mem, base + 8ul * i, &word) < 0)
			break;
		lock = lock_of(w, word);
		if (lock && is_method_of(w, below, lock))
			found = lock;
		else if (is_callable(w, word))
			found = 0;
	}
	return found;
}

/* Up to 3.13: the lock whose semaphore the thread sleeps in. */
static tc_addr by_semaphore(struct tc_walker *w, tc_addr base, uint64_t futex)
{
	uint64_t word;
	tc_addr lock, semaphore;

	for (uint32_t i = 0; i < STACK_MAX; i++) {
		if (tc_try_read(w->mem, base + 8ul * i, &word, sizeof(word)) < 0)
			break;
		lock = lock_of(w, word);
		if (lock && tc_get(w->mem, lock + LOCK_SEMAPHORE, &semaphore) == 0 &&
		    semaphore == futex)
			return lock;
	}
	return 0;
}

tc_addr tc_walker_lock_waited(struct tc_walker *w, const struct tc_os_thread *os,
			      const struct tc_frame_view *frame)
{
	const struct tc_walk_code *code =
		os->syscall == SYS_futex ? tc_walker_code(w, frame->code, 0) : NULL;
	tc_addr end;

	if (!code)
		return 0;
	tc_addr base = frame->locals + 8ul * code->facts.n_slots;
	if (!w->py.at.stack_is_pointer)
		return by_semaphore(w, base, os->args[0]);
	return tc_get(w->mem, frame->addr + w->py.at.if_stack, &end) < 0 ? 0 :
									   by_method(w, base, end);
}
