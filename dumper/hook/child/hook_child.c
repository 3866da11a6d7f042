/* SPDX-License-Identifier: Apache-2.0
 * Makes the file: in the worker of a dump's child (hook_guest.c), or, where no child can be made,
 * in the handler. */
#include "dumper/hook/child/hook_child.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "dumper/base/wire.h"
#include "dumper/hook/capture/hook_cgroup.h"
#include "dumper/hook/capture/hook_gather.h"
#include "dumper/hook/capture/hook_in_place.h"
#include "dumper/hook/child/hook_end.h"
#include "dumper/hook/child/hook_fds.h"
#include "dumper/hook/child/hook_file.h"
#include "dumper/hook/child/hook_worker.h"
#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/common/hook_outcome.h"
#include "dumper/hook/common/hook_say.h"
#include "dumper/hook/common/hook_settings.h"
#include "lib/base/arena.h"
#include "lib/base/strbuf.h"
#include "lib/core/core.h"
#include "lib/core/dump_name.h"
#include "lib/format/format.h"
#include "lib/mem/mem_self.h"
#include "lib/process/look.h"
#include "lib/process/proc.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/walk/walk.h"
#include "lib/base/safe.h"

#define CORE_MEMORY (4u << 20) /* of tc_core_begin */
#define MAPS_MEMORY (256ul << 20)
#define TASKS_PER_LOOK 64 /* time and parent are looked at once in so many tasks */
#define TARGET_NS 20000000 /* how long await_target waits at most, */
#define TARGET_LOOKS 100   /* in so many steps */
#define AGAIN_NS 5000000 /* wait so long before another snapshot is asked for */
#define LOOK_NS 200000
#define LOOKS 2500 /* looks: half a second for the process to answer */

static struct tc_hook_file file; /* too big for the stack */
static struct tc_looks looks;	 /* too big for the stack */

/* The handler of SIGALRM: the time for the dump is over. */
static void end_now(int sig)
{
	const struct tc_hook_outcome *outcome = tc_hook_dump.outcome;

	(void)sig;
	tc_hook_file_abort(&file);
	if ((!outcome || outcome->state == TC_OUTCOME_RUNNING) && !tc_hook_dump.maker.line)
		tc_hook_child_refuse(&tc_hook_dump, "it took longer than TASKCORE_BUDGET_MS");
	if (tc_hook_dump.maker.watched)
		tc_hook_work_done(&tc_hook_dump);
	tc_hook_end(&tc_hook_dump);
}

void tc_hook_end_at_alarm(void)
{
	tc_sys_action(SIGALRM, (void *)end_now, 0, ~0ull);
}

/* For give_up, which the walk calls: does the process still exist, and is there time? */
struct look {
	const struct tc_hook_dump *dump;
	uint64_t end_ns, work_ns; /* work_ns: when the last rest ended, under a limit on CPU time */
	unsigned n;
	bool limited, stop;
};

static bool give_up(void *context)
{
	struct look *look = context;
	struct timespec rest = { 0, 8000000 };

	if (look->stop || look->n++ % TASKS_PER_LOOK)
		return look->stop;
	uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC);
	look->stop = now > look->end_ns || tc_hook_is_target_gone(look->dump);
	if (look->limited && now - look->work_ns > 2000000) {
		tc_syscall2(SYS_nanosleep, (long)&rest, 0);
		look->work_ns = tc_sys_clock_ns(CLOCK_MONOTONIC);
	}
	return look->stop;
}

/* Walk the snapshot, with an arena as large as can be mapped. */
static int walk(struct tc_hook_dump *dump)
{
	struct tc_walk_options options;
	struct look look = { .dump = dump,
			     .end_ns = dump->deadline_ns,
			     .limited = !dump->request.dies && tc_hook_cpu_limited() };
	struct tc_arena arena;
	void *memory = NULL;
	size_t size;

	for (size = 4ul << 30; size >= 16ul << 20 && !memory; size /= 4)
		if ((memory = tc_sys_map(size, false)))
			break;
	if (!memory)
		return -TC_ENOSPACE;
	tc_arena_init(&arena, memory, size);
	tc_hook_walk_options(dump, &options);
	look.work_ns = tc_sys_clock_ns(CLOCK_MONOTONIC);
	options.give_up = give_up;
	options.context = &look;
	int r = tc_walk(&dump->mem, &dump->core.rec, &arena, &options, &dump->walk);
	tc_sys_unmap(memory, size);
	return r;
}

