/* SPDX-License-Identifier: Apache-2.0
 * The parts of the page, each in a file of its own. */
#ifndef TC_REPORT_PARTS_H
#define TC_REPORT_PARTS_H

#include "analyzer/report/phrase.h"

/* The word at the left, then the column of the text. */
void tc_part_label(struct tc_page *page, const char *label);
/* A gap, or a new line when need more columns do not fit. */
void tc_part_gap(struct tc_page *page, unsigned need);

/* The fatal signal, one line; nothing in other dumps. */
void tc_part_signal(struct tc_page *page);
/* "a fatal signal: the process was killed by SIGSEGV …", only where there was one. */
void tc_part_fate(struct tc_page *page);
/* One line: dead, blocked, spinning, waiting? */
void tc_part_state(struct tc_page *page);
/* The causes that were found. */
void tc_part_findings(struct tc_page *page);
void tc_part_loops(struct tc_page *page);
/* One loop in full. */
void tc_part_loop(struct tc_page *page, const struct tc_loop_view *loop);
void tc_part_groups(struct tc_page *page);
/* The line that begins with G and says count, wait and example. */
void tc_part_group_line(struct tc_page *page, const struct tc_group *group, size_t number);
/* Finished tasks that failed. */
void tc_part_failed(struct tc_page *page);
/* Every task, its whole chain. */
void tc_part_tasks(struct tc_page *page);
void tc_part_threads(struct tc_page *page);
/* The line of one thread, which stands for n_alike of them. */
void tc_part_thread(struct tc_page *page, const struct tc_thread_view *thread, size_t n_alike);
/* "holds the GIL", "H3 holds the GIL", "nobody holds the GIL"; nothing when that is not known. */
void tc_part_gil(struct tc_page *page, const struct tc_thread_view *thread);

#endif
