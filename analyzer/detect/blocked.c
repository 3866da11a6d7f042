/* SPDX-License-Identifier: Apache-2.0
 * The evidence that a loop is blocked. */
#include "analyzer/detect/blocked.h"

#include "analyzer/detect/words.h"
#include "analyzer/facts/descriptor.h"
#include "analyzer/facts/syscalls.h"

bool tc_blocked_is_hang(const struct tc_loop_view *loop)
{
	return loop->state == TC_LOOP_BLOCKED && loop->thread && loop->thread->os &&
	       (loop->held_ns >= TC_LOOP_OVERDUE_NS ||
		tc_turn_step_ns(&loop->turn) >= TC_LOOP_STEP_NS);
}

bool tc_blocked_computes(const struct tc_loop_view *loop)
{
	return loop->hint == TC_LOOP_HINT_COMPUTES || loop->thread->os->state == 'R';
}

/* A call was seen to last; or the turn has run one callback alone, and memory is of one moment. */
static enum tc_confidence confidence(const struct tc_scene *scene, const struct tc_loop_view *loop)
{
	bool first = loop->turn.callback == 1 &&
		     (loop->one_moment || scene->model->status.flags & TC_STATUS_FROZEN);

	return loop->held_ns >= TC_LOOP_OVERDUE_NS || first ? TC_PROVED : TC_LIKELY;
}

void tc_blocked_end(struct tc_finding *finding, bool timed, const char *why)
{
	finding->ends = timed ? TC_ENDS_UNKNOWN : TC_ENDS_NO;
	finding->why = timed ? "a call has a timeout, or that is not known" : why;
}

void tc_blocked_subject(const struct tc_scene *scene, const struct tc_loop_view *loop,
			struct tc_out *out)
{
	if (loop->task)
		tc_say_task(out, scene->model, loop->task, TC_NAME_COLUMNS);
	else
		tc_out_str(out, "a callback");
	tc_out_str(out, " ");
}

static void put_call(const struct tc_scene *scene, const struct tc_loop_view *loop,
		     struct tc_out *out)
{
	const struct tc_thread *os = loop->thread->os;
	const struct tc_fd *fd = os->syscall && tc_syscall_takes_fd(os->syscall - 1) ?
					 tc_model_fd(scene->model, os->args[0]) :
					 NULL;
	const char *name = os->syscall ? tc_syscall_name(os->syscall - 1) : NULL;

	tc_out_printf(out, "H%zu", (size_t)(loop->thread - scene->threads->at) + 1);
	if (tc_blocked_computes(loop)) {
		tc_out_str(out, " is running");
		return;
	}
	if (loop->moved) {
		tc_out_str(out, " slept before its memory was read, and ran then");
		return;
	}
	if (name)
		tc_out_printf(out, " is asleep in %s", name);
	else
		tc_out_str(out, " is asleep in a system call that is not known");
	if (fd) {
		tc_out_printf(out, " of descriptor %u: ", fd->fd);
		tc_fd_phrase(out, fd);
	}
}

/* Timers that are overdue do not prove it alone: a program may ask for a time that has passed. */
static void put_watch(const struct tc_loop_view *loop, struct tc_out *out)
{
	const struct tc_loop *record = loop->loop;

	if (loop->held_ns) {
		tc_out_str(out, "it was watched for ");
		tc_out_ns(out, loop->held_ns);
		tc_out_str(out, " and stayed in that call");
	} else {
		tc_out_str(out, "this turn of the loop began ");
		tc_out_ns(out, loop->turn.age_ns);
		tc_out_printf(out, " ago, and callback %llu of its %llu has not come back",
			      (unsigned long long)loop->turn.callback,
			      (unsigned long long)loop->turn.ready);
	}
	if (record && record->overdue > 1)
		tc_out_printf(out, "; timers overdue: %llu",
			      (unsigned long long)record->overdue - 1);
	if (record && record->ready > 1)
		tc_out_printf(out, "; callbacks ready: %llu",
			      (unsigned long long)record->ready - 1);
}

struct tc_finding *tc_blocked_add(const struct tc_scene *scene, const struct tc_loop_view *loop,
				  struct tc_findings *findings, enum tc_cause kind)
{
	uint32_t link = tc_place_best(scene->model, tc_loop_chain(loop));

	if (!tc_findings_room(findings))
		return NULL;
	struct tc_finding *finding = tc_finding_add(findings, kind, confidence(scene, loop));
	finding->loop = loop->id;
	if (loop->task)
		tc_ids_add(&finding->tasks, (size_t)(loop->task - scene->model->tasks));
	tc_ids_add(&finding->threads, (size_t)(loop->thread - scene->threads->at));
	tc_finding_culprit(finding, link);
	put_call(scene, loop, tc_finding_evidence(finding));
	put_watch(loop, tc_finding_evidence(finding));
	return finding;
}
