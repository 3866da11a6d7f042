/* SPDX-License-Identifier: Apache-2.0
 * Findings as JSON (docs/report.schema.json). */
#include "analyzer/report/json/report_json.h"

#include "analyzer/facts/place.h"

static void put_text(struct tc_json *json, const char *key, const struct tc_out *text)
{
	tc_json_text(json, key, (struct tc_text){ (const uint8_t *)text->buffer, text->used });
}

static void put_places(struct tc_json_report *r, const char *key, const uint32_t *links, unsigned n)
{
	struct tc_json *json = &r->json;

	tc_json_array(json, key);
	for (unsigned i = 0; i < n; i++) {
		struct tc_place place;
		tc_place_init(&place, r->report->model, links[i]);
		tc_json_object(json, NULL);
		if (place.file.size)
			tc_json_text(json, "file", place.file);
		if (place.line)
			tc_json_u(json, "line", place.line);
		tc_json_text(json, "function", place.function);
		tc_json_end(json, '}');
	}
	tc_json_end(json, ']');
}

static void put_ids(struct tc_json *json, const char *key, char letter, const struct tc_ids *ids)
{
	tc_json_array(json, key);
	for (size_t i = 0; i < ids->n; i++)
		tc_json_id(json, NULL, letter, ids->at[i] + 1ul);
	tc_json_end(json, ']');
}

static void put_end(struct tc_json_report *r, const struct tc_finding *finding)
{
	r->scratch.used = 0;
	tc_out_printf(&r->scratch, "%s: %s", tc_ends_word(finding->ends), finding->why);
	put_text(&r->json, "ends_by_itself", &r->scratch);
}

static void put_finding(struct tc_json_report *r, const struct tc_finding *finding, size_t number)
{
	const struct tc_report *report = r->report;
	struct tc_json *json = &r->json;
	char fingerprint[TC_FINGERPRINT];

	tc_finding_fingerprint(report->model, finding, fingerprint);
	tc_json_record_begin(r, "finding");
	tc_json_id(json, "id", 'F', number);
	tc_json_str(json, "kind", tc_cause_word(finding->cause));
	tc_json_str(json, "class", tc_class_word(tc_cause_class_of(finding->cause)));
	tc_json_str(json, "confidence", tc_confidence_word(finding->confidence));
	tc_json_str(json, "fingerprint", fingerprint);
	put_text(json, "summary", &finding->summary);
	put_ids(json, "tasks", 'T', &finding->tasks);
	if (finding->objects.n)
		put_ids(json, "objects", 'O', &finding->objects);
	put_ids(json, "threads", 'H', &finding->threads);
	put_places(r, "culprit", finding->culprits, finding->n_culprits);
	put_places(r, "waits", finding->waits, finding->n_waits);
	tc_json_u(json, "victims", finding->victims);
	put_end(r, finding);
	tc_json_array(json, "evidence");
	for (unsigned i = 0; i < finding->n_evidence; i++)
		put_text(json, NULL, &finding->evidence[i]);
	tc_json_end(json, ']');
	tc_json_str(json, "advice", tc_finding_advice(finding));
	tc_json_record_end(r);
}

void tc_json_findings(struct tc_json_report *r)
{
	const struct tc_findings *findings = &r->report->findings;

	for (size_t i = 0; i < findings->n; i++)
		put_finding(r, &findings->at[i], i + 1);
}
