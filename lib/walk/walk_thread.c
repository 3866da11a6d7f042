/* SPDX-License-Identifier: Apache-2.0
 * The interpreter's threads: their ids in the kernel, their frames, their running loop and task,
 * the GIL. */
#include "lib/walk/walk_thread.h"

#include <sys/syscall.h>
#include <time.h>

#include "lib/base/strbuf.h"
#include "lib/sys/sys.h"
#include "lib/walk/walk_code.h"
#include "lib/walk/walk_crash.h"
#include "lib/walk/walk_holds.h"
#include "lib/walk/walk_locals.h"
#include "lib/walk/walk_lock.h"
#include "lib/walk/walk_loop.h"
#include "lib/walk/walk_note.h"
#include "lib/walk/walk_object.h"
#include "lib/walk/walk_string.h"
#include "lib/walk/walk_type.h"
#include "lib/walk/walker.h"

#include "lib/base/safe.h"

#define RUNNER_INTERPS 64

enum { HOLDER_LOOP = 16, HOLDER_PID = 24 };

/* struct _gil_runtime_state of CPython's pycore_gil.h, the same from 3.8 to 3.15: interval,
 * last_holder, locked, switch_number, then two condition variables (48 bytes in glibc and musl) and
 * two mutexes (40 bytes). */
enum { GIL_LAST_HOLDER = 8, GIL_LOCKED = 16, GIL_SIZE = 208 };

/* Offsets of the thread id in struct pthread, whose address pthread_self returns: up to 3.10 the
 * interpreter itself keeps no native id. x86-64: nptl/descr.h of glibc, and
 * src/internal/pthread_impl.h of musl 1.2. */
static const uint16_t pthread_tid[] = { 720, 48 };

/* The kernel's thread with this id in the target's own pid namespace; NULL: none. */
static const struct tc_os_thread *os_thread(const struct tc_walker *w, uint64_t tid_ns)
{
	const uint64_t *number = tc_hash_find(&w->threads.os, tid_ns);

	return number && *number ? &w->mem->threads[*number - 1] : NULL;
}

/* Fill the table for os_thread; only the first call does. */
static void index_os_threads(struct tc_walker *w)
{
	if (w->threads.os.n)
		return;
	for (size_t i = 0; i < w->mem->n_threads; i++) {
		uint32_t tid = w->mem->threads[i].tid_ns; /* 0: could not be told */
		uint64_t *number = tid ? tc_hash_at(&w->threads.os, tid) : NULL;
		if (number && !*number)
			*number = i + 1;
	}
}

/* Find a thread by its struct pthread. We do not know the C library, but only at its offset is the
 * id of a thread that exists. */
static const struct tc_os_thread *pthread_thread(const struct tc_walker *w, uint64_t ident)
{
	const struct tc_os_thread *thread = NULL;
	int32_t tid;

	for (size_t i = 0; i < sizeof(pthread_tid) / sizeof(pthread_tid[0]) && !thread; i++)
		if (tc_get(w->mem, ident + pthread_tid[i], &tid) == 0 && tid > 0)
			thread = os_thread(w, (uint64_t)tid);
	return thread;
}

/* The thread's id in the target's own pid namespace; 0: unknown. Where a C program forks without
 * telling Python (the workers of uwsgi), the interpreter still has the parent's id; the C library
 * has the right one. */
static uint32_t native_id(struct tc_walker *w, tc_addr tstate, uint64_t ident)
{
	const struct tc_os_thread *thread = NULL;
	uint64_t id = 0;

	if (w->py.at.ts_native_id != TC_NONE &&
	    tc_get(w->mem, tstate + w->py.at.ts_native_id, &id) == 0 && id)
		thread = os_thread(w, id);
	if (!thread && ident)
		thread = pthread_thread(w, ident);
	if (!thread && w->mem->threads_missing)
		return (uint32_t)id; /* it may be one of the missing ones */
	return thread ? thread->tid_ns : 0;
}

