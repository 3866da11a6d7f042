/* SPDX-License-Identifier: Apache-2.0
 * The page for a person: what was read, the loops, the groups, the threads, what to run next. */
#include <inttypes.h>
#include <stdio.h>

#include "analyzer/report/phrase.h"
#include "analyzer/report/text/report_parts.h"

/* The command line of the target, its programs and files without their folders. Workers of one
 * service differ at its end. */
static void put_command(struct tc_page *page, const struct tc_head *head, unsigned max)
{
	struct tc_text rest = head->argv, word = rest;
	struct tc_out line;

	tc_out_init_memory(&line);
	if (rest.size == 0)
		rest = tc_text_base(head->exe);
	for (unsigned n = 0; rest.size; n++) {
		const uint8_t *zero = memchr(rest.at, 0, rest.size);
		word.at = rest.at;
		word.size = zero ? (size_t)(zero - rest.at) : rest.size;
		size_t step = word.size + (zero != NULL);
		rest = (struct tc_text){ rest.at + step, rest.size - step };
		if (n)
			tc_out_raw(&line, " ", 1);
		word = tc_text_base(word);
		tc_out_raw(&line, (const char *)word.at, word.size);
	}
	tc_out_text_middle(page->out,
			   (struct tc_text){ (const uint8_t *)line.buffer, line.used }, max);
	tc_out_deinit(&line);
}

static void put_python(struct tc_page *page)
{
	const struct tc_interp *interp = tc_report_interp(page->report->model);
	char version[TC_VERSION_TEXT];

	if (!interp) {
		tc_out_str(page->out, "no Python");
		return;
	}
	struct tc_text name = tc_model_string(page->report->model, interp->implementation);
	if (name.size && !tc_text_is(name, "cpython"))
		tc_out_text(page->out, name, 16);
	else
		tc_out_str(page->out, "CPython");
	tc_out_printf(page->out, " %s%s%s",
		      interp->version ? tc_report_version(interp->version, version) : "?",
		      interp->flags & TC_INTERP_FREE_THREADED ? " free-threaded" : "",
		      interp->flags & TC_INTERP_DEBUG ? " debug" : "");
}

static void put_title(struct tc_page *page)
{
	const struct tc_head *head = &page->report->model->head;
	char when[TC_TIME_TEXT];

	tc_part_label(page, "taskcore");
	if (!head->present) {
		tc_out_str(page->out,
			   "the head of this dump is lost: process and time are not known");
	} else {
		put_command(page, head, page->width > 90 ? 72 : 48);
		tc_part_gap(page, 20);
		tc_out_printf(page->out, "pid %u", head->pid);
		if (head->pid_ns && head->pid_ns != head->pid)
			tc_out_printf(page->out, " (inside: %u)", head->pid_ns);
		if (head->host.size) {
			tc_out_str(page->out, " on ");
			tc_out_text(page->out, head->host, 24);
		}
		tc_part_gap(page, 24);
		put_python(page);
		tc_part_gap(page, 23);
		tc_report_time(head->wall_ns, when);
		tc_out_printf(page->out, "%.10s %.8s UTC", when,
			      strlen(when) > 18 ? when + 11 : "");
		if (head->start_ns && head->boottime_ns > head->start_ns) {
			tc_part_gap(page, 9);
			tc_out_str(page->out, "up ");
			tc_out_ns(page->out, head->boottime_ns - head->start_ns);
		}
	}
	tc_out_newline(page->out);
}

#define LONG_PAUSE_NS 20000000u

/* What a long pause went into: who waits wants to know whether it was the machine or the
 * reading. */
static void put_long_pause(struct tc_page *page, const struct tc_status *status)
{
	uint64_t rest = status->stopping_ns + status->releasing_ns;

	if (status->pause_ns < LONG_PAUSE_NS || !status->stopping_ns || rest > status->pause_ns)
		return;
	tc_out_str(page->out, " (until all threads stood ");
	tc_out_ns(page->out, status->stopping_ns);
	tc_out_str(page->out, ", reading ");
	tc_out_ns(page->out, status->pause_ns - rest);
	tc_out_str(page->out, ", until they ran ");
	tc_out_ns(page->out, status->releasing_ns);
	tc_out_str(page->out, ")");
}

