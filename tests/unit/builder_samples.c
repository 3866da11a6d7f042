/* SPDX-License-Identifier: Apache-2.0
 * Whole dumps for the analyzer's tests: a small service, and one of any size. */
#include "tests/unit/builder.h"

#include <stdio.h>

#define LIB "/usr/lib/python3.11/"
#define APP "/srv/orders/app/"

/* What the parts of a sample share. */
struct ids {
	uint32_t loop, side_loop, task, future, gathering, lock, event, queue, list, function, set;
	uint32_t handler, worker, acquire, sleep, event_wait, join, wait_for, main;
};

static void define(struct builder *b, struct ids *ids)
{
	builder_interp(b, 0x030b02f0);
	ids->loop = builder_loop(b, 0x70000000, "_UnixSelectorEventLoop");
	ids->side_loop = builder_loop(b, 0x70001000, "_UnixSelectorEventLoop");
	ids->task = builder_type(b, "Task", "_asyncio", TC_TYPE_TASK | TC_TYPE_FUTURE);
	ids->future = builder_type(b, "Future", "_asyncio", TC_TYPE_FUTURE);
	ids->gathering =
		builder_type(b, "_GatheringFuture", "asyncio.tasks", TC_TYPE_FUTURE | TC_TYPE_HEAP);
	ids->lock = builder_type(b, "Lock", "asyncio.locks", TC_TYPE_HEAP);
	ids->event = builder_type(b, "Event", "asyncio.locks", TC_TYPE_HEAP);
	ids->queue = builder_type(b, "Queue", "asyncio.queues", TC_TYPE_HEAP);
	ids->list = builder_type(b, "list", "builtins", 0);
	ids->set = builder_type(b, "set", "builtins", 0);
	ids->function = builder_type(b, "function", "builtins", 0);
	ids->handler = builder_code(b, "handle_request", APP "web.py", "request");
	ids->worker = builder_code(b, "worker", APP "jobs.py", "queue");
	ids->main = builder_code(b, "main", APP "main.py", "");
	ids->acquire = builder_code(b, "Lock.acquire", LIB "asyncio/locks.py", "self");
	ids->event_wait = builder_code(b, "Event.wait", LIB "asyncio/locks.py", "self");
	ids->join = builder_code(b, "Queue.join", LIB "asyncio/queues.py", "self");
	ids->sleep = builder_code(b, "sleep", LIB "asyncio/tasks.py", "delay");
	ids->wait_for = builder_code(b, "wait_for", LIB "asyncio/tasks.py", "fut waiter");
}

/* A connection, a listening socket, a pipe and a selector; transports that mean them or do not. */
static void descriptors(struct builder *b)
{
	static const struct builder_fd fds[] = {
		{ .fd = 3, .what = "anon_inode:[eventpoll]" },
		{ .fd = 5,
		  .type = 12,
		  .family = 10,
		  .socket_type = 1,
		  .local = "[::]:8080",
		  .state = TC_FD_LISTENING },
		{ .fd = 7,
		  .type = 12,
		  .family = 2,
		  .socket_type = 1,
		  .local = "127.0.0.1:34",
		  .peer = "127.0.0.1:80",
		  .unread = 1,
		  .unsent = 2305,
		  .state = TC_FD_ESTABLISHED },
		{ .fd = 8,
		  .type = 1,
		  .what = "pipe:[77]",
		  .unread = 2,
		  .state = TC_FD_PEER_CLOSED },
		{ .fd = 1000000,
		  .type = 12,
		  .family = 1,
		  .socket_type = 1,
		  .local = "unix:",
		  .peer = "unix:@\033[31m\xff\n",
		  .unsent = 1 },
	};
	uint32_t transport = builder_type(b, "_SelectorSocketTransport", "asyncio.selector_events",
					  TC_TYPE_HEAP);

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		builder_fd(b, &fds[i]);
	builder_transport(b, 0x93000000, transport, "_sock_fd", 7, false);
	builder_transport(b, 0x93001000, transport, "_sock_fd", 7, true);
	builder_transport(b, 0x93002000, transport, "_fileno", 1000000, false);
	builder_transport(b, 0x93003000, transport, "_fd", -1, false);
	builder_transport(b, 0x93004000, transport, "_sock_fd", 6, false);
	builder_transport(b, 0x93005000, transport, "_fd", 8, false);
}

