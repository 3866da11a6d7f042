/* SPDX-License-Identifier: Apache-2.0
 * Findings: making them, and what stays the same of one in another dump. */
#include "analyzer/detect/finding.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/base/array.h"
#include "analyzer/facts/place.h"

bool tc_findings_room(struct tc_findings *findings)
{
	findings->n_more += findings->n == TC_FINDINGS_MAX;
	return findings->n < TC_FINDINGS_MAX;
}

struct tc_finding *tc_finding_add(struct tc_findings *findings, enum tc_cause cause,
				  enum tc_confidence confidence)
{
	struct tc_finding *finding = tc_push(findings->at, findings->n, findings->room);

	*finding = (struct tc_finding){ .cause = cause, .confidence = confidence };
	tc_out_init_memory(&finding->summary);
	return finding;
}

struct tc_out *tc_finding_evidence(struct tc_finding *finding)
{
	if (finding->n_evidence == TC_EVIDENCE_MAX)
		return NULL;
	struct tc_out *out = &finding->evidence[finding->n_evidence++];
	tc_out_init_memory(out);
	return out;
}

void tc_ids_add(struct tc_ids *ids, size_t index)
{
	*tc_push(ids->at, ids->n, ids->room) = (uint32_t)index;
}

static void add_link(uint32_t *links, unsigned *n, uint32_t link)
{
	for (unsigned i = 0; i < *n; i++)
		if (links[i] == link)
			return;
	if (link && *n < TC_PLACES_MAX)
		links[(*n)++] = link;
}

void tc_finding_culprit(struct tc_finding *finding, uint32_t link)
{
	add_link(finding->culprits, &finding->n_culprits, link);
}

void tc_finding_waits(struct tc_finding *finding, uint32_t link)
{
	add_link(finding->waits, &finding->n_waits, link);
}

const char *tc_finding_advice(const struct tc_finding *finding)
{
	return finding->advice ? finding->advice : tc_cause_advice(finding->cause);
}

const char *tc_confidence_word(enum tc_confidence confidence)
{
	static const char *const words[] = { "proved", "likely", "hint" };

	return words[confidence];
}

const char *tc_ends_word(enum tc_ends ends)
{
	static const char *const words[] = { "unknown", "no", "yes" };

	return words[ends];
}

/* FNV-1a, 64 bits. */
static void mix(uint64_t *hash, const void *bytes, size_t size)
{
	for (const uint8_t *at = bytes; size > 0; size--, at++)
		*hash = (*hash ^ *at) * 0x100000001b3;
}

/* The file's name without folders and without its end, and the function: no line, no path. */
static void mix_place(uint64_t *hash, const struct tc_place *place)
{
	struct tc_text stem = place->file;

	for (size_t i = stem.size; i > 0; i--)
		if (stem.at[i - 1] == '/') {
			stem = (struct tc_text){ stem.at + i, stem.size - i };
			break;
		}
	if (stem.size > 3 && memcmp(stem.at + stem.size - 3, ".py", 3) == 0)
		stem.size -= 3;
	mix(hash, stem.at, stem.size);
	mix(hash, "|", 1);
	/* the last part alone: up to 3.10 codes have no qualified name */
	struct tc_text name = place->function;
	for (size_t i = name.size; i > 0; i--)
		if (name.at[i - 1] == '.') {
			name = (struct tc_text){ name.at + i, name.size - i };
			break;
		}
	mix(hash, name.at, name.size);
	mix(hash, "\n", 1);
}

#define OWN_FRAMES 5

/* Of a culprit, the program's own frames from the link outwards. */
static uint64_t hash_of(const struct tc_model *model, uint32_t link)
{
	uint64_t hash = 0xcbf29ce484222325;
	unsigned n = 0;

	for (uint32_t id = link; id && n < OWN_FRAMES; id = model->chains[id].parent) {
		struct tc_place place;
		tc_place_init(&place, model, id);
		if (id != link && tc_place_owner(model, place.file) != TC_OWNER_USER)
			continue;
		mix_place(&hash, &place);
		n++;
	}
	return hash;
}

void tc_finding_fingerprint(const struct tc_model *model, const struct tc_finding *finding,
			    char *text)
{
	const char *word = tc_cause_word(finding->cause);
	uint64_t hash = 0xcbf29ce484222325, sum = 0;

	/* The members of a ring have no first one: their order must not matter. */
	for (unsigned i = 0; i < finding->n_culprits; i++)
		sum += hash_of(model, finding->culprits[i]);
	mix(&hash, word, strlen(word));
	mix(&hash, &sum, sizeof(sum));
	if (finding->signal && !finding->n_culprits) {
		mix(&hash, &finding->signal, sizeof(finding->signal));
		mix(&hash, finding->module.at, finding->module.size);
	}
	snprintf(text, TC_FINGERPRINT, "fp1:%016" PRIx64, hash);
}

void tc_findings_deinit(struct tc_findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		struct tc_finding *finding = &findings->at[i];
		tc_out_deinit(&finding->summary);
		for (unsigned e = 0; e < finding->n_evidence; e++)
			tc_out_deinit(&finding->evidence[e]);
		free(finding->tasks.at);
		free(finding->objects.at);
		free(finding->threads.at);
	}
	free(findings->at);
	free(findings->of_task);
	*findings = (struct tc_findings){ 0 };
}