/* Did the process never run again? */
static bool ended(const struct tc_page *page)
{
	return page->report->crash.record && page->report->crash.fate == TC_FATE_KILLED;
}

static void put_file(struct tc_page *page)
{
	const struct tc_report *report = page->report;
	const struct tc_status *status = &report->model->status;
	struct tc_text path = { (const uint8_t *)report->dump->path, strlen(report->dump->path) };

	tc_part_label(page, "dump");
	tc_out_text_end(page->out, path, page->width > 90 ? 32 : 20);
	tc_out_str(page->out, ", ");
	tc_out_bytes(page->out, report->dump->size);
	tc_out_ink(page->out, report->complete ? TC_INK_NONE : TC_INK_YELLOW);
	tc_out_str(page->out, !report->dump->sealed	   ? ", CUT: its end is missing" :
			      report->dump->n_problems_all ? ", DAMAGED" :
			      report->complete		   ? ", complete" :
							     ", whole file, something left out");
	tc_out_ink(page->out, TC_INK_NONE);
	if (status->present) {
		tc_part_gap(page, 24);
		if (report->model->head.reason.size) {
			tc_out_text(page->out, report->model->head.reason, 16);
			tc_out_str(page->out, ", ");
		}
		tc_out_str(page->out, "took ");
		tc_out_ns(page->out, status->duration_ns);
		tc_part_gap(page, status->pause_ns ? 33 : 24);
		if (status->pause_ns) {
			tc_out_str(page->out, ended(page) ? "memory copied in " :
							    "process stood still for ");
			tc_out_ns(page->out, status->pause_ns);
			put_long_pause(page, status);
		} else {
			tc_out_str(page->out, status->flags & TC_STATUS_FROZEN ?
						      "process stood still" :
						      "process ran on meanwhile");
		}
	}
	tc_out_newline(page->out);
}

static void put_counts(struct tc_page *page)
{
	const struct tc_model *model = page->report->model;
	const struct tc_status *status = &model->status;
	struct tc_out *out = page->out;

	tc_part_label(page, "read");
	if (status->present) {
		tc_out_printf(out,
			      "%" PRIu64 " of %" PRIu64 " pending tasks (%" PRIu64 " torn, %" PRIu64
			      " cut%s)",
			      status->read, status->found, status->torn, status->cut,
			      status->read + status->torn + status->cut == status->found ?
				      "" :
				      ": DOES NOT ADD UP");
	} else {
		tc_out_printf(out,
			      "%" PRIu64 " pending tasks of an unknown number (%" PRIu64 " torn)",
			      model->n_clean, model->n_torn);
	}
	if (page->report->groups.n_done)
		tc_out_printf(out, ", %" PRIu64 " finished", page->report->groups.n_done);
	if (page->report->failures.n_tasks)
		tc_out_printf(out, " (%" PRIu64 " failed)", page->report->failures.n_tasks);
	tc_out_str(out, ", ");
	tc_out_count(out, page->report->loops.n, "loop");
	tc_out_str(out, ", ");
	tc_out_count(out, page->report->threads.n, "thread");
	if (model->n_objects) {
		tc_out_str(out, ", ");
		tc_out_count(out, model->n_objects, "object");
	}
	tc_out_newline(out);
}

#define MISSING_LINES 12

static void put_missing(struct tc_page *page)
{
	char text[TC_MISSING_TEXT];
	struct tc_text line;

	for (size_t i = 0; tc_report_missing(page->report, i, text, &line); i++) {
		if (i == MISSING_LINES && !page->report->options->all) {
			tc_part_label(page, "");
			tc_out_str(page->out, "... more: see `check`");
			tc_out_newline(page->out);
			break;
		}
		tc_part_label(page, i ? "" : "missing");
		tc_out_ink(page->out, TC_INK_YELLOW);
		tc_out_text(page->out, line, page->width > 40 ? 2 * page->width : 80);
		tc_out_ink(page->out, TC_INK_NONE);
		tc_out_newline(page->out);
	}
}