static uint32_t status_flags(const struct tc_hook_dump *dump, int walked)
{
	return (dump->way.frozen ? TC_STATUS_FROZEN : TC_STATUS_UNFROZEN) |
	       (walked == -TC_ENOPYTHON ? TC_STATUS_NO_PYTHON :
		walked < 0		? TC_STATUS_UNKNOWN_PYTHON :
					  0u);
}

static uint64_t pause_ns(const struct tc_hook_dump *dump)
{
	uint64_t pause = dump->outcome ? dump->outcome->pause_ns : 0;

	return pause ? pause : tc_sys_clock_ns(CLOCK_MONOTONIC) - dump->began_ns;
}

/* Wait until the process has left its handler. On a busy machine it may still be in there when we
 * are done: then its pause is not over, and a new request, made as soon as the file appears, would
 * be refused. */
static void await_target(const struct tc_hook_dump *dump)
{
	struct timespec wait = { 0, TARGET_NS / TARGET_LOOKS };

	for (int i = 0; i < TARGET_LOOKS && dump->maker.guest && dump->outcome; i++) {
		if (dump->outcome->pause_ns)
			return;
		tc_syscall2(SYS_nanosleep, (long)&wait, 0);
	}
}

static void note(struct tc_hook_dump *dump, const char *one, const char *two)
{
	struct tc_strbuf text;

	if (!tc_hook_notice(dump, &text))
		return;
	tc_strbuf_s(&text, one);
	tc_strbuf_s(&text, two);
}

static void note_conditions(struct tc_hook_dump *dump)
{
	if (dump->old_maps)
		note(dump, "the modules are those that were loaded when the event loop was made: ",
		     dump->old_maps);
	if (dump->way.why_no_clone)
		note(dump, "read in place, not from a copy: ", dump->way.why_no_clone);
	if (dump->maker.why_elsewhere)
		note(dump, "the dump is not in TASKCORE_DIR: ", dump->maker.why_elsewhere);
	if (!dump->way.dumpable)
		note(dump, "no values: the process is not dumpable (prctl(2)); ",
		     "TASKCORE_NONDUMPABLE=full gives them");
}

/* Write the whole dump to the open file fd. 0; -errno of the write that failed; -ENOMEM. */
static int write_dump(struct tc_hook_dump *dump, int fd)
{
	struct tc_arena scratch;
	void *memory = tc_sys_map(CORE_MEMORY, false);
	/* restored at the end, because another file may be tried after this one */
	unsigned n_notices = dump->walk.notices.n;
	int walked = dump->in_place.walked;

	if (!memory)
		return -ENOMEM;
	tc_arena_init(&scratch, memory, CORE_MEMORY);
	int r = tc_core_begin(&dump->core, fd, &dump->mem, &dump->maps, &dump->process, &scratch);
	if (r == 0)
		tc_hook_put_fds(dump, &dump->core.rec);
	if (r == 0 && dump->way.snapshot)
		walked = r = walk(dump);
	else if (r == 0)
		r = tc_hook_replay(dump, &dump->core);
	note_conditions(dump);
	tc_hook_note_threads(dump);
	tc_hook_note_fds(dump);
	await_target(dump);
	tc_look_choose(&looks, dump->threads.at, dump->threads.n, dump->walk.python.loop_tids,
		       dump->walk.python.n_loop_tids, dump->walk.python.loops_ready);
	/* not in the handler, which stops the very threads that would be watched */
	if (dump->maker.guest && !dump->request.dies)
		tc_look_watch(dump->proc, &looks, NULL);
	tc_look_put(&looks, &dump->core.rec);
	struct tc_core_status status = {
		.walk = &dump->walk,
		.flags = status_flags(dump, walked),
		.pause_ns = pause_ns(dump),
		.duration_ns = tc_sys_clock_ns(CLOCK_MONOTONIC) - dump->began_ns,
	};
	if (r != -TC_EWRITE && r != -TC_ENOSPACE)
		r = tc_core_seal(&dump->core, &status);
	dump->walk.notices.n = n_notices;
	tc_sys_unmap(memory, CORE_MEMORY);
	if (r == -TC_EWRITE)
		return dump->core.sys ? -dump->core.sys : -EIO;
	return r < 0 ? -ENOMEM : 0;
}

/* Does the process still catch this signal? After an execve it does not, and would die of it. */
static bool is_caught(const struct tc_hook_dump *dump, int sig)
{
	uint64_t caught;

	return dump->proc >= 0 && tc_proc_number(dump->proc, "status", "SigCgt", 16, &caught) &&
	       caught >> (sig - 1) & 1;
}