static void threads(struct builder *b, const struct ids *ids)
{
	uint32_t run = builder_code(b, "Handle._run", LIB "asyncio/events.py", "self");
	uint32_t once =
		builder_code(b, "BaseEventLoop._run_once", LIB "asyncio/base_events.py", "self");
	uint32_t select = builder_code(b, "EpollSelector.select", LIB "selectors.py", "self");
	uint32_t top = builder_link(b, 0, TC_FRAME_CALL, ids->main, 9);
	uint32_t chains[2] = {
		builder_link(b, builder_link(b, top, TC_FRAME_CALL, run, 80), TC_FRAME_CORO,
			     ids->handler, 31),
		builder_link(b, builder_link(b, top, TC_FRAME_CALL, once, 1884), TC_FRAME_CALL,
			     select, 468),
	};
	for (uint32_t i = 0; i < 2; i++) {
		const uint64_t thread[] = {
			1,
			0x80000000 + i,
			100 + i,
			0x7f0000000000 + i,
			i == 0 ? TC_PYTHREAD_MAIN | TC_PYTHREAD_GIL_KNOWN : 0,
			i ? ids->side_loop : ids->loop,
			i == 0 ? 0x90000000 : 0,
			chains[i],
		};
		const uint64_t loop[] = {
			i ? ids->side_loop : ids->loop,
			1,
			TC_LOOP_RUNNING,
			0x7f0000000000 + i,
			100 + i,
			13 - 12 * i,
			252,
			241,
			62,
			i == 0 ? 818000000000 : 0,
			1000000000000,
			1,
		};
		tc_record_begin(&b->rec, TC_REC_PYTHREAD);
		for (size_t n = 0; n < 8; n++)
			tc_put_u(&b->rec, thread[n]);
		tc_record_end(&b->rec);
		tc_record_begin(&b->rec, TC_REC_LOOP);
		for (size_t n = 0; n < 12; n++)
			tc_put_u(&b->rec, loop[n]);
		tc_record_end(&b->rec);
	}
}

static void lock_waiters(struct builder *b, const struct ids *ids, uint32_t chain)
{
	for (uint64_t i = 0; i < 5; i++) {
		uint64_t addr = 0x90010000 + i * 256;
		const uint64_t addrs[] = { 0, 0x91000000 };
		const uint32_t types[] = { 0, ids->lock };
		builder_task(b, &(struct builder_task){ .addr = addr,
							.leaf = addr + 0x800000,
							.type = ids->task,
							.loop = ids->loop,
							.chain = chain });
		builder_locals(b, addrs, types, 2);
		builder_object(b, addr + 0x800000, ids->future, NULL, 0, 0, &addr, 1, ids->task);
	}
	builder_object(b, 0x91000000, ids->lock, NULL, 0, 0, NULL, 0, 0);
}

