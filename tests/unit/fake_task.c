/* SPDX-License-Identifier: Apache-2.0
 * The fake interpreter's asyncio: futures, tasks and their registries, callables, contexts, loops.
 * Layouts: Modules/_asynciomodule.c, Python/hamt.c, Lib/asyncio/{tasks,futures,events}.py. */
#include "tests/unit/fake_python.h"

enum {
	FUT_LOOP = 16,
	FUT_CALLBACK0 = 24,
	FUT_CALLBACKS = 40,
	FUT_EXCEPTION = 48,
	STATE_BYTES = 256
};
enum { HAMT_ROOT = 16, HAMT_PAIRS = 32, HAMT_CHILDREN = 16, CONTEXT_VARS = 24 };

static void put_flag(struct fake *f, tc_addr object, uint16_t offset, unsigned bit, bool value)
{
	if (!value)
		return;
	if (f->py.at.flag_bits)
		fake_put8(f, object + offset, (uint8_t)(fake_word(f, object + offset) | 1u << bit));
	else
		fake_put32(f, object + offset, 1);
}

static void put_future(struct fake *f, tc_addr object, const struct fake_future *future)
{
	fake_put(f, object + FUT_LOOP, future->loop);
	fake_put(f, object + FUT_CALLBACK0, future->callback0);
	fake_put(f, object + FUT_CALLBACKS, future->callbacks);
	fake_put(f, object + FUT_EXCEPTION, future->exception);
	fake_put32(f, object + f->py.at.fut_state, future->state);
}

tc_addr fake_future(struct fake *f, struct fake_future future)
{
	tc_addr object = fake_object(f, f->types[FAKE_FUTURE], f->py.at.fut_size + 64u);

	put_future(f, object, &future);
	return object;
}

tc_addr fake_task(struct fake *f, struct fake_task task)
{
	const struct tc_layout *at = &f->py.at;
	tc_addr object = fake_object(f, f->types[FAKE_TASK], at->task_size + 64u);

	put_future(f, object,
		   &(struct fake_future){
			   .loop = task.loop, .exception = task.exception, .state = task.state });
	fake_put(f, object + at->task_coro, task.coro);
	fake_put(f, object + at->task_waiter, task.waiter);
	fake_put(f, object + at->task_name, task.name);
	fake_put(f, object + at->task_context, task.context);
	if (at->task_cancels != TC_NONE)
		fake_put32(f, object + at->task_cancels, task.cancels);
	put_flag(f, object, at->fut_log_tb, 0, task.log_tb);
	put_flag(f, object, at->fut_blocking, 1, task.blocking);
	put_flag(f, object, at->task_must_cancel, 2, task.must_cancel);
	return object;
}

tc_addr fake_python_task(struct fake *f, struct fake_task task)
{
	static const char *const states[] = { "PENDING", "CANCELLED", "FINISHED" };

#define OR_NONE(value) ((value) ? (value) : f->none)
	return fake_instance(
		f, f->py_task,
		FAKE_PAIRS({ "_coro", task.coro }, { "_fut_waiter", OR_NONE(task.waiter) },
			   { "_loop", OR_NONE(task.loop) }, { "_name", OR_NONE(task.name) },
			   { "_context", OR_NONE(task.context) },
			   { "_exception", OR_NONE(task.exception) },
			   { "_state", fake_str(f, states[task.state]) },
			   { "_must_cancel", task.must_cancel ? f->yes : f->no },
			   { "_Future__log_traceback", task.log_tb ? f->yes : f->no },
			   { "_num_cancels_requested", fake_int(f, task.cancels) }));
#undef OR_NONE
}

/* Registries. */

tc_addr fake_weakref(struct fake *f, tc_addr object)
{
	tc_addr ref = fake_object(f, f->types[FAKE_WEAKREF], 72);

	fake_put(f, ref + TC_WEAKREF_OBJECT, object);
	return ref;
}

void fake_link(struct fake *f, tc_addr head, tc_addr task)
{
	tc_addr node = task + f->py.at.task_node, last = fake_word(f, head + 8);

	fake_put(f, node, head);
	fake_put(f, node + 8, last);
	fake_put(f, last, node);
	fake_put(f, head + 8, node);
}

void fake_register(struct fake *f, tc_addr task)
{
	if (f->py.at.registry == TC_REGISTRY_LISTS &&
	    fake_word(f, task + TC_OB_TYPE) == f->types[FAKE_TASK])
		fake_link(f, f->main_thread + f->py.at.ts_tasks_head, task);
	else
		fake_set_add(f, f->tasks, fake_weakref(f, task));
}

