/* SPDX-License-Identifier: Apache-2.0
 * crash: the dump is of a fatal signal. What ran, what the instruction did or who sent the signal,
 * and what ended with it. All of it was seen; what it is a consequence of is another question. */
#include "analyzer/detect/detect.h"

#include <inttypes.h>

#include "analyzer/detect/words.h"
#include "analyzer/facts/crash_address.h"
#include "analyzer/facts/signal_code.h"

static void say_thread(struct tc_out *out, const struct tc_crash_view *crash)
{
	if (!crash->thread) {
		tc_out_str(out, "a thread that is not recorded");
		return;
	}
	tc_out_printf(out, "the thread H%zu", (size_t)(crash->thread - crash->threads->at) + 1);
	if (crash->thread->os->name.size == 0)
		return;
	tc_out_str(out, " \"");
	tc_out_text(out, crash->thread->os->name, 16);
	tc_out_str(out, "\"");
}

static void say_subject(struct tc_out *out, const struct tc_crash_view *crash)
{
	if (!crash->task) {
		say_thread(out, crash);
		return;
	}
	tc_out_str(out, "the task ");
	tc_say_task(out, crash->threads->model, crash->task, TC_NAME_COLUMNS);
}

/* The processor tells no address for these; several things look the same to it (Linux,
 * arch/x86/kernel/traps.c, exc_general_protection). */
static bool is_refused(const struct tc_crash_view *crash)
{
	return crash->threads->model->head.signal == TC_SIGNAL_SEGV &&
	       crash->record->code == TC_CODE_KERNEL &&
	       !(crash->record->flags & TC_CRASH_ADDRESS);
}

static void say_fault(struct tc_out *out, const struct tc_crash_view *crash)
{
	static const char *const verbs[] = { "using", "reading", "writing to", "executing" };
	const char *words = tc_signal_code_words(crash->threads->model->head.signal,
						 crash->record->code);

	say_subject(out, crash);
	if (tc_crash_has_address(crash)) {
		tc_out_printf(out, " was %s address ", verbs[tc_crash_access(crash)]);
		tc_crash_say_address(out, crash);
	} else if (is_refused(crash)) {
		tc_out_str(out, " was using an address that no program can have, or the processor "
				"refused its instruction for another reason (privileged, or data "
				"that is not aligned)");
	} else {
		tc_out_printf(out, " ran into %s", words ? words : "a fault");
	}
}

static void say_sent(struct tc_out *out, const struct tc_crash_view *crash)
{
	tc_crash_say_sender(out, crash);
	tc_out_str(out, " sent it");
	if (crash->task) {
		tc_out_str(out, " while ");
		say_subject(out, crash);
		tc_out_str(out, " was running");
	} else {
		tc_out_str(out, ", and ");
		say_thread(out, crash);
		tc_out_str(out, " took it");
	}
}

static void say_summary(const struct tc_scene *scene, struct tc_out *out)
{
	const struct tc_crash_view *crash = scene->crash;

	tc_crash_say_signal(out, crash);
	tc_out_str(out, ": ");
	if (crash->cause == TC_CRASH_BY_FAULT)
		say_fault(out, crash);
	else
		say_sent(out, crash);
	if (crash->link) {
		tc_out_str(out, ", in ");
		tc_say_link_at(out, scene, crash->link);
	}
	if (crash->cause == TC_CRASH_BY_SELF && scene->model->head.signal == TC_SIGNAL_ABRT)
		tc_out_str(out, ": abort(), a check of a library (heap corruption, stack smashing) "
				"or Py_FatalError");
}

static void put_signal(const struct tc_scene *scene, struct tc_out *line)
{
	const struct tc_crash_view *crash = scene->crash;
	const uint32_t number = scene->model->head.signal;
	const char *name = tc_signal_code_name(number, crash->record->code);

	tc_out_printf(line, "signal %u (", number);
	tc_crash_say_signal(line, crash);
	tc_out_printf(line, "), code %" PRId64, crash->record->code);
	if (name)
		tc_out_printf(line, " (%s)", name);
	tc_out_str(line, ", taken by ");
	say_thread(line, crash);
	if (crash->cause != TC_CRASH_BY_FAULT) {
		tc_out_str(line, ", sent by ");
		tc_crash_say_sender(line, crash);
	}
}