/* Would the thread whose handler made the dump run our handler for this signal? Not if it blocks
 * the signal, nor if it is in sigwait, which would give the signal to the program. */
static bool is_open(const struct tc_hook_dump *dump, int sig)
{
	struct tc_os_thread thread = { .syscall = -1 };
	uint64_t blocked;
	char path[64];
	struct tc_strbuf text;

	tc_strbuf_init(&text, path, sizeof(path));
	tc_strbuf_s(&text, "task/");
	tc_strbuf_u(&text, dump->tid_proc);
	tc_strbuf_s(&text, "/status");
	return tc_proc_number(dump->proc, path, "SigBlk", 16, &blocked) &&
	       !(blocked >> (sig - 1) & 1) &&
	       tc_proc_thread_syscall(dump->proc, dump->tid_proc, &thread) &&
	       thread.syscall != SYS_rt_sigtimedwait;
}

/* Send the signal to that thread only: another one may be in sigwait. */
static bool send_again(const struct tc_hook_dump *dump)
{
	siginfo_t info = { .si_signo = tc_hook_settings.private_signal, .si_code = SI_QUEUE };

	info.si_value.sival_ptr = (void *)(uintptr_t)tc_cookie(TC_COOKIE_AGAIN, dump->began_ns);
	return !tc_hook_is_target_gone(dump) && is_caught(dump, info.si_signo) &&
	       is_open(dump, info.si_signo) &&
	       tc_syscall4(SYS_rt_tgsigqueueinfo, dump->pid, dump->tid, info.si_signo,
			   (long)&info) == 0;
}

/* If the snapshot contradicts itself, ask for another one, once. True: the process makes it, and
 * this one must be dropped. */
static bool ask_again(struct tc_hook_dump *dump)
{
	struct timespec wait = { 0, AGAIN_NS }, look = { 0, LOOK_NS };
	uint32_t state = TC_OUTCOME_AGAIN;

	if (!dump->walk.counts.disagreed || dump->request.again || dump->request.siginfo ||
	    !dump->way.snapshot || !dump->outcome || !tc_hook_settings.private_signal)
		return false;
	tc_syscall2(SYS_nanosleep, (long)&wait, 0);
	dump->outcome->state = TC_OUTCOME_AGAIN;
	if (send_again(dump))
		for (int i = 0; i < LOOKS && dump->outcome->state == TC_OUTCOME_AGAIN; i++)
			tc_syscall2(SYS_nanosleep, (long)&look, 0);
	if (atomic_compare_exchange_strong(&dump->outcome->state, &state, TC_OUTCOME_RUNNING))
		return false;
	state = TC_OUTCOME_ACCEPTED;
	return atomic_compare_exchange_strong(&dump->outcome->state, &state, TC_OUTCOME_LEAVING);
}

static void put_ms(struct tc_strbuf *text, uint64_t ns)
{
	tc_strbuf_u(text, ns / 1000000);
	tc_strbuf_s(text, ".");
	tc_strbuf_padded(text, ns / 10000 % 100, 2);
	tc_strbuf_s(text, " ms");
}

/* `taskcore signal` looks at the name of the first thread, which is either the worker or the
 * watcher: whichever of them comes here first. */
static void mark(const struct tc_hook_dump *dump)
{
	if (dump->maker.verdict == TC_OUTCOME_REFUSED && dump->maker.guest)
		tc_hook_mark_refused(dump->request.cookie);
}

void tc_hook_child_tell(const struct tc_hook_dump *dump)
{
	mark(dump);
	if (!dump->maker.line)
		return;
	/* the outcome permits the next dump: from here on it may be that one's */
	if (dump->outcome)
		dump->outcome->state = dump->maker.verdict;
	tc_hook_say(dump->maker.line);
}

/* Set line and outcome. A worker has no stderr: the watcher says the line. */
static void tell(struct tc_hook_dump *dump, enum tc_outcome verdict, char *line)
{
	dump->maker.verdict = verdict;
	dump->maker.line = line;
	if (dump->maker.watched)
		mark(dump);
	else
		tc_hook_child_tell(dump);
}