static tc_addr make_weakset(struct fake *f, tc_addr class, tc_addr *ret_set)
{
	*ret_set = fake_set(f, FAKE_EMPTY);
	return fake_instance(f, class, FAKE_PAIRS({ "data", *ret_set }));
}

static tc_addr make_module(struct fake *f, const char *name, tc_addr dict)
{
	tc_addr module = fake_object(f, f->types[FAKE_MODULE], 64);

	fake_put(f, module + TC_MODULE_DICT, dict);
	fake_dict_add(f, f->modules, fake_str(f, name), module);
	return module;
}

/* AsyncioDebug of 3.14 and 3.15: sizes and offsets of Task, of the interpreter, of the thread. */
static tc_addr make_debug_table(struct fake *f)
{
	const struct tc_layout *at = &f->py.at;
	const uint64_t words[13] = { at->task_size,
				     at->task_name,
				     0,
				     0,
				     0,
				     at->task_coro,
				     at->task_node,
				     0,
				     at->is_tasks_head,
				     0,
				     at->ts_running_loop,
				     at->ts_running_task,
				     at->ts_tasks_head };
	tc_addr table = fake_alloc(f, sizeof(words));

	fake_put_bytes(f, table, words, sizeof(words));
	return table;
}

static void make_state(struct fake *f, tc_addr weakset)
{
	const struct tc_layout *at = &f->py.at;
	tc_addr state = fake_alloc(f, STATE_BYTES);

	fake_put(f, f->asyncio_c + at->module_state, state);
	if (at->as_scheduled == TC_NONE)
		return;
	fake_put(f, state + at->as_scheduled, weakset);
	fake_put(f, state + at->as_eager, f->c_eager);
	if (at->as_debug != TC_NONE)
		fake_put(f, state + at->as_debug, make_debug_table(f));
}

/* Called by fake_new. */
void fake_asyncio(struct fake *f);
void fake_asyncio(struct fake *f)
{
	tc_addr weakset =
		fake_class(f, (struct fake_class){ .name = "WeakSet", .module = "_weakrefset" });
	tc_addr tasks = make_weakset(f, weakset, &f->tasks),
		c_tasks = make_weakset(f, weakset, &f->c_tasks);

	f->eager = fake_set(f, FAKE_EMPTY);
	f->c_eager = fake_set(f, FAKE_EMPTY);
	f->current = fake_general_dict(f);
	f->asyncio_tasks = make_module(
		f, "asyncio.tasks",
		fake_dict(f, FAKE_PAIRS({ "_all_tasks", tasks }, { "_scheduled_tasks", tasks },
					{ "_eager_tasks", f->eager },
					{ "_current_tasks", f->current })));
	f->asyncio_c = make_module(f, "_asyncio",
				   fake_dict(f, FAKE_PAIRS({ "Future", f->types[FAKE_FUTURE] },
							   { "Task", f->types[FAKE_TASK] })));
	make_state(f, c_tasks);
	f->py_future =
		fake_class(f, (struct fake_class){ .name = "Future", .module = "asyncio.futures" });
	f->py_task = fake_class(f, (struct fake_class){ .name = "Task", .module = "asyncio.tasks",
							.bases = { f->py_future } });
	f->handle_class =
		fake_class(f, (struct fake_class){ .name = "TimerHandle",
						   .module = "asyncio.events",
						   .attrs = FAKE_ATTRS_NONE,
						   .slots = "_callback _args _cancelled _when" });
}

/* Callables and the like. */

tc_addr fake_wrapper(struct fake *f, enum fake_type type, tc_addr inner)
{
	tc_addr object = fake_object(f, f->types[type], 64);

	fake_put(f, object + 16, inner);
	return object;
}

tc_addr fake_cell(struct fake *f, tc_addr content)
{
	return fake_wrapper(f, FAKE_CELL, content);
}

tc_addr fake_function(struct fake *f, tc_addr code, const char *qualname, size_t n_cells,
		      const tc_addr *contents)
{
	tc_addr function = fake_object(f, f->types[FAKE_FUNCTION], 160), cells[32];

	for (size_t i = 0; i < n_cells && i < 32; i++)
		cells[i] = fake_cell(f, contents[i]);
	fake_put(f, function + f->py.at.func_code, code);
	fake_put(f, function + f->py.at.func_qualname, fake_str(f, qualname));
	if (n_cells)
		fake_put(f, function + f->py.at.func_closure, fake_tuple(f, n_cells, cells));
	return function;
}

