/* SPDX-License-Identifier: Apache-2.0
 * taskcore status: one screen about a process, and about those below it. */
#include "dumper/cli/status.h"

#include <inttypes.h>
#include <stdio.h>

#include "dumper/outside/children.h"
#include "dumper/base/exit.h"
#include "dumper/ask/hooked.h"
#include "dumper/outside/probe.h"

#define CHILDREN_MAX 256

static const char *state_text(char state)
{
	switch (state) {
	case 'T':
		return ", stopped";
	case 't':
		return ", stopped by a tracer";
	case 'D':
		return ", in uninterruptible sleep";
	default:
		return "";
	}
}

static void print_python(const struct tc_probe *p)
{
	char version[32];

	if (!p->has_python) {
		printf("python   %s%s\n", p->other[0] ? p->other : "none found",
		       p->other[0] ? ", not supported" : "");
		return;
	}
	tc_version_text(p->walk.python.version, version, sizeof(version));
	printf("python   %s%s%s in %s\n", version, p->walk.python.debug ? ", debug build" : "",
	       p->walk.python.free_threaded ? ", free-threaded" : "",
	       p->module[0] ? p->module : "(unknown file)");
	printf("layout   %s\n",
	       p->walk.python.layout[0] ? p->walk.python.layout : "none: not supported");
	printf("asyncio  %s\n", p->walk.python.asyncio ? "loaded" : "not loaded");
}

static void print_counts(const struct tc_probe *p)
{
	if (p->has_python)
		printf("tasks    %" PRIu64 " pending in %" PRIu64 " loop%s, %" PRIu64
		       " finished ones still registered\n",
		       p->walk.counts.found, p->walk.counts.loops,
		       p->walk.counts.loops == 1 ? "" : "s", p->walk.counts.done);
}

static void print_process(const struct tc_probe *p)
{
	char hook[TC_HOOKED_LINE];

	printf("process  %d (%s), uid %u, %u thread%s%s\n", p->pid, p->exe[0] ? p->exe : p->comm,
	       p->uid, p->n_threads, p->n_threads == 1 ? "" : "s", state_text(p->state));
	if (p->tracer)
		printf("         traced by process %d\n", p->tracer);
	if (p->via && p->via != p->pid)
		printf("         its first thread has ended: read through thread %d\n", p->via);
	tc_hooked_describe(p->pid, hook, sizeof(hook));
	printf("hook     %s\n", hook);
}

static void print_child(const struct tc_probe *p)
{
	char version[32];

	tc_version_text(p->walk.python.version, version, sizeof(version));
	printf("  %-8d %s, Python %s: %" PRIu64 " loop%s, %" PRIu64 " task%s\n", p->pid, p->comm,
	       version, p->walk.counts.loops, p->walk.counts.loops == 1 ? "" : "s",
	       p->walk.counts.found, p->walk.counts.found == 1 ? "" : "s");
}

/* The processes below pid with an event loop, one line each. Their number. */
static size_t print_children(pid_t pid, uint64_t max_memory, bool title)
{
	static pid_t pids[CHILDREN_MAX];
	size_t n = tc_children_list(pid, pids, CHILDREN_MAX), found = 0, denied = 0;

	for (size_t i = 0; i < n; i++) {
		struct tc_probe child = { .pid = pids[i], .max_memory = max_memory };
		int code = tc_probe_run(&child);
		denied += code == TC_EXIT_PERMISSION;
		if (tc_probe_is_dumper(&child))
			printf("a dump of it is being made, by its child %d\n", pids[i]);
		if (!tc_probe_has_loops(&child))
			continue;
		if (title && found == 0)
			printf("children with event loops (taskcore dump PID reads each):\n");
		found++;
		print_child(&child);
	}
	if (denied)
		printf("  %zu more could not be read: permission denied\n", denied);
	return found;
}

int tc_status_print(pid_t pid, uint64_t max_memory, bool children)
{
	struct tc_probe probe = { .pid = pid, .max_memory = max_memory };
	int code;

	if (children) {
		size_t n = print_children(pid, max_memory, false);
		if (n == 0)
			fprintf(stderr, "taskcore: no process below %d has an event loop\n", pid);
		return n ? TC_EXIT_OK : TC_EXIT_INPUT;
	}
	code = tc_probe_run(&probe);
	if (probe.n_threads == 0) {
		fprintf(stderr, "taskcore: %s\n", probe.line);
		return code;
	}
	print_process(&probe);
	print_python(&probe);
	print_counts(&probe);
	printf("read     %s\n", code == TC_EXIT_OK ? "yes" : probe.line);
	fflush(stdout);
	/* Even if the process has a loop itself: the master of gunicorn 25 has one, for its control
	 * socket, and is not what people look for. */
	if (print_children(pid, max_memory, true))
		code = TC_EXIT_OK;
	else if (!probe.walk.counts.loops && probe.has_python)
		printf("no event loop here, nor in a process below\n");
	return code;
}
