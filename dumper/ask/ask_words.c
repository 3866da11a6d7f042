/* SPDX-License-Identifier: Apache-2.0
 * What taskcore signal says when there is no dump, or not the whole of one. */
#define _GNU_SOURCE
#include "dumper/ask/ask_words.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/process/proc.h"
#include "dumper/base/budget.h"
#include "dumper/outside/children.h"
#include "dumper/base/exit.h"
#include "lib/base/plain.h"
#include "dumper/outside/unsupported.h"
#include "dumper/ask/where.h"

int tc_ask_say(int code, const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	tc_plain(line);
	fprintf(stderr, "taskcore: %s\n", line);
	return code;
}

const char *tc_ask_hint(pid_t pid)
{
	static char text[160];
	char name[TC_COMM_MAX];
	pid_t child = tc_children_nearest(pid, tc_budget_default(), name);

	text[0] = 0;
	if (child)
		snprintf(text, sizeof(text), "; below it process %d (%s) has an event loop: "
			 "taskcore signal %d", child, name, child);
	return text;
}

int tc_ask_explain_no(pid_t pid, const struct tc_hooked *hooked)
{
	static struct tc_where where; /* too big for the stack */

	if (hooked->here && !hooked->dir_unknown)
		tc_where_find(pid, hooked->dir, &where);
	if (where.known && !where.dir[0])
		return tc_ask_say(TC_EXIT_GONE,
				  "process %d refused: no directory can be written%s%s", pid,
				  where.why[0] ? ", " : "", where.why);
	return tc_ask_say(TC_EXIT_GONE, "process %d refused: its standard error says why", pid);
}

static int explain_tracer(pid_t pid, pid_t tracer, double s)
{
	char path[32], name[32];

	snprintf(path, sizeof(path), "/proc/%d/comm", tracer);
	if (tc_proc_read(AT_FDCWD, path, name, sizeof(name)) <= 0)
		strcpy(name, "?");
	name[strcspn(name, "\n")] = 0;
	return tc_ask_say(
		TC_EXIT_GONE,
		"no answer from process %d in %g s: it is stopped by process %d (%s), which traces "
		"it, and will dump when that lets it go on; taskcore dump %d reads it from outside",
		pid, s, tracer, name, pid);
}

int tc_ask_explain_silence(pid_t pid, int sig, unsigned timeout_ms)
{
	struct tc_signals signals;
	double s = timeout_ms / 1e3;

	if (tc_hooked_signals(pid, &signals) < 0)
		return tc_ask_say(TC_EXIT_GONE, "process %d has ended without a dump", pid);
	if (signals.stopped && signals.tracer)
		return explain_tracer(pid, signals.tracer, s);
	if (signals.stopped)
		return tc_ask_say(
			TC_EXIT_GONE,
			"no answer from process %d in %g s: it is stopped, and will dump when it "
			"goes on (kill -CONT %d)",
			pid, s, pid);
	if (signals.blocked & TC_SIGNAL_BIT(sig))
		return tc_ask_say(TC_EXIT_GONE,
			   "no answer from process %d in %g s: every thread blocks signal %d; "
			   "taskcore dump %d reads it from outside",
			   pid, s, sig, pid);
	if (signals.uninterruptible)
		return tc_ask_say(TC_EXIT_GONE,
			   "no answer from process %d in %g s: it is in uninterruptible sleep; "
			   "taskcore dump %d reads it from outside",
			   pid, s, pid);
	return tc_ask_say(TC_EXIT_GONE,
		   "no answer from process %d in %g s: it refused (its standard error says why: no "
		   "place to write, a full directory), or is still at it",
		   pid, s);
}

int tc_ask_say_unknown(pid_t pid)
{
	return tc_ask_say(TC_EXIT_INPUT,
			  "process %d runs a Python that is not supported, or starts up or ends "
			  "(" TC_SUPPORTED "): the dump holds its threads and modules",
			  pid);
}