/* Leaves that only their objects explain: gather, shield, executor, another task. */
static void leaves(struct builder *b, const struct ids *ids, uint32_t chain)
{
	const uint64_t children[] = { 0x90010000, 0x90010100 };
	const uint64_t callbacks[] = { 0x92003000, 0x92003100 };
	static const char *const names[] = { "gather", "shield", "executor", "task" };

	for (uint64_t i = 0; i < 4; i++)
		builder_task(b, &(struct builder_task){ .addr = 0x90020000 + i * 256,
							.leaf = i == 3 ? 0x90010000 :
									 0x92000000 + i * 256,
							.name = names[i],
							.type = ids->task,
							.loop = ids->loop,
							.chain = chain });
	builder_object(b, 0x92000000, ids->gathering, "_children", 0x92001000, ids->list, NULL, 0,
		       0);
	builder_object(b, 0x92001000, ids->list, NULL, 0, 0, children, 2, ids->task);
	builder_object(b, 0x92000100, ids->future, NULL, 0, 0, &callbacks[0], 1, ids->function);
	builder_object(b, 0x92000200, ids->future, NULL, 0, 0, &callbacks[1], 1, ids->function);
	builder_object(b, 0x92003000, ids->function, "__qualname__",
		       (uint64_t)(uintptr_t) "shield.<locals>._outer_done_callback", 0, NULL, 0, 0);
	builder_object(b, 0x92003100, ids->function, "__qualname__",
		       (uint64_t)(uintptr_t) "_chain_future.<locals>._call_check_cancel", 0, NULL,
		       0, 0);
}

void builder_sample(struct builder *b)
{
	struct ids ids;

	builder_head(b, 4);
	descriptors(b);
	define(b, &ids);
	threads(b, &ids);
	uint32_t handler = builder_link(b, 0, TC_FRAME_CORO, ids.handler, 112);
	uint32_t worker = builder_link(b, 0, TC_FRAME_CORO, ids.worker, 14);
	uint32_t lock = builder_link(b, handler, TC_FRAME_CORO, ids.acquire, 386);
	uint32_t join = builder_link(b, worker, TC_FRAME_CORO, ids.join, 212);
	const char *hostile =
		"\033[31mred\r\nT9 \"forged\" \xe2\x80\xae gnp.exe \xff \xf0\x9f\x90\x8d";

	builder_task(b, &(struct builder_task){ .addr = 0x90000000,
						.name = "reprice-7",
						.type = ids.task,
						.loop = ids.loop,
						.chain = handler,
						.flags = TC_TASK_RUNNING });
	lock_waiters(b, &ids, lock);
	leaves(b, &ids, worker);
	builder_task(b, &(struct builder_task){ .addr = 0x90030000,
						.leaf = 0x90830000,
						.name = hostile,
						.type = ids.task,
						.loop = ids.side_loop,
						.chain = builder_link(b, join, TC_FRAME_CORO,
								      ids.event_wait, 213) });
	builder_task(b, &(struct builder_task){
				.addr = 0x90030100,
				.leaf = 0x90830100,
				.name = "beat",
				.type = ids.task,
				.loop = ids.side_loop,
				.chain = builder_link(b, worker, TC_FRAME_CORO, ids.sleep, 639) });
	builder_task(b, &(struct builder_task){ .addr = 0x90030200,
						.name = "over",
						.type = ids.task,
						.loop = ids.loop,
						.flags = TC_STATE_FINISHED });
	builder_seal(b, 12, 0, 0);
}

/* A frame, or an object (owner 0), with up to one reference to `to`. */
static void refs(struct builder *b, uint64_t addr, uint64_t owner, uint32_t type, uint64_t count,
		 uint64_t to, uint32_t site)
{
	tc_record_begin(&b->rec, TC_REC_REFS);
	tc_put_d(&b->rec, TC_STREAM_OBJECT, addr);
	tc_record_near(&b->rec, TC_STREAM_REF, addr);
	tc_put_u(&b->rec, owner ? TC_REFS_FRAME : 0);
	tc_put_u(&b->rec, type);
	tc_put_u(&b->rec, count);
	tc_put_u(&b->rec, owner);
	tc_put_u(&b->rec, to ? 1 : 0);
	if (to)
		tc_put_d(&b->rec, TC_STREAM_REF, to);
	tc_put_u(&b->rec, site);
	if (to && site)
		tc_put_u(&b->rec, 1);
	tc_record_end(&b->rec);
}