static void put_root(struct tc_page *page)
{
	if (page->report->root.size == 0)
		return;
	tc_part_label(page, "code");
	tc_out_str(page->out, "the program's own files are in ");
	tc_out_text_end(page->out, page->report->root, page->width > 90 ? page->width - 45 : 30);
	tc_out_newline(page->out);
}

/* A word of a shell command, quoted where it must be. */
static void put_quoted(struct tc_page *page, const char *word)
{
	bool plain = *word != 0 && *word != '-';

	for (const char *at = word; *at; at++)
		plain = plain && (strchr("/._-+,=@%", *at) || (*at >= '0' && *at <= '9') ||
				  (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z'));
	if (plain) {
		tc_out_str(page->out, word);
		return;
	}
	tc_out_str(page->out, "'");
	while (*word) {
		size_t size = strcspn(word, "'");
		tc_out_text(page->out, (struct tc_text){ (const uint8_t *)word, size }, 0);
		word += size;
		if (*word) {
			tc_out_str(page->out, "'\\''");
			word++;
		}
	}
	tc_out_str(page->out, "'");
}

static void put_next_line(struct tc_page *page, bool first, const char *verb, const char *items,
			  const char *what)
{
	const char *path = page->report->dump->path;

	tc_part_label(page, first ? "NEXT" : "");
	tc_out_printf(page->out, "taskcore-analyze %s ", verb);
	put_quoted(page, path);
	if (*items)
		tc_out_printf(page->out, " %s", items);
	if (page->out->column + 4 + strlen(what) <= page->width || page->out->column < 60) {
		tc_out_column(page->out, page->width > 96 ? 62 : 56);
		tc_out_printf(page->out, " # %s", what);
	}
	page->out->keep = true; /* a command is pasted as it is */
	tc_out_newline(page->out);
}

static void put_next(struct tc_page *page)
{
	const struct tc_report *report = page->report;
	const struct tc_groups *groups = &report->groups;
	char items[128] = "";
	size_t used = 0;

	for (size_t i = 0; i < report->loops.n && used < 20; i++) {
		const struct tc_loop_view *loop = &report->loops.at[i];
		if (tc_loop_is_urgent(loop->state))
			used += (size_t)snprintf(items + used, sizeof(items) - used, "%sL%u",
						 used ? " " : "", loop->id);
		if (loop->task && used < 40 && used)
			used += (size_t)snprintf(items + used, sizeof(items) - used, " T%zu",
						 tc_report_task_number(report, loop->task));
	}
	if ((report->crash.thread || groups->n == 0) && used == 0 && report->threads.n)
		used += (size_t)snprintf(items, sizeof(items), "H%zu",
					 report->crash.thread ?
						 tc_report_thread_number(report,
									 report->crash.thread) :
						 1);
	if (groups->n)
		used += (size_t)snprintf(items + used, sizeof(items) - used, "%sG1 T%u",
					 used ? " " : "", groups->groups[0].example + 1);
	tc_out_newline(page->out);
	if (used)
		put_next_line(page, true, "show", items, "all about these");
	if (groups->n_grouped && !report->options->all)
		put_next_line(page, used == 0, "report --all", "", "every task, whole chains");
	put_next_line(page, used == 0 && (!groups->n_grouped || report->options->all),
		      "report --format json", "", "for programs");
	if (report->dump->n_problems_all)
		put_next_line(page, false, "check", "", "where the file is damaged");
}

void tc_report_text(const struct tc_report *report, struct tc_out *out)
{
	struct tc_page page;

	tc_page_init(&page, report, out);
	out->wrap = page.width;
	put_title(&page);
	tc_part_signal(&page);
	put_file(&page);
	put_counts(&page);
	put_missing(&page);
	put_root(&page);
	tc_part_state(&page);
	tc_part_findings(&page);
	tc_part_loops(&page);
	tc_part_groups(&page);
	tc_part_failed(&page);
	if (report->options->all)
		tc_part_tasks(&page);
	tc_part_threads(&page);
	if (page.sources.newer) {
		tc_part_label(&page, "note");
		tc_out_str(out, "source lines are left out where the file is newer than the dump");
		tc_out_newline(out);
	}
	put_next(&page);
	out->wrap = 0;
	tc_page_deinit(&page);
}