tc_addr fake_method(struct fake *f, tc_addr func, tc_addr self)
{
	tc_addr method = fake_wrapper(f, FAKE_METHOD, func);

	fake_put(f, method + TC_METHOD_SELF, self);
	return method;
}

tc_addr fake_partial(struct fake *f, tc_addr func, size_t n, const tc_addr *args)
{
	tc_addr partial = fake_wrapper(f, FAKE_PARTIAL, func);

	fake_put(f, partial + 24, fake_tuple(f, n, args));
	return partial;
}

tc_addr fake_builtin(struct fake *f, tc_addr self)
{
	tc_addr builtin = fake_object(f, f->types[FAKE_BUILTIN], 64);

	fake_put(f, builtin + 24, self);
	return builtin;
}

/* Contexts. */

tc_addr fake_contextvar(struct fake *f, const char *name)
{
	return fake_wrapper(f, FAKE_CONTEXTVAR, fake_str(f, name));
}

tc_addr fake_hamt_node(struct fake *f, enum fake_type type, size_t n, const tc_addr *pairs)
{
	tc_addr node = fake_object(f, f->types[type], HAMT_PAIRS + 8 * n);

	fake_put(f, node + TC_OB_SIZE, n);
	if (n)
		fake_put_bytes(f, node + HAMT_PAIRS, pairs, 8 * n);
	return node;
}

tc_addr fake_hamt_array(struct fake *f, size_t n, const tc_addr *children)
{
	tc_addr node = fake_object(f, f->types[FAKE_HAMT_ARRAY], HAMT_CHILDREN + 8 * 32);

	fake_put_bytes(f, node + HAMT_CHILDREN, children, 8 * n);
	return node;
}

tc_addr fake_context(struct fake *f, tc_addr root)
{
	tc_addr context = fake_object(f, f->types[FAKE_CONTEXT], 64);

	fake_put(f, context + CONTEXT_VARS, fake_wrapper(f, FAKE_HAMT, root));
	return context;
}

/* Loops. */

tc_addr fake_handle(struct fake *f, struct fake_handle handle)
{
	tc_addr object = fake_object(f, f->handle_class, 48);

	fake_put(f, object + 16, handle.callback);
	fake_put(f, object + 24, handle.args ? handle.args : fake_tuple(f, FAKE_EMPTY));
	fake_put(f, object + 32, handle.cancelled ? handle.cancelled : f->no);
	fake_put(f, object + 40, handle.when);
	return object;
}

/* A tuple (fileobj, fd, events, data), Lib/selectors.py. */
tc_addr fake_selector_key(struct fake *f, tc_addr reader, tc_addr writer)
{
	tc_addr data =
		fake_tuple(f, FAKE_ITEMS(reader ? reader : f->none, writer ? writer : f->none));

	return fake_tuple(f, FAKE_ITEMS(f->none, f->none, f->none, data));
}

tc_addr fake_loop(struct fake *f, struct fake_loop loop)
{
	tc_addr class = fake_class(f, (struct fake_class){ .name = "_UnixSelectorEventLoop",
							   .module = "asyncio.unix_events" });
	tc_addr selector = fake_class(
		f, (struct fake_class){ .name = "EpollSelector", .module = "selectors" });

	return fake_instance(
		f, class,
		FAKE_PAIRS(
			{ "_ready", loop.ready ? loop.ready : fake_deque(f, FAKE_EMPTY) },
			{ "_scheduled",
			  loop.scheduled ? loop.scheduled : fake_list(f, FAKE_EMPTY) },
			{ "_selector",
			  fake_instance(
				  f, selector,
				  FAKE_PAIRS({ "_fd_to_key",
					       loop.fds ? loop.fds : fake_general_dict(f) })) },
			{ "_closed", loop.closed ? f->yes : f->no },
			{ "_stopping", loop.stopping ? f->yes : f->no },
			{ "_thread_id", loop.ident ? fake_int(f, (int64_t)loop.ident) : f->none }));
}

tc_addr fake_plain_code(struct fake *f)
{
	return fake_code(
		f, (struct fake_code){ .name = "f", .flags = TC_CO_COROUTINE, .awaits = true });
}

tc_addr fake_plain_task(struct fake *f, tc_addr coro, tc_addr waiter)
{
	tc_addr task = fake_task(
		f, (struct fake_task){ .name = fake_str(f, "T"), .coro = coro, .waiter = waiter });

	fake_register(f, task);
	return task;
}
