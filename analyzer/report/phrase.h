/* SPDX-License-Identifier: Apache-2.0
 * Words of the text report that several parts of it use. */
#ifndef TC_PHRASE_H
#define TC_PHRASE_H

#include "analyzer/report/report.h"
#include "analyzer/facts/place.h"
#include "analyzer/facts/source.h"

/* What the text renderers share. */
struct tc_page {
	const struct tc_report *report;
	struct tc_out *out;
	struct tc_sources sources;
	unsigned width;
	unsigned function_room, place_room; /* columns of these in the lines of chains */
};

/* A page of this report to out; the sources must be deinitialised. */
void tc_page_init(struct tc_page *page, const struct tc_report *report, struct tc_out *out);
void tc_page_deinit(struct tc_page *page);

/* T12 "name" */
void tc_phrase_task(const struct tc_page *page, const struct tc_task *task, unsigned max_name);
/* The name of a type, with its module unless that is builtins or asyncio's own. */
void tc_phrase_type(const struct tc_page *page, uint32_t type);
/* "Lock O3", "task T5 \"fetch\"", "gather of 5: T5 T6 T7 ...": one task's wait. */
void tc_phrase_one_wait(const struct tc_page *page, const struct tc_wait *wait);
/* The wait of a kind, without an object: "a Lock", "data from a stream"; the same as exactly as the
 * link tells. */
const char *tc_phrase_wait(enum tc_wait_kind wait);
const char *tc_phrase_one_wait_kind(const struct tc_wait *wait);
/* "sleep(0.5 to 60), next due in 2.1 s"; next stands before "due". */
void tc_phrase_sleep(const struct tc_page *page, const struct tc_sleeps *sleeps, const char *next);
/* " (5/5)", " (value 0)", " (fd 7, peer 10.0.0.1:5432)": what is known of the object waited for;
 * nothing otherwise. */
void tc_phrase_detail(const struct tc_page *page, enum tc_wait_kind wait,
		      const struct tc_object *object);
/* "app/web.py:112", at most max columns, cut at its left. */
void tc_phrase_where(const struct tc_page *page, const struct tc_place *place, unsigned max);
/* "  " and the line of source, where it can be had and there is room for it. */
void tc_phrase_source(struct tc_page *page, const struct tc_place *place);
/* A scalar or a reference: 5, True, 1.5, 'text', O7, T3, list of 4. */
void tc_phrase_value(const struct tc_page *page, const struct tc_value *value);
/* What a handle runs: T5 "name", or a function and where it is defined. */
void tc_phrase_callback(const struct tc_page *page, const struct tc_handle *handle);
/* "recvfrom", "system call 460", "running", "stopped" …: what the kernel says of a thread. */
void tc_phrase_thread_state(const struct tc_page *page, const struct tc_thread *thread);

/* A chain, outermost first, one line for each frame: function, place, source. */
enum tc_chain_flag {
	TC_CHAIN_BRIEF = 1, /* only what brief.h chooses */
	TC_CHAIN_MARK = 2,  /* put a > before the line where a person should look */
};
void tc_phrase_chain(struct tc_page *page, uint32_t chain, unsigned flags, unsigned indent);

#endif
