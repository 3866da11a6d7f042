/* SPDX-License-Identifier: Apache-2.0
 * Parts of the JSON report that its forms share. */
#ifndef TC_REPORT_JSON_H
#define TC_REPORT_JSON_H

#include "analyzer/base/json.h"
#include "analyzer/report/report.h"

/* What the parts share. jsonl: every record is a line of its own and names its kind. */
struct tc_json_report {
	const struct tc_report *report;
	struct tc_json json;
	struct tc_out scratch; /* in memory */
	struct tc_out frames;  /* in memory: the text of each link that was written before */
	struct {
		uint32_t at, size; /* in frames; size 0: not there */
	} * frame_of;		   /* of each link */
	bool jsonl;
};

void tc_json_tasks(struct tc_json_report *r);
void tc_json_objects(struct tc_json_report *r);
void tc_json_descriptors(struct tc_json_report *r);
/* What a dump of a fatal signal says about it; nothing for others. */
void tc_json_crash(struct tc_json_report *r);
/* "signal": its name. */
void tc_json_signal(struct tc_json_report *r);
void tc_json_findings(struct tc_json_report *r);

/* Room for what is written several times, for as long as the report is written. */
void tc_json_report_init(struct tc_json_report *r, const struct tc_report *report,
			 struct tc_out *out);
void tc_json_report_deinit(struct tc_json_report *r);

/* Begin a record, as an element of its array or as a line of jsonl, and end it. */
void tc_json_record_begin(struct tc_json_report *r, const char *kind);
void tc_json_record_end(struct tc_json_report *r);

/* The module and name of a type as one text: "_asyncio.Task". */
void tc_json_type(struct tc_json_report *r, const char *key, uint32_t type);
/* "T5" or "O7" for what stands at this address; false, and nothing written, when it has no
 * record. */
bool tc_json_ref(struct tc_json_report *r, const char *key, uint64_t addr);
/* One link: function, file, line, column, kind; the object stays open. */
void tc_json_frame_begin(struct tc_json_report *r, uint32_t chain);

#endif