/* Suspended behind the YIELD_VALUE of an await in a loop that loads slot 0 (Python 3.11). */
static uint32_t bytecode(struct builder *b, uint32_t code)
{
	static const uint8_t instructions[] = { 151, 0,	  124, 0,   150, 0,  151,
						0,   140, 4,   100, 0,	 83, 0 };
	static const uint8_t handlers[] = { 0x81, 0x03, 0x05, 0x00 };
	const uint64_t site[] = { code, 5, 14, 0, 0, 0 };
	uint32_t id;

	tc_record_begin(&b->rec, TC_REC_BYTECODE);
	tc_put_u(&b->rec, code);
	tc_put_u(&b->rec, 0);
	tc_put_b(&b->rec, instructions, sizeof(instructions));
	tc_put_b(&b->rec, handlers, sizeof(handlers));
	tc_record_end(&b->rec);
	tc_record_begin(&b->rec, TC_REC_SITE);
	for (size_t i = 0; i < sizeof(site) / sizeof(*site); i++)
		tc_put_u(&b->rec, site[i]);
	tc_record_define(&b->rec, TC_TAB_SITE, &id);
	return id;
}

enum { WORDS_MAX = 16 };

/* Words with a blank between, as strings of the dump. Returns how many. */
static size_t words_of(struct builder *b, const char *words, uint32_t *ids)
{
	size_t n = 0, length;

	for (; *words && n < WORDS_MAX; words += length + (words[length] == ' ')) {
		for (length = 0; words[length] && words[length] != ' ';)
			length++;
		ids[n++] = builder_word(b, words, length);
	}
	return n;
}

static void put_words(struct builder *b, const uint32_t *ids, size_t n)
{
	tc_put_u(&b->rec, n);
	for (size_t i = 0; i < n; i++)
		tc_put_u(&b->rec, ids[i]);
}

void builder_function(struct builder *b, uint32_t code, unsigned flags, const char *keys,
		      const char *names)
{
	uint32_t own[WORDS_MAX], used[WORDS_MAX];
	const size_t n_own = words_of(b, keys, own), n_used = words_of(b, names, used);

	tc_record_begin(&b->rec, TC_REC_FUNCTION);
	tc_put_u(&b->rec, code);
	tc_put_u(&b->rec, flags);
	put_words(b, own, n_own);
	put_words(b, used, n_used);
	tc_put_u(&b->rec, 0);
	tc_record_end(&b->rec);
}

void builder_heap(struct builder *b, unsigned flags)
{
	tc_record_begin(&b->rec, TC_REC_HEAP);
	tc_put_u(&b->rec, 1);
	tc_put_u(&b->rec, flags);
	tc_put_u(&b->rec, 1000);
	tc_record_end(&b->rec);
}

/* An instance that has `to` as this attribute, a string. */
static void named(struct builder *b, uint64_t addr, uint32_t type, uint64_t to, uint32_t key)
{
	tc_record_begin(&b->rec, TC_REC_REFS);
	tc_put_d(&b->rec, TC_STREAM_OBJECT, addr);
	tc_record_near(&b->rec, TC_STREAM_REF, addr);
	tc_put_u(&b->rec, TC_REFS_NAMED);
	tc_put_u(&b->rec, type);
	tc_put_u(&b->rec, 7);
	tc_put_u(&b->rec, 0);
	tc_put_u(&b->rec, 1);
	tc_put_d(&b->rec, TC_STREAM_REF, to);
	tc_put_u(&b->rec, 0);
	tc_put_u(&b->rec, key);
	tc_record_end(&b->rec);
}