/* In a process that was forked without the C library (a raw clone) both ids are the parent's. If it
 * has one thread, and one thread state has frames, they belong together. */
static void match_single(struct tc_walker *w)
{
	struct tc_walk_thread *only = NULL;

	for (uint32_t i = 0; i < w->threads.n; i++) {
		if (!w->threads.at[i].n_frames)
			continue;
		if (only || w->threads.at[i].tid)
			return;
		only = &w->threads.at[i];
	}
	if (only && w->mem->n_threads == 1)
		only->tid = w->mem->threads[0].tid_ns;
}

/* The object that the thread state has as its running loop, which may be None; 0: none. *ret_pid:
 * the process that it was set in, kept up to 3.11; 0: unknown. */
static tc_addr named_loop(const struct tc_py *py, tc_addr tstate, int32_t *ret_pid)
{
	tc_addr dict, loop = 0;

	*ret_pid = 0;
	if (py->at.running == TC_RUNNING_FIELD) {
		tc_get(py->mem, tstate + py->at.ts_running_loop, &loop);
		return loop;
	}
	/* asyncio.events._set_running_loop keeps it in the thread state's dict. */
	if (tc_get(py->mem, tstate + py->at.ts_dict, &dict) < 0 || !dict ||
	    tc_dict_get(py, dict, "__asyncio_running_event_loop__", &loop) < 0)
		return 0;
	if (py->at.running == TC_RUNNING_HOLDER &&
	    (tc_get(py->mem, loop + HOLDER_PID, ret_pid) < 0 ||
	     tc_get(py->mem, loop + HOLDER_LOOP, &loop) < 0))
		return 0;
	return loop;
}

/* A loop that was set in another process is of a parent that has forked this one, and counts only
 * there (Modules/_asynciomodule.c, get_running_loop: rl_pid). */
static tc_addr running_loop(struct tc_walker *w, tc_addr tstate)
{
	int32_t pid;
	tc_addr loop = named_loop(&w->py, tstate, &pid);
	const struct tc_walk_type *type = loop ? tc_walker_type_of(w, loop) : NULL;
	bool foreign = pid > 0 && w->mem->n_threads && !w->mem->threads_missing &&
		       !os_thread(w, (uint64_t)pid);

	return type && type->kind != TC_KIND_NONE && !foreign ? loop : 0;
}

static bool is_code(struct tc_walker *w, tc_addr addr)
{
	const struct tc_walk_type *type = tc_walker_type_of(w, addr);

	return type && type->kind == TC_KIND_CODE;
}

/* The threads that a dump needs most: those that run loops, and the main thread. New threads are
 * put at the front of the list, so the main thread is its last entry. */
static bool comes_first(const struct tc_walker *w, const struct tc_walk_thread *thread)
{
	return thread->running_loop || thread->running_task ||
	       thread + 1 == w->threads.at + w->threads.n;
}

static bool is_late(const struct tc_walker *w)
{
	uint64_t end = w->options->threads_end_ns;

	return end && tc_sys_clock_ns(CLOCK_THREAD_CPUTIME_ID) > end;
}

