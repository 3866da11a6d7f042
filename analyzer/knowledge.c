/* SPDX-License-Identifier: Apache-2.0
 * What is known about the coroutines of asyncio and uvloop: pure data, for CPython 3.8 to 3.15
 * (Lib/asyncio). */
#include "links.h"

#define TASKS "asyncio/tasks.py"
#define LOCKS "asyncio/locks.py"
#define QUEUES "asyncio/queues.py"
#define STREAMS "asyncio/streams.py"
#define GROUPS "asyncio/taskgroups.py"
#define BASE "asyncio/base_events.py"

const struct tc_known tc_known[] = {
	{ "asyncio/futures.py", "Future.__await__", TC_WAIT_NONE, NULL, TC_KNOWN_THROUGH },
	{ TASKS, "sleep", TC_WAIT_SLEEP, NULL, 0 },
	{ TASKS, "__sleep0", TC_WAIT_SLEEP, NULL, 0 },
	{ TASKS, "wait", TC_WAIT_WAIT, "fs", TC_KNOWN_TASK },
	{ TASKS, "_wait", TC_WAIT_WAIT, "fs", TC_KNOWN_TASK },
	{ TASKS, "as_completed.<locals>._wait_for_one", TC_WAIT_WAIT, NULL, TC_KNOWN_COMPLETED },
	{ TASKS, "_AsCompletedIterator._wait_for_one", TC_WAIT_WAIT, "self", TC_KNOWN_COMPLETED },
	/* To 3.11 it makes a task of what it is given and waits in its own frame; from 3.12 it
	 * awaits it. */
	{ TASKS, "wait_for", TC_WAIT_WAIT_FOR, "fut", TC_KNOWN_INNERMOST | TC_KNOWN_TASK },
	{ TASKS, "_cancel_and_wait", TC_WAIT_WAIT_FOR, "fut", TC_KNOWN_TASK },
	{ LOCKS, "Event.wait", TC_WAIT_EVENT, "self", 0 },
	/* Condition.wait takes its lock again: then it waits for the lock. */
	{ LOCKS, "Lock.acquire", TC_WAIT_LOCK, "self", TC_KNOWN_FINAL },
	{ LOCKS, "Semaphore.acquire", TC_WAIT_SEMAPHORE, "self", TC_KNOWN_FINAL },
	{ LOCKS, "Condition.wait", TC_WAIT_CONDITION, "self", 0 },
	{ LOCKS, "Condition.wait_for", TC_WAIT_CONDITION, "self", 0 },
	{ LOCKS, "Barrier.wait", TC_WAIT_BARRIER, "self", 0 },
	{ LOCKS, "Barrier._block", TC_WAIT_BARRIER, "self", 0 },
	{ LOCKS, "Barrier._wait", TC_WAIT_BARRIER, "self", 0 },
	{ QUEUES, "Queue.get", TC_WAIT_QUEUE_GET, "self", 0 },
	{ QUEUES, "Queue.put", TC_WAIT_QUEUE_PUT, "self", 0 },
	{ QUEUES, "Queue.join", TC_WAIT_QUEUE_JOIN, "self", 0 },
	{ GROUPS, "TaskGroup.__aexit__", TC_WAIT_TASKGROUP, "self", 0 },
	{ GROUPS, "TaskGroup._aexit", TC_WAIT_TASKGROUP, "self", 0 },
	{ STREAMS, "StreamReader.read*", TC_WAIT_STREAM_READ, "self", 0 },
	{ STREAMS, "StreamReader._wait_for_data", TC_WAIT_STREAM_READ, "self", 0 },
	{ STREAMS, "StreamReader.__anext__", TC_WAIT_STREAM_READ, "self", 0 },
	{ STREAMS, "StreamWriter.drain", TC_WAIT_STREAM_DRAIN, "self", 0 },
	{ STREAMS, "FlowControlMixin._drain_helper", TC_WAIT_STREAM_DRAIN, "self", 0 },
	{ "asyncio/subprocess.py", "Process.wait", TC_WAIT_SUBPROCESS, "self", 0 },
	{ "asyncio/subprocess.py", "Process.communicate", TC_WAIT_SUBPROCESS, "self", 0 },
	{ "asyncio/base_subprocess.py", "BaseSubprocessTransport._wait", TC_WAIT_SUBPROCESS, "self",
	  0 },
	{ "asyncio/threads.py", "to_thread", TC_WAIT_EXECUTOR, NULL, 0 },
	{ BASE, "BaseEventLoop.getaddrinfo", TC_WAIT_EXECUTOR, NULL, 0 },
	{ BASE, "BaseEventLoop.getnameinfo", TC_WAIT_EXECUTOR, NULL, 0 },
	{ BASE, "BaseEventLoop.shutdown_default_executor", TC_WAIT_EXECUTOR, NULL, 0 },
	{ BASE, "BaseEventLoop.sock_sendfile", TC_WAIT_SOCK, "sock", 0 },
	{ "asyncio/selector_events.py", "BaseSelectorEventLoop.sock_*", TC_WAIT_SOCK, "sock", 0 },
	{ "asyncio/selector_events.py", "BaseSelectorEventLoop._sock_*", TC_WAIT_SOCK, "sock", 0 },
	{ 0 },
};

const struct tc_known tc_known_native[] = {
	{ "", "Loop.sock_*", TC_WAIT_SOCK, NULL, 0 },
	{ "", "Loop.getaddrinfo", TC_WAIT_EXECUTOR, NULL, 0 },
	{ "", "Loop.getnameinfo", TC_WAIT_EXECUTOR, NULL, 0 },
	{ "", "Loop.shutdown_default_executor", TC_WAIT_EXECUTOR, NULL, 0 },
	{ "", "UVProcessTransport._wait", TC_WAIT_SUBPROCESS, NULL, 0 },
	{ 0 },
};