/* The dump is a file: make the line for stderr, and set the path for taskcore_wait. */
static void report(struct tc_hook_dump *dump)
{
	static char line[2 * TC_HOOK_PATH + TC_DUMP_NAME_MAX + 256];
	struct tc_strbuf text;

	tc_strbuf_init(&text, line, sizeof(line) - 1);
	tc_strbuf_s(&text, "taskcore: ");
	char *path = text.at;
	tc_strbuf_s(&text, file.dir_path);
	if (file.dir_path[1])
		tc_strbuf_s(&text, "/");
	tc_strbuf_s(&text, file.name);
	if (dump->outcome && (size_t)(text.at - path) < sizeof(dump->outcome->path))
		memcpy(dump->outcome->path, path, (size_t)(text.at - path) + 1);
	tc_strbuf_s(&text, ": ");
	tc_strbuf_u(&text, dump->walk.counts.found);
	tc_strbuf_s(&text, dump->walk.counts.found == 1 ? " task, " : " tasks, ");
	tc_strbuf_u(&text, dump->core.at);
	tc_strbuf_s(&text, " bytes, paused ");
	put_ms(&text, pause_ns(dump));
	if (dump->maker.why_elsewhere) {
		tc_strbuf_s(&text, "; not in TASKCORE_DIR: ");
		tc_strbuf_s(&text, dump->maker.why_elsewhere);
	}
	tell(dump, TC_OUTCOME_SEALED, line);
}

void tc_hook_child_refuse(struct tc_hook_dump *dump, const char *why)
{
	static char line[TC_HOOK_PATH + 256];
	struct tc_strbuf text;

	tc_strbuf_init(&text, line, sizeof(line) - 1);
	tc_strbuf_s(&text, "taskcore: no dump (");
	tc_strbuf_s(&text, dump->request.reason);
	tc_strbuf_s(&text, "): ");
	tc_strbuf_s(&text, why[0] ? why : "no directory to write to");
	tell(dump, TC_OUTCOME_REFUSED, line);
}

/* Try one directory after the other until the dump is in one. */
static void make_file(struct tc_hook_dump *dump)
{
	static char why[TC_HOOK_PATH + 128]; /* too big for the stack */
	struct tc_strbuf reason;
	unsigned next_dir = 0;

	tc_strbuf_init(&reason, why, sizeof(why));
	while (tc_hook_file_create(&file, &next_dir, dump, &reason) == 0) {
		/* why is about TASKCORE_DIR, because that is the first one */
		if (tc_hook_settings.dir[0] && why[0])
			dump->maker.why_elsewhere = why;
		else if (tc_hook_settings.dir[0] && !dump->maker.guest)
			dump->maker.why_elsewhere = "no child could be made that may wait for it";
		int r = write_dump(dump, file.fd);
		if (r < 0 || ask_again(dump)) {
			tc_hook_file_abort(&file);
			if (r == 0)
				return;
		} else {
			r = tc_hook_file_commit(&file, dump);
		}
		if (r == 0) {
			report(dump);
			return;
		}
		tc_hook_file_explain(&file, &reason, r);
	}
	tc_hook_child_refuse(dump, why);
}

void tc_hook_child_failed(struct tc_hook_dump *dump)
{
	tc_hook_file_abort(&file);
	tc_hook_child_refuse(dump, "a fault happened while it was made");
}

void tc_hook_child_stuck(struct tc_hook_dump *dump)
{
	if (!dump->maker.line && (!dump->outcome || dump->outcome->state == TC_OUTCOME_RUNNING))
		tc_hook_child_refuse(dump, "it took longer than TASKCORE_BUDGET_MS, and a file "
					   "system does not answer");
}

/* Map memory for the maps of the process and its modules: 100,000 mappings take 50 MB. Never
 * unmapped: this process ends soon. */
static void take_maps_memory(struct tc_arena *arena)
{
	for (size_t size = MAPS_MEMORY; size > arena->left; size /= 4) {
		void *memory = tc_sys_map(size, false);
		if (memory) {
			tc_arena_init(arena, memory, size);
			return;
		}
	}
}

void tc_hook_child(void *argument)
{
	struct tc_hook_dump *dump = argument;
	struct tc_arena arena;

	file.fd = file.dir = -1;
	if (dump->maker.guest)
		tc_hook_gather_threads_late(dump);
	arena = dump->arena;
	if (dump->way.snapshot) {
		take_maps_memory(&arena);
		tc_mem_self_init(&dump->mem, true);
		tc_hook_gather_registers(dump);
		int r = tc_hook_gather_maps(dump, &arena);
		if (r < 0) {
			tc_hook_child_refuse(dump, r == -ENOMEM ?
							   "no memory for the maps of the process" :
							   "there is no /proc");
			return;
		}
	}
	tc_hook_gather_thread_names(dump);
	tc_hook_gather_names(dump);
	make_file(dump);
}
