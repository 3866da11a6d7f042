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
#include "dumper/hook/child/hook_journal.h"
#include "dumper/hook/child/hook_worker.h"
#include "dumper/hook/child/hook_write.h"
#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/common/hook_outcome.h"
#include "dumper/hook/common/hook_say.h"
#include "dumper/hook/common/hook_settings.h"
#include "dumper/hook/signals/hook_guard.h"
#include "lib/base/arena.h"
#include "lib/base/strbuf.h"
#include "lib/core/core.h"
#include "lib/core/dump_name.h"
#include "lib/format/format.h"
#include "lib/mem/mem_self.h"
#include "lib/process/look.h"
#include "lib/process/proc.h"
#include "lib/process/stacks.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/walk/walk.h"
#include "lib/base/safe.h"

#define MAPS_MEMORY (256ul << 20)
#define AGAIN_NS 5000000 /* wait so long before another snapshot is asked for */
#define LOOK_NS 200000
#define LOOKS 2500 /* looks: half a second for the process to answer */

static struct tc_hook_file file; /* too big for the stack */

/* The handler of SIGALRM: the time for the dump is over. A step that hangs is left, so that what
 * was read so far becomes a file; the second time all ends. */
static void end_now(int sig, siginfo_t *info, void *context)
{
	const struct tc_hook_outcome *outcome = tc_hook_dump.outcome;

	(void)sig;
	(void)info;
	if (tc_hook_step_abandon(context))
		return;
	tc_hook_file_abort(&file);
	if ((!outcome || outcome->state == TC_OUTCOME_RUNNING) && !tc_hook_dump.maker.line)
		tc_hook_child_refuse(&tc_hook_dump, "it took longer than TASKCORE_BUDGET_MS");
	if (tc_hook_dump.maker.watched)
		tc_hook_work_done(&tc_hook_dump);
	tc_hook_end(&tc_hook_dump);
}

void tc_hook_end_at_alarm(void)
{
	tc_sys_action(SIGALRM, (void *)end_now, SA_SIGINFO, ~0ull);
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

	return tc_proc_blocked(dump->proc, dump->tid_proc, &blocked) &&
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
	if (dump->request.siginfo && dump->maker.guest)
		tc_hook_journal(dump->maker.line);
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
	put_ms(&text, tc_hook_pause_ns(dump));
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

void tc_hook_child_failed(struct tc_hook_dump *dump)
{
	tc_hook_file_abort(&file);
	tc_hook_child_refuse(dump, "a fault happened while it was made");
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
		int r = tc_hook_write(dump, file.fd);
		if (r == -EFAULT) {
			tc_hook_child_failed(dump);
			return;
		}
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
		tc_hook_gather_stacks(dump, &arena);
	}
	tc_hook_gather_thread_names(dump);
	tc_hook_gather_names(dump);
	make_file(dump);
}