void builder_orphans(struct builder *b, size_t n)
{
	const uint64_t queue = 0x91000000;
	struct ids ids;

	builder_head(b, 4);
	define(b, &ids);
	threads(b, &ids);
	uint32_t service = builder_type(b, "Service", "app", TC_TYPE_HEAP);
	uint32_t put = builder_code(b, "Queue.put", LIB "asyncio/queues.py", "self");
	uint32_t site = bytecode(b, ids.worker);
	uint32_t chain = builder_link(b, builder_link(b, 0, TC_FRAME_CORO, ids.worker, 14),
				      TC_FRAME_CORO, put, 122);
	for (size_t i = 0; i < n; i++) {
		uint64_t addr = 0x90000000 + i * 512;
		const uint64_t addrs[] = { queue, queue };
		const uint32_t types[] = { ids.queue, ids.queue };
		builder_task(b, &(struct builder_task){ .addr = addr,
							.leaf = addr + 0x80,
							.type = ids.task,
							.loop = ids.side_loop,
							.chain = chain });
		builder_locals(b, addrs, types, 2);
		builder_object(b, addr + 0x80, ids.future, NULL, 0, 0, &addr, 1, ids.task);
	}
	builder_object(b, queue, ids.queue, NULL, 0, 0, NULL, 0, 0);
	for (size_t i = 0; i < n; i++) {
		uint64_t addr = 0x90000000 + i * 512;
		refs(b, addr + 0x100, addr, 0, 0, queue, site);
		refs(b, addr + 0x140, addr, 0, 0, queue, 0);
		refs(b, addr, 0, ids.task, 0, 0, 0);
	}
	builder_function(b, ids.worker, 0, "fill", "jobs get");
	builder_function(b, ids.worker, TC_FUNCTION_KEPT, "", "close");
	builder_heap(b, TC_HEAP_WHOLE);
	named(b, queue + 0x1000, service, queue + 0x2000, builder_word(b, "jobs", 4));
	refs(b, queue + 0x2000, 0, ids.queue, 1, 0, 0);
	refs(b, queue, 0, ids.queue, 2 * n, 0, 0);
	builder_seal(b, n, 0, 0);
}

/* 600 chains of 3 to 6 links, as in the load of the project's performance notes. */
#define MANY_CHAINS 600

static void many_chains(struct builder *b, const struct ids *ids, uint32_t *chains)
{
	uint32_t codes[50];
	char name[32], file[64];

	for (unsigned i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "step_%u", i);
		snprintf(file, sizeof(file), APP "part_%u.py", i % 10);
		codes[i] = builder_code(b, name, file, "self");
	}
	for (unsigned i = 0; i < MANY_CHAINS; i++) {
		uint32_t chain = 0;
		for (unsigned depth = 0; depth < 2 + i % 4; depth++)
			chain = builder_link(b, chain, TC_FRAME_CORO, codes[(i + 7 * depth) % 50],
					     10 + i % 90);
		chains[i] = builder_link(b, chain, TC_FRAME_CORO,
					 i % 3 ? ids->event_wait : ids->sleep, 213);
	}
}

void builder_many(struct builder *b, size_t n)
{
	struct ids ids;
	uint32_t chains[MANY_CHAINS];

	builder_head(b, 4);
	define(b, &ids);
	threads(b, &ids);
	many_chains(b, &ids, chains);
	for (size_t i = 0; i < n; i++) {
		uint64_t addr = 0xa0000000 + i * 512, leaf = addr + 0x40, event = addr + 0x80;
		unsigned k = (unsigned)(i * 7919 % MANY_CHAINS), depth = 3 + k % 4;
		const uint64_t addrs[] = { event, event, event, event, event, event, event };
		const uint32_t types[] = { ids.event, ids.event, ids.event, ids.event,
					   ids.event, ids.event, ids.event };
		char name[32];
		snprintf(name, sizeof(name), "request-%zu", i);
		builder_task(b, &(struct builder_task){ .addr = addr,
							.leaf = leaf,
							.name = i % 2 ? name : NULL,
							.type = ids.task,
							.loop = ids.loop,
							.chain = chains[k] });
		builder_locals(b, addrs, types, depth);
		builder_object(b, leaf, ids.future, NULL, 0, 0, &addr, 1, ids.task);
	}
	builder_seal(b, n, 0, 0);
}
