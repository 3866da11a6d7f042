/* SPDX-License-Identifier: Apache-2.0
 * The kinds of findings. */
#include "analyzer/detect/cause.h"

static const struct {
	const char *word;
	enum tc_cause_class class;
} kinds[TC_N_CAUSES] = {
#define K(name, class, word) { word, TC_CLASS_##class },
	TC_CAUSES(K)
#undef K
};

static const char *const advice[TC_N_CAUSES] = {
	[TC_CAUSE_BLOCKED_SLEEP] = "await asyncio.sleep() instead of time.sleep()",
	[TC_CAUSE_BLOCKED_SOCKET_RECV] =
		"use an asynchronous client here, or await asyncio.to_thread(), with a timeout",
	[TC_CAUSE_BLOCKED_SUBPROCESS] =
		"await asyncio.create_subprocess_exec() instead of waiting for the child here",
	[TC_CAUSE_BLOCKED_THREAD_JOIN] = "await asyncio.to_thread(thread.join), or let the thread "
					 "tell the loop that it is done",
	[TC_CAUSE_BLOCKED_THREAD_QUEUE] = "use asyncio.Queue on the loop, and "
					  "call_soon_threadsafe() to fill it from a thread",
	[TC_CAUSE_BLOCKED_FILE_IO] = "await asyncio.to_thread() for this call",
	[TC_CAUSE_BLOCKED_PIPE_WRITE] = "find out who should read the other end; write from a "
					"thread (a logging queue, say)",
	[TC_CAUSE_BLOCKED_DNS] = "await loop.getaddrinfo() instead",
	[TC_CAUSE_BLOCKED_CPU] = "compute in a process of its own (run_in_executor() with a "
				 "ProcessPoolExecutor), or in parts with await between",
	[TC_CAUSE_BLOCKED_CPU_NATIVE] =
		"call it in a process of its own (run_in_executor() with a ProcessPoolExecutor), "
		"or with less to do at a time",
	[TC_CAUSE_BLOCKED_NATIVE_GIL] =
		"let the native code release the GIL, or call it in another process",
	[TC_CAUSE_BLOCKED_LOCK] = "do not take a lock that is held for long on the loop's thread: "
				  "asyncio.Lock, or a thread",
	[TC_CAUSE_BLOCKED_OTHER] = "await asyncio.to_thread() for this call",
	[TC_CAUSE_LOCK_CYCLE] = "take these locks in one order everywhere, and await nothing that "
				"needs a lock while you hold it",
	[TC_CAUSE_SELF_LOCK] =
		"take the lock in the outer function alone: asyncio has no lock that "
		"one task may take twice",
	[TC_CAUSE_POOL_EXHAUSTED] = "take one permit for the whole work and hand it on, or give it "
				    "back before more is awaited; now: cancel one of the holders",
	[TC_CAUSE_SELF_THREADLOCK] = "use threading.RLock, or take the lock in the outer function "
				     "alone",
	[TC_CAUSE_THREADLOCK] = "use asyncio.Lock, or await nothing while a lock of threading is "
				"held",
	[TC_CAUSE_TASK_CYCLE] = "let no task await one that awaits it",
	[TC_CAUSE_LOST_WAKEUP_THREAD] =
		"from a thread call loop.call_soon_threadsafe(), in a signal "
		"handler use loop.add_signal_handler()",
	[TC_CAUSE_ORPHAN_FUTURE] =
		"keep the future where its result arrives until it is done, and fail "
		"it when it is dropped; now: cancel the task",
	[TC_CAUSE_ORPHAN_EVENT] =
		"make sure that who sets it does so whatever happens (finally), and "
		"that its failure is seen; now: cancel the waiting task",
	[TC_CAUSE_ORPHAN_BARRIER] =
		"let as many tasks come as the barrier was made for, or abort() "
		"it when one fails",
	[TC_CAUSE_ORPHAN_QUEUE_EMPTY] =
		"tell the readers when the last writer ends (a last item, or "
		"shutdown() from Python 3.13 on); now: cancel them",
	[TC_CAUSE_ORPHAN_QUEUE_FULL] =
		"see that the readers live: catch errors of single items, and "
		"look at their tasks; now: cancel the writers",
	[TC_CAUSE_ORPHAN_QUEUE_JOIN] =
		"call task_done() in a finally, and see that the workers live; "
		"now: cancel the task that waits",
	[TC_CAUSE_CANCEL_SHIELDED] = "let CancelledError end the wait, or shield only what ends by "
				     "itself, with a timeout around it",
	[TC_CAUSE_LOCK_ABANDONED] =
		"take the lock by `async with`, which releases it whatever happens",
	[TC_CAUSE_SEMAPHORE_LEAK] = "take the permit by `async with`, which gives it back whatever "
				    "happens",
	[TC_CAUSE_FD_EXHAUSTED] = "find what opens and does not close them (the counts above); "
				  "raise the limit only where the number is right",
	[TC_CAUSE_EXECUTOR_EXHAUSTED] =
		"make the pool without max_tasks_per_child, or a new one when it stands; see why "
		"its processes have ended",
	[TC_CAUSE_SHUTDOWN_EXECUTOR] =
		"let the job end when the program does: a timeout, or an event that it looks at",
	[TC_CAUSE_SHUTDOWN_THREAD] =
		"tell the thread to end before the program does, or make it a daemon",
	[TC_CAUSE_SHUTDOWN_SERVER] =
		"close the clients' connections too: Server.close_clients() from Python 3.13 on, "
		"or cancel the tasks that serve them; wait with a timeout",
	[TC_CAUSE_LOOP_STOPPED] =
		"keep the loop running until all that was handed to it is done; catch SystemExit "
		"in tasks; wait with a timeout in other threads",
	[TC_CAUSE_SELF_REQUEST] = "never call this process's own server with a blocking client: "
				  "await an asynchronous one",
	[TC_CAUSE_LOOP_WAITS_ITSELF] = "await the coroutine, or create_task(): result() waits on "
				       "the thread that must run it",
	[TC_CAUSE_LOOP_THREAD_CYCLE] =
		"await run_in_executor() instead of waiting for its result on the loop's thread",
	[TC_CAUSE_CRASH] =
		"see which native code the line above calls, and its version; module and offset "
		"are what its authors need; what the process wrote to stderr may say more",
};

const char *tc_cause_word(enum tc_cause kind)
{
	return kinds[kind].word;
}

enum tc_cause_class tc_cause_class_of(enum tc_cause kind)
{
	return kinds[kind].class;
}

const char *tc_class_word(enum tc_cause_class class)
{
	static const char *const words[] = { "hang", "leak", "crash" };

	return words[class];
}

const char *tc_cause_advice(enum tc_cause kind)
{
	return advice[kind];
}
