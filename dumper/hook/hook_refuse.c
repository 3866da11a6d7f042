/* SPDX-License-Identifier: Apache-2.0
 * Says why a request was refused: at most one line a second. */
#include "dumper/hook/hook_refuse.h"

#include <errno.h>
#include <linux/sched.h>
#include <stdatomic.h>
#include <time.h>

#include "dumper/hook/child/hook_guest.h"
#include "dumper/hook/common/hook_emulator.h"
#include "dumper/hook/common/hook_outcome.h"
#include "dumper/hook/common/hook_process.h"
#include "dumper/hook/common/hook_say.h"
#include "dumper/hook/common/hook_settings.h"
#include "dumper/hook/signals/hook_guard.h"
#include "lib/base/strbuf.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

/* speaking is 1 while a thread is about to start the child. */
void tc_hook_reap_speaker(struct tc_hook_process *process)
{
	uint32_t child = process->speaking;
	int status;

	if (child != 1)
		tc_process_reap_one(&process->speaking, child, &status);
}

struct refusal {
	char reason[32];
	int error;
	uint64_t ago_s;
	uint32_t n;
	/* for the child's name (wire.h); 0: no cookie, or whoever asked may ask again */
	uint64_t cookie;
	char line[256]; /* not on the stack: in an emulator we run on the program's */
};
static struct refusal refusal; /* belongs to whoever has set process->speaking */

static void say_refused(void)
{
	struct tc_strbuf text;

	tc_strbuf_init(&text, refusal.line, sizeof(refusal.line) - 1);
	tc_strbuf_s(&text,
		  refusal.error == -EOWNERDEAD ? "taskcore: no dump (" : "taskcore: refused (");
	tc_strbuf_s(&text, refusal.reason);
	tc_strbuf_s(&text, refusal.error == -EOWNERDEAD ? "): the process that made it was killed, "
							"as if for want of memory" :
			 refusal.error == -EBUSY      ? "): a dump is under way" :
			 refusal.error == -ENOEXEC    ? "): no Python in this process" :
			 refusal.error == -ENOENT     ? "): there is no /proc" :
			 refusal.error == -EDQUOT     ? "): its cgroup has too little memory left" :
			 refusal.error == -ENOMEM     ? "): no memory to read the process" :
			 refusal.error == -EPERM      ? "): sigaltstack is forbidden (a filter of "
							"system calls?)" :
			 refusal.error == -EFAULT     ? "): a fault while the process was read" :
			 refusal.error == -EOPNOTSUPP ? "): the program runs under " :
							"): last dump ");
	if (refusal.error == -EOPNOTSUPP) {
		tc_strbuf_s(&text, tc_hook_emulator());
		tc_strbuf_s(&text, ", which would end it if it were copied");
	}
	if (refusal.error == -EAGAIN) {
		tc_strbuf_u(&text, refusal.ago_s);
		tc_strbuf_s(&text, " s ago, TASKCORE_MIN_INTERVAL_S is ");
		tc_strbuf_u(&text, tc_hook_settings.min_interval_s);
	}
	if (refusal.n > 1) {
		tc_strbuf_s(&text, "; ");
		tc_strbuf_u(&text, refusal.n);
		tc_strbuf_s(&text, " requests since the last such line");
	}
	tc_hook_say(refusal.line);
}

/* Runs in a child, which has its own signal actions. */
static void say_refused_apart(void *unused)
{
	(void)unused;
	tc_hook_answer_traps();
	tc_hook_leave_files(0);
	tc_hook_mark_refused(refusal.cookie);
	say_refused();
}

/* In the handler, where no child may be made. */
static void say_refused_here(void)
{
	uint64_t before = tc_hook_raised_begin();

	say_refused();
	tc_hook_raised_end(before);
}

void tc_hook_refuse(const struct tc_request *request, int error, uint64_t ago_s)
{
	struct tc_hook_process *process = tc_hook_process();
	uint64_t now = tc_sys_clock_ns(CLOCK_MONOTONIC), last = process->refused_ns;
	uint32_t none = 0;
	uint64_t mask;
	struct tc_strbuf text;

	process->n_refused++;
	/* Each line needs a process of its own, so even many signals get one line a second. The
	 * loss of a dump is always said: it was accepted, so nobody knows yet that there is
	 * none. */
	if (last && now - last < 1000000000u && error != -EOWNERDEAD)
		return;
	tc_sys_block(&mask);
	tc_hook_reap_speaker(process);
	if (!atomic_compare_exchange_strong(&process->speaking, &none, 1)) {
		tc_sys_mask(mask, NULL);
		return;
	}
	process->refused_ns = now;
	tc_strbuf_init(&text, refusal.reason, sizeof(refusal.reason));
	tc_strbuf_s(&text, request->reason);
	refusal.error = error;
	refusal.ago_s = ago_s;
	refusal.n = atomic_exchange(&process->n_refused, 0);
	refusal.cookie = error == -EBUSY || error == -EOPNOTSUPP ? 0 : request->cookie;
	long child = 0;
	if (error == -EOPNOTSUPP)
		say_refused_here();
	else if (!tc_hook_may_have_child() ||
		 (child = tc_arch_spawn(CLONE_VM | TC_HOOK_SHARED, tc_hook_line_stack(),
					say_refused_apart, NULL)) <= 0)
		process->n_refused += refusal.n;
	process->speaking = child > 0 ? (uint32_t)child : 0;
	tc_sys_mask(mask, NULL);
}