/* All frames of a thread, innermost first, into the arena. */
static void read_frames(struct tc_walker *w, struct tc_walk_thread *thread)
{
	tc_addr at, previous;
	/* entries from C; counted, because in torn memory they may form a ring */
	uint32_t n_foreign = 0;
	bool foreign;

	if (tc_thread_frame(&w->py, thread->tstate, &at) < 0) {
		thread->torn = true;
		return;
	}
	while (at) {
		struct tc_frame_view *frame = tc_arena_extend(
			w->arena,
			thread->frames ? thread->frames + thread->n_frames + n_foreign : NULL,
			sizeof(*frame));
		if (!frame || thread->n_frames == TC_CHAIN_MAX || n_foreign == TC_CHAIN_MAX) {
			if (!frame)
				tc_walker_check_arena(w);
			thread->cut = true;
			break;
		}
		if (!thread->frames)
			thread->frames = frame;
		/* The frames form an array, because nothing else takes from the arena meanwhile. */
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

/* A state of a subinterpreter that another thread made has the ids of that one (Python 3.12,
 * _xxsubinterpreters.run_string). A loop that it runs keeps the right pthread id (Lib/asyncio/
 * base_events.py, _thread_id), by which the C library's thread is found. */
static void mend_ids(struct tc_walker *w, struct tc_walk_thread *thread)
{
	struct tc_walk_value value = { .tag = TC_VAL_UNBOUND };
	tc_addr object;

	if (!thread->running_loop || !thread->ident ||
	    tc_attr_get(&w->py, thread->running_loop, "_thread_id", &object) < 0)
		return;
	tc_walker_fact(w, object, &value);
	if (value.tag != TC_VAL_INT || !value.bits || value.bits == thread->ident)
		return;
	const struct tc_os_thread *os = pthread_thread(w, value.bits);
	if (os) {
		thread->ident = value.bits;
		thread->tid = os->tid_ns;
	}
}

static void read_thread(struct tc_walker *w, tc_addr tstate)
{
	struct tc_walk_thread *thread = &w->threads.at[w->threads.n++];

	*thread = (struct tc_walk_thread){ .tstate = tstate };
	tc_get(w->mem, tstate + w->py.at.ts_thread_id, &thread->ident);
	thread->tid = native_id(w, tstate, thread->ident);
	thread->running_loop = running_loop(w, tstate);
	mend_ids(w, thread);
	if (w->py.at.ts_running_task != TC_NONE)
		tc_get(w->mem, tstate + w->py.at.ts_running_task, &thread->running_task);
}

/* Read the frames of all threads, those that are needed most first; the others as long as there is
 * time. */
static void read_stacks(struct tc_walker *w)
{
	bool late = false;

	for (uint32_t i = 0; i < w->threads.n; i++)
		if (comes_first(w, &w->threads.at[i]))
			read_frames(w, &w->threads.at[i]);
	for (uint32_t i = 0; i < w->threads.n; i++) {
		struct tc_walk_thread *thread = &w->threads.at[i];
		if (comes_first(w, thread))
			continue;
		late = late || is_late(w);
		if (late)
			thread->skipped = true;
		else
			read_frames(w, thread);
	}
}

static void note_current(struct tc_walker *w, tc_addr task)
{
	if (task && w->threads.n_current < TC_CURRENT_MAX)
		w->threads.current[w->threads.n_current++] = task;
}

/* asyncio.tasks._current_tasks, {loop: task}: the running tasks up to 3.13; from 3.14 on only
 * pure-Python ones. */
static void read_current(struct tc_walker *w)
{
	tc_addr dict, loop, task;
	struct tc_dict entries;

	if (tc_get(w->mem, w->interp.asyncio_tasks + TC_MODULE_DICT, &dict) < 0 ||
	    tc_dict_get(&w->py, dict, "_current_tasks", &dict) < 0 ||
	    tc_dict_open(&w->py, dict, &entries) < 0)
		return;
	while (tc_dict_next(&entries, &loop, &task) > 0) {
		note_current(w, task);
		for (uint32_t i = 0; i < w->threads.n; i++)
			if (w->threads.at[i].running_loop == loop && !w->threads.at[i].running_task)
				w->threads.at[i].running_task = task;
	}
}

/* Count the thread states in the interpreter's list. */
static uint32_t count_threads(struct tc_walker *w)
{
	tc_addr tstate, back;
	uint32_t n = 0;

	if (tc_try_read(w->mem, w->interp.addr + w->py.at.is_threads_head, &tstate, 8) < 0)
		return 0;
	for (; tstate && n < TC_THREADS_MAX; n++)
		if (tc_try_read(w->mem, tstate + w->py.at.ts_interp, &back, 8) < 0 ||
		    back != w->interp.addr ||
		    tc_try_read(w->mem, tstate + w->py.at.ts_next, &tstate, 8) < 0)
			break;
	return n + 1; /* one more, so that the walk gets to the broken one, and reports it */
}

/* Take room for n threads, but at most a quarter of the memory that is left. */
static void take_threads(struct tc_walker *w, uint32_t n)
{
	size_t most = w->arena->left / 4 / sizeof(*w->threads.at);

	if (n > most)
		n = (uint32_t)most;
	if (n <= w->threads.max)
		return;
	struct tc_walk_thread *threads = tc_arena_take(w->arena, n * sizeof(*threads));
	if (!threads)
		return;
	w->threads.at = threads;
	w->threads.max = n;
}

/* Say how many threads, and how many stacks, were left out. */
static void note_cut(struct tc_walker *w, uint32_t n_skipped)
{
	char notice[TC_NOTICE_SIZE];
	struct tc_strbuf text;

	tc_strbuf_init(&text, notice, sizeof(notice));
	tc_strbuf_u(&text, w->threads.cut);
	tc_strbuf_s(&text, " more threads of the interpreter: there was no memory to read them");
	if (w->py.at.registry == TC_REGISTRY_LISTS)
		tc_strbuf_s(&text, "; tasks that they list may be missing");
	if (w->threads.cut)
		tc_notices_add(w->notices, notice);
	tc_strbuf_init(&text, notice, sizeof(notice));
	tc_strbuf_s(&text, "Python frames of ");
	tc_strbuf_u(&text, n_skipped);
	tc_strbuf_s(&text, " threads that run no loop: there was no time to read them");
	if (n_skipped)
		tc_notices_add(w->notices, notice);
}

void tc_walker_threads(struct tc_walker *w)
{
	tc_addr tstate, back;
	uint32_t n = count_threads(w);

	w->threads.n = w->threads.n_current = w->threads.cut = 0;
	index_os_threads(w);
	take_threads(w, n);
	if (tc_get(w->mem, w->interp.addr + w->py.at.is_threads_head, &tstate) < 0)
		return;
	while (tstate) {
		if (tc_get(w->mem, tstate + w->py.at.ts_interp, &back) < 0 ||
		    back != w->interp.addr) {
			tc_walker_fault(w, tstate, TC_ETORN, "thread state");
			break;
		}
		if (w->threads.n == w->threads.max) {
			w->threads.cut = n > w->threads.n + 1 ? n - 1 - w->threads.n : 1;
			break;
		}
		read_thread(w, tstate);
		note_current(w, w->threads.at[w->threads.n - 1].running_task);
		if (tc_get(w->mem, tstate + w->py.at.ts_next, &tstate) < 0)
			break;
	}
	if (w->interp.asyncio_tasks)
		read_current(w);
	read_stacks(w);
	match_single(w);
}

/* The whole stack as a chain, outermost first. */
static uint32_t stack_chain(struct tc_walker *w, struct tc_walk_thread *thread)
{
	uint32_t chain = 0;
	bool awaits;

	tc_walker_locals_begin(w);
	tc_walker_holds_begin(w);
	if (thread->cut)
		chain = tc_walker_link(w, 0, TC_FRAME_TEXT,
				       tc_walker_text(w, "outer frames cut", 16, TC_STR_CODE));
	for (uint32_t i = thread->n_frames; i-- > 0;) {
		const struct tc_frame_view *frame = &thread->frames[i];
		const struct tc_walk_code *code =
			is_code(w, frame->code) ? tc_walker_code(w, frame->code, 0) : NULL;
		if (code) {
			tc_walker_running_holds(w, frame, code, chain);
			chain = tc_walker_link(w, chain, tc_frame_kind(code->facts.flags),
					       tc_walker_site(w, code, frame->lasti, &awaits));
			tc_walker_frame_locals(w, code, frame->locals);
		} else {
			chain = tc_walker_link(w, chain, TC_FRAME_UNKNOWN, 0);
		}
	}
	return chain;
}

/* The GIL of the interpreter. */
struct gil {
	tc_addr at;	/* 0: it cannot be read */
	tc_addr holder; /* the thread state that holds it; 0: none does, or unknown */
};

static struct gil read_gil(struct tc_walker *w)
{
	struct gil gil = { .at = w->runtime + w->py.at.rt_gil_last_holder - GIL_LAST_HOLDER };
	int32_t locked = 0;

	if ((w->py.at.is_gil != TC_NONE &&
	     tc_get(w->mem, w->interp.addr + w->py.at.is_gil, &gil.at) < 0) ||
	    tc_get(w->mem, gil.at + GIL_LOCKED, &locked) < 0 ||
	    tc_get(w->mem, gil.at + GIL_LAST_HOLDER, &gil.holder) < 0)
		return (struct gil){ 0 };
	if (locked != 1)
		gil.holder = 0;
	return gil;
}

/* Does the thread sleep in a futex of the GIL's condition variables or mutexes? Its frames do not
 * tell: a thread that is held up by a lock of the program sleeps in a futex, too. */
static bool waits_for_gil(const struct gil *gil, const struct tc_os_thread *thread)
{
	return thread && gil->at && thread->syscall == SYS_futex &&
	       thread->args[0] - gil->at < GIL_SIZE;
}

uint32_t tc_walker_gil_holder(struct tc_walker *w)
{
	struct gil gil = read_gil(w);

	for (uint32_t i = 0; i < w->threads.n; i++)
		if (w->threads.at[i].tstate == gil.holder)
			return w->threads.at[i].tid;
	return 0;
}

static uint32_t thread_flags(struct tc_walker *w, const struct gil *gil, uint32_t i, bool for_gil)
{
	const struct tc_walk_thread *thread = &w->threads.at[i];
	const struct tc_frame_view *frame = thread->frames;
	bool calls_c = thread->n_frames && !thread->skipped && is_code(w, frame->code) &&
		       tc_code_calls_c(&w->py, frame->code, frame->lasti);

	return (thread->tstate == gil->holder ? TC_PYTHREAD_HOLDS_GIL : 0u) |
	       (i + 1 == w->threads.n && !w->threads.cut ? TC_PYTHREAD_MAIN : 0u) |
	       (thread->torn ? TC_PYTHREAD_TORN : 0u) | (gil->at ? TC_PYTHREAD_GIL_KNOWN : 0u) |
	       (for_gil ? TC_PYTHREAD_WAITS_GIL : 0u) | (calls_c ? TC_PYTHREAD_CALLS_C : 0u);
}

void tc_walker_thread_records(struct tc_walker *w)
{
	struct gil gil = read_gil(w);
	bool late = false;
	uint32_t n_skipped = 0;

	for (uint32_t i = 0; i < w->threads.n; i++) {
		struct tc_walk_thread *thread = &w->threads.at[i];
		late = late || (!comes_first(w, thread) && is_late(w));
		thread->skipped |= late && !comes_first(w, thread);
		n_skipped += thread->skipped;
		uint32_t loop = thread->running_loop ? tc_walker_loop(w, thread->running_loop) : 0;
		uint32_t chain = thread->skipped ? 0 : stack_chain(w, thread);
		tc_walker_crash(w, thread);
		const struct tc_os_thread *os = os_thread(w, thread->tid);
		bool for_gil = waits_for_gil(&gil, os);
		tc_addr lock = chain && os && !for_gil ?
				       tc_walker_lock_waited(w, os, &thread->frames[0]) :
				       0;
		tc_record_begin(w->out, TC_REC_PYTHREAD);
		tc_put_u(w->out, w->interp.id);
		tc_put_u(w->out, thread->tstate);
		tc_put_u(w->out, thread->tid);
		tc_put_u(w->out, thread->ident);
		tc_put_u(w->out, thread_flags(w, &gil, i, for_gil));
		tc_put_u(w->out, loop);
		tc_put_u(w->out, thread->running_task);
		tc_put_u(w->out, chain);
		if (lock)
			tc_put_u(w->out, lock);
		tc_record_end(w->out);
		w->counts->threads++;
		if (thread->skipped)
			continue;
		tc_walker_put_locals(w, thread->tstate);
		tc_walker_put_holds(w, thread->tstate);
		tc_walker_want_locals(w, TC_FRAMES_KEPT);
		tc_walker_objects(w);
	}
	note_cut(w, n_skipped);
}

/* The ids that the thread of this state may have; their number, at most 2. */
static size_t native_ids(const struct tc_py *py, tc_addr tstate, uint32_t ids[2])
{
	uint64_t id = 0, ident = 0;
	size_t n = 0;
	int32_t tid;

	if (py->at.ts_native_id != TC_NONE)
		tc_get(py->mem, tstate + py->at.ts_native_id, &id);
	if (id)
		ids[n++] = (uint32_t)id;
	else if (tc_get(py->mem, tstate + py->at.ts_thread_id, &ident) == 0 && ident)
		for (size_t i = 0; i < sizeof(pthread_tid) / sizeof(pthread_tid[0]); i++)
			if (tc_try_read(py->mem, ident + pthread_tid[i], &tid, sizeof(tid)) == 0 &&
			    tid > 0)
				ids[n++] = (uint32_t)tid;
	return n;
}

static size_t interp_runners(const struct tc_py *py, tc_addr interp, uint32_t *tids, size_t max)
{
	tc_addr tstate, back;
	size_t n = 0;
	int32_t pid;

	if (tc_get(py->mem, interp + py->at.is_threads_head, &tstate) < 0)
		return 0;
	for (unsigned i = 0; tstate && i < TC_THREADS_MAX && n + 2 <= max; i++) {
		if (tc_get(py->mem, tstate + py->at.ts_interp, &back) < 0 || back != interp)
			break;
		if (named_loop(py, tstate, &pid))
			n += native_ids(py, tstate, tids + n);
		if (tc_get(py->mem, tstate + py->at.ts_next, &tstate) < 0)
			break;
	}
	return n;
}

size_t tc_walk_runners(struct tc_mem *mem, const struct tc_runtime_site *site, uint32_t *tids,
		       size_t max)
{
	struct tc_py py = { .mem = mem };
	char source[64];
	uint32_t version;
	tc_addr interp;
	size_t n = 0;

	if (tc_layout_choose(mem, site, &py.at, &version, source) < 0 ||
	    tc_get(mem, site->runtime + py.at.rt_interp_head, &interp) < 0)
		return 0;
	for (unsigned i = 0; interp && i < RUNNER_INTERPS; i++) {
		n += interp_runners(&py, interp, tids + n, max - n);
		if (tc_get(mem, interp + py.at.is_next, &interp) < 0)
			break;
	}
	return n;
}

static bool is_running(const struct tc_walker *w, const struct tc_frame_view *frame)
{
	for (uint32_t i = 0; i < w->threads.n; i++)
		for (uint32_t f = 0; f < w->threads.at[i].n_frames; f++)
			if (w->threads.at[i].frames[f].addr == frame->addr)
				return true;
	return false;
}

/* Up to 3.9 f_stacktop is NULL while it runs, too. */
bool tc_walker_frame_ended(struct tc_walker *w, const struct tc_frame_view *frame)
{
	/* of a frame that its frame object has taken over (Include/internal/pycore_frame.h) */
	enum { OWNED_BY_OBJECT = 2 };
	uint8_t owner;
	int8_t state;
	tc_addr top;

	if (w->py.at.if_owner != TC_NONE)
		return tc_get(w->mem, frame->addr + w->py.at.if_owner, &owner) == 0 &&
		       owner == OWNED_BY_OBJECT;
	if (w->py.at.fo_state != TC_NONE)
		return tc_get(w->mem, frame->addr + w->py.at.fo_state, &state) == 0 && state > 0;
	return tc_get(w->mem, frame->addr + w->py.at.fo_stack, &top) == 0 && !top &&
	       !is_running(w, frame);
}
