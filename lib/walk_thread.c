/* SPDX-License-Identifier: Apache-2.0
 * The interpreter's threads: who they are to the kernel, their frames, their running loop and task,
 * the GIL. */
#include "walker.h"

#include "safe.h"

enum { HOLDER_LOOP = 16, GIL_LAST_HOLDER = 8, GIL_LOCKED = 16 };

/* The thread id inside struct pthread, which pthread_self's value points to: up to 3.10 the
 * interpreter itself keeps no native id. x86-64: nptl/descr.h of glibc, and
 * src/internal/pthread_impl.h of musl 1.2. */
static const uint16_t pthread_tid[] = { 720, 48 };

/* The kernel's thread with this id in the target's own namespace; NULL: none. */
static const struct tc_os_thread *os_thread(const struct tc_walker *w, uint64_t tid_ns)
{
	for (size_t i = 0; i < w->mem->n_threads; i++)
		if (w->mem->threads[i].tid_ns == tid_ns)
			return &w->mem->threads[i];
	return NULL;
}

static uint32_t native_id(struct tc_walker *w, tc_addr tstate, uint64_t ident)
{
	const struct tc_os_thread *thread = NULL;
	uint64_t id = 0;
	int32_t tid;

	if (w->py.at.ts_native_id != TC_NONE) {
		tc_get(w->mem, tstate + w->py.at.ts_native_id, &id);
		thread = id ? os_thread(w, id) : NULL;
	} else if (ident) {
		/* Which library it is, its threads tell: only one place holds the id of one. */
		for (size_t i = 0; i < sizeof(pthread_tid) / sizeof(pthread_tid[0]) && !thread; i++)
			if (tc_get(w->mem, ident + pthread_tid[i], &tid) == 0 && tid > 0)
				thread = os_thread(w, (uint64_t)tid);
	}
	return thread ? thread->tid_ns : 0;
}

static tc_addr running_loop(struct tc_walker *w, tc_addr tstate)
{
	tc_addr dict, loop = 0;

	if (w->py.at.running == TC_RUNNING_FIELD) {
		tc_get(w->mem, tstate + w->py.at.ts_running_loop, &loop);
	} else {
		/* asyncio.events._set_running_loop keeps it in the thread state's dict. */
		if (tc_get(w->mem, tstate + w->py.at.ts_dict, &dict) < 0 || !dict ||
		    tc_dict_get(&w->py, dict, "__asyncio_running_event_loop__", &loop) < 0)
			return 0;
		if (w->py.at.running == TC_RUNNING_HOLDER &&
		    tc_get(w->mem, loop + HOLDER_LOOP, &loop) < 0)
			return 0;
	}
	const struct tc_type *type = loop ? tc_walker_type_of(w, loop) : NULL;
	return type && type->kind != TC_KIND_NONE ? loop : 0;
}

static bool is_code(struct tc_walker *w, tc_addr addr)
{
	const struct tc_type *type = tc_walker_type_of(w, addr);

	return type && type->kind == TC_KIND_CODE;
}

/* All frames of a thread, innermost first, into the arena. */
static void read_frames(struct tc_walker *w, struct tc_thread_view *thread)
{
	tc_addr at, previous;
	uint32_t n_foreign = 0; /* of C, between Python's: in torn memory they may lead in a ring */
	bool foreign;

	if (tc_thread_frame(&w->py, thread->tstate, &at) < 0) {
		thread->torn = true;
		return;
	}
	while (at) {
		struct tc_frame_view *frame = tc_arena_extend(
			w->arena, thread->frames ? thread->frames + thread->n_frames + n_foreign : NULL,
			sizeof(*frame));
		if (!frame || thread->n_frames == TC_CHAIN_MAX || n_foreign == TC_CHAIN_MAX) {
			if (!frame)
				tc_walker_check_arena(w);
			thread->cut = true;
			break;
		}
		if (!thread->frames)
			thread->frames = frame;
		/* One array: the arena hands out 32 bytes after 32 bytes while nothing else takes
		 * from it. */
		frame = &thread->frames[thread->n_frames];
		if (tc_frame_read(&w->py, at, frame, &foreign, &previous) < 0 || previous == at) {
			thread->torn = true;
			break;
		}
		if (foreign)
			n_foreign++;
		else
			thread->n_frames++;
		at = previous;
	}
}

static void read_thread(struct tc_walker *w, tc_addr tstate)
{
	struct tc_thread_view *thread = &w->threads[w->n_threads++];

	*thread = (struct tc_thread_view){ .tstate = tstate };
	tc_get(w->mem, tstate + w->py.at.ts_thread_id, &thread->ident);
	thread->tid = native_id(w, tstate, thread->ident);
	thread->running_loop = running_loop(w, tstate);
	if (w->py.at.ts_running_task != TC_NONE)
		tc_get(w->mem, tstate + w->py.at.ts_running_task, &thread->running_task);
	read_frames(w, thread);
}

static void note_current(struct tc_walker *w, tc_addr task)
{
	if (task && w->n_current < TC_CURRENT_MAX)
		w->current[w->n_current++] = task;
}

/* asyncio.tasks._current_tasks, {loop: task}: the running tasks up to 3.13, and those of _PyTask in
 * all versions. */