static void put_instruction(const struct tc_scene *scene, struct tc_finding *finding)
{
	const struct tc_thread_view *thread = scene->crash->thread;
	struct tc_out *line = thread && thread->os->how ? tc_finding_evidence(finding) : NULL;

	if (!line)
		return;
	tc_out_printf(line, "H%zu was at the instruction ",
		      (size_t)(thread - scene->threads->at) + 1);
	tc_say_code(line, scene->model, thread->os->pc);
}

static void put_mapping(const struct tc_crash_record *record, struct tc_out *line)
{
	tc_out_printf(line, "0x%" PRIx64 " is in the mapping from 0x%" PRIx64 " to 0x%" PRIx64,
		      record->address, record->mapping.start, record->mapping.end);
	if (record->path.size) {
		tc_out_str(line, " of ");
		tc_out_text_end(line, record->path, 80);
	}
}

static void put_handler(const struct tc_scene *scene, struct tc_finding *finding)
{
	struct tc_out *line = tc_finding_evidence(finding);

	tc_out_str(line, "the program has a handler of its own");
	if (scene->crash->record->handler) {
		tc_out_str(line, ", at ");
		tc_say_code(line, scene->model, scene->crash->record->handler);
	}
}

static void put_others(const struct tc_scene *scene, struct tc_out *line)
{
	tc_out_count(line, scene->crash->n_others, scene->crash->task ? "other task" : "task");
	tc_out_str(line, scene->crash->n_others == 1 ? " was pending, and the process had " :
						       " were pending, and the process had ");
	tc_out_count(line, scene->model->n_threads, "thread");
}

static void say_end(const struct tc_scene *scene, struct tc_finding *finding)
{
	static const char *const texts[] = {
		[TC_FATE_KILLED] = "the signal ends the process",
		[TC_FATE_HANDLED] =
			"the program has a handler of its own, which was called after this dump; "
			"whether it survived is not in this file",
	};
	const enum tc_crash_fate fate = scene->crash->fate;

	finding->ends = fate == TC_FATE_KILLED ? TC_ENDS_NO : TC_ENDS_UNKNOWN;
	finding->why = texts[fate];
	finding->died = fate == TC_FATE_KILLED ? scene->crash->n_others : 0;
}

/* Where no frame of Python tells one fault from others. */
static void mark(const struct tc_scene *scene, struct tc_finding *finding)
{
	const struct tc_thread_view *thread = scene->crash->thread;
	const struct tc_module_map *module =
		thread ? tc_module_of(scene->model, thread->os->pc) : NULL;

	finding->signal = scene->model->head.signal;
	if (module)
		finding->module = tc_text_base(module->path);
}

void tc_detect_crash(const struct tc_scene *scene, struct tc_findings *findings)
{
	const struct tc_crash_view *crash = scene->crash;

	if (!crash->record || !tc_findings_room(findings))
		return;
	struct tc_finding *finding = tc_finding_add(findings, TC_CAUSE_CRASH, TC_PROVED);
	if (crash->task)
		tc_ids_add(&finding->tasks, (size_t)(crash->task - scene->model->tasks));
	if (crash->thread)
		tc_ids_add(&finding->threads, (size_t)(crash->thread - scene->threads->at));
	tc_finding_culprit(finding, crash->link);
	if (crash->cause == TC_CRASH_BY_OTHER)
		finding->advice = "find out who sends the signal, and why: one who watches the "
				  "process, as a watchdog, ends it when it does not answer; what "
				  "it hung in is a finding of its own";
	mark(scene, finding);
	say_summary(scene, &finding->summary);
	put_signal(scene, tc_finding_evidence(finding));
	put_instruction(scene, finding);
	if (tc_crash_has_address(crash) && tc_span_has(crash->record->mapping,
						       crash->record->address))
		put_mapping(crash->record, tc_finding_evidence(finding));
	if (crash->fate == TC_FATE_HANDLED)
		put_handler(scene, finding);
	put_others(scene, tc_finding_evidence(finding));
	say_end(scene, finding);
}
