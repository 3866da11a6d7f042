/* SPDX-License-Identifier: Apache-2.0
 * The fatal signal as JSON (docs/report.schema.json). */
#include "analyzer/report/json/report_json.h"

#include "analyzer/facts/crash_address.h"
#include "analyzer/facts/signal_code.h"

static void put_scratch(struct tc_json_report *r, const char *key)
{
	tc_json_text(&r->json, key,
		     (struct tc_text){ (const uint8_t *)r->scratch.buffer, r->scratch.used });
}

static void put_address(struct tc_json_report *r, const struct tc_crash_view *crash)
{
	static const char *const words[] = { NULL, "read", "write", "execute" };
	const char *access = words[tc_crash_access(crash)];
	struct tc_json *json = &r->json;

	if (crash->record->flags & TC_CRASH_ADDRESS && crash->cause == TC_CRASH_BY_FAULT)
		tc_json_hex(json, "address", crash->record->address);
	else
		tc_json_null(json, "address");
	if (access)
		tc_json_str(json, "access", access);
	else
		tc_json_null(json, "access");
	if (!tc_crash_has_address(crash)) {
		tc_json_null(json, "where");
		return;
	}
	r->scratch.used = 0;
	tc_crash_say_where(&r->scratch, crash);
	put_scratch(r, "where");
}

void tc_json_signal(struct tc_json_report *r)
{
	r->scratch.used = 0;
	tc_crash_say_signal(&r->scratch, &r->report->crash);
	put_scratch(r, "signal");
}

void tc_json_crash(struct tc_json_report *r)
{
	const struct tc_crash_view *crash = &r->report->crash;
	struct tc_json *json = &r->json;

	if (!crash->record)
		return;
	const char *code = tc_signal_code_name(r->report->model->head.signal, crash->record->code);
	tc_json_object(json, "crash");
	tc_json_signal(r);
	tc_json_i(json, "code", crash->record->code);
	if (code)
		tc_json_str(json, "code_name", code);
	else
		tc_json_null(json, "code_name");
	put_address(r, crash);
	if (crash->thread)
		tc_json_id(json, "thread", 'H',
			   tc_report_thread_number(r->report, crash->thread));
	else
		tc_json_null(json, "thread");
	if (crash->task)
		tc_json_id(json, "task", 'T', tc_report_task_number(r->report, crash->task));
	else
		tc_json_null(json, "task");
	tc_json_bool(json, "handled", crash->fate == TC_FATE_HANDLED);
	tc_json_end(json, '}');
}