static void read_current(struct tc_walker *w)
{
	tc_addr dict, loop, task;
	struct tc_dict entries;

	if (tc_get(w->mem, w->asyncio_tasks + TC_MODULE_DICT, &dict) < 0 ||
	    tc_dict_get(&w->py, dict, "_current_tasks", &dict) < 0 ||
	    tc_dict_open(&w->py, dict, &entries) < 0)
		return;
	while (tc_dict_next(&entries, &loop, &task) > 0) {
		note_current(w, task);
		for (uint32_t i = 0; i < w->n_threads; i++)
			if (w->threads[i].running_loop == loop && !w->threads[i].running_task)
				w->threads[i].running_task = task;
	}
}

void tc_walker_threads(struct tc_walker *w)
{
	tc_addr tstate, back;

	w->n_threads = w->n_current = 0;
	if (tc_get(w->mem, w->interp + w->py.at.is_threads_head, &tstate) < 0)
		return;
	while (tstate) {
		if (tc_get(w->mem, tstate + w->py.at.ts_interp, &back) < 0 || back != w->interp) {
			tc_walker_fault(w, tstate, TC_ETORN, "thread state");
			break;
		}
		if (w->n_threads == TC_THREADS_MAX) {
			tc_walker_notice(w, "more than 8192 threads: the rest is left out");
			break;
		}
		read_thread(w, tstate);
		note_current(w, w->threads[w->n_threads - 1].running_task);
		if (tc_get(w->mem, tstate + w->py.at.ts_next, &tstate) < 0)
			break;
	}
	if (w->asyncio_tasks)
		read_current(w);
}

enum tc_frame tc_frame_kind(uint32_t flags)
{
	return flags & TC_CO_COROUTINE				    ? TC_FRAME_CORO :
	       flags & TC_CO_ASYNC_GENERATOR			    ? TC_FRAME_ASYNCGEN :
	       flags & (TC_CO_GENERATOR | TC_CO_ITERABLE_COROUTINE) ? TC_FRAME_GENERATOR :
								      TC_FRAME_CALL;
}

/* The whole stack as a chain, outermost first. */
static uint32_t stack_chain(struct tc_walker *w, struct tc_thread_view *thread)
{
	uint32_t chain = 0;
	bool awaits;

	tc_walker_locals_begin(w);
	if (thread->cut)
		chain = tc_walker_link(w, 0, TC_FRAME_TEXT,
				       tc_walker_text(w, "outer frames cut", 16, TC_STR_CODE));
	for (uint32_t i = thread->n_frames; i-- > 0;) {
		const struct tc_frame_view *frame = &thread->frames[i];
		const struct tc_pycode *code =
			is_code(w, frame->code) ? tc_walker_code(w, frame->code, 0) : NULL;
		if (code) {
			chain = tc_walker_link(w, chain, tc_frame_kind(code->facts.flags),
					       tc_walker_site(w, code, frame->lasti, &awaits));
			tc_walker_frame_locals(w, code, frame->locals);
		} else {
			chain = tc_walker_link(w, chain, TC_FRAME_UNKNOWN, 0);
		}
	}
	return chain;
}

/* The thread state that holds the GIL; 0: nobody, or it cannot be read (*ret_known). */
static tc_addr gil_holder(struct tc_walker *w, bool *ret_known)
{
	tc_addr gil, holder = 0;
	int32_t locked = 0;
	int r;

	if (w->py.at.is_gil != TC_NONE) {
		r = tc_get(w->mem, w->interp + w->py.at.is_gil, &gil);
		if (r == 0)
			r = tc_get(w->mem, gil + GIL_LOCKED, &locked);
		if (r == 0)
			r = tc_get(w->mem, gil + GIL_LAST_HOLDER, &holder);
	} else {
		r = tc_get(w->mem, w->runtime + w->py.at.rt_gil_locked, &locked);
		if (r == 0)
			r = tc_get(w->mem, w->runtime + w->py.at.rt_gil_last_holder, &holder);
	}
	*ret_known = r == 0;
	return locked == 1 ? holder : 0;
}

uint32_t tc_walker_gil_holder(struct tc_walker *w)
{
	bool known;
	tc_addr holder = gil_holder(w, &known);

	for (uint32_t i = 0; i < w->n_threads; i++)
		if (w->threads[i].tstate == holder)
			return w->threads[i].tid;
	return 0;
}

void tc_walker_thread_records(struct tc_walker *w)
{
	bool known;
	tc_addr holder = gil_holder(w, &known);

	for (uint32_t i = 0; i < w->n_threads; i++) {
		struct tc_thread_view *thread = &w->threads[i];
		uint32_t loop = thread->running_loop ? tc_walker_loop(w, thread->running_loop) : 0;
		uint32_t chain = stack_chain(w, thread);
		/* The list of threads is built from its front: the first thread made is the last
		 * entry. */
		tc_record_begin(w->out, TC_REC_PYTHREAD);
		tc_put_u(w->out, w->interp_id);
		tc_put_u(w->out, thread->tstate);
		tc_put_u(w->out, thread->tid);
		tc_put_u(w->out, thread->ident);
		tc_put_u(w->out, (thread->tstate == holder ? TC_PYTHREAD_HOLDS_GIL : 0u) |
					 (i + 1 == w->n_threads ? TC_PYTHREAD_MAIN : 0u) |
					 (thread->torn ? TC_PYTHREAD_TORN : 0u) |
					 (known ? TC_PYTHREAD_GIL_KNOWN : 0u));
		tc_put_u(w->out, loop);
		tc_put_u(w->out, thread->running_task);
		tc_put_u(w->out, chain);
		tc_record_end(w->out);
		tc_walker_put_locals(w, thread->tstate);
		tc_walker_want_locals(w, TC_FRAMES_KEPT);
		tc_walker_objects(w);
		w->counts->threads++;
	}
}
