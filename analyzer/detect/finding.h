/* SPDX-License-Identifier: Apache-2.0
 * A finding: a cause that was found, with its evidence. Findings are what detectors give and
 * renderers show. */
#ifndef TC_FINDING_H
#define TC_FINDING_H

#include "analyzer/base/out.h"
#include "analyzer/detect/cause.h"
#include "analyzer/dump/model.h"

enum tc_confidence {
	TC_PROVED, /* the facts of the dump leave no other reading */
	TC_LIKELY, /* they fit, and one of them could also be otherwise */
	TC_HINT,
};

/* Does it end without help? */
enum tc_ends { TC_ENDS_UNKNOWN, TC_ENDS_NO, TC_ENDS_YES };

#define TC_EVIDENCE_MAX 6
#define TC_PLACES_MAX 8

/* Indices, in the order in which they were added. */
struct tc_ids {
	uint32_t *at;
	size_t n, room;
};

struct tc_finding {
	enum tc_cause cause;
	enum tc_confidence confidence;
	struct tc_out summary; /* one sentence; tasks and threads by their ids and names */
	struct tc_out evidence[TC_EVIDENCE_MAX];
	unsigned n_evidence;
	struct tc_ids tasks;   /* indices: those that cause it */
	struct tc_ids objects; /* indices: what it is about */
	struct tc_ids threads; /* indices of views */
	uint32_t culprits[TC_PLACES_MAX], waits[TC_PLACES_MAX]; /* links */
	unsigned n_culprits, n_waits;
	uint32_t loop; /* that does not turn, by identifier; 0: none: all its tasks are hurt */
	uint64_t victims; /* tasks that cannot get on because of it, the causing ones included */
	uint64_t died; /* of a crash: other tasks, which ended with the process; its victims */
	/* of a crash: what tells it from others where there is no frame of Python */
	uint32_t signal;
	struct tc_text module;
	enum tc_ends ends;
	const char *why; /* it ends or does not */
	const char *advice; /* NULL: that of its kind */
};

struct tc_findings {
	struct tc_finding *at; /* the one that hurts most first */
	size_t n, room;
	uint32_t *of_task; /* of each task the first finding that explains it, + 1; 0: none */
	uint64_t n_explained; /* tasks that one explains */
	uint64_t n_more; /* findings beyond TC_FINDINGS_MAX, which are only counted */
};

#define TC_FINDINGS_MAX 200u

/* Is there room for one more? Counts the one that has none. To be asked before tc_finding_add. */
bool tc_findings_room(struct tc_findings *findings);
/* One more finding, of this kind; the pointer is valid until the next one is added. */
struct tc_finding *tc_finding_add(struct tc_findings *findings, enum tc_cause cause,
				  enum tc_confidence confidence);
/* A line of evidence to write to; NULL: it has enough. */
struct tc_out *tc_finding_evidence(struct tc_finding *finding);
void tc_ids_add(struct tc_ids *ids, size_t index);
/* Add links, as far as there is room. 0 is none. */
void tc_finding_culprit(struct tc_finding *finding, uint32_t link);
void tc_finding_waits(struct tc_finding *finding, uint32_t link);

/* What to do. */
const char *tc_finding_advice(const struct tc_finding *finding);

/* The word of a confidence, "proved"; of an end, "no". */
const char *tc_confidence_word(enum tc_confidence confidence);
const char *tc_ends_word(enum tc_ends ends);

/* What stays the same for one fault in another run, Python, and with shifted lines: "fp1:" and 16
 * hexadecimal digits, into text of TC_FINGERPRINT bytes. */
#define TC_FINGERPRINT 24
void tc_finding_fingerprint(const struct tc_model *model, const struct tc_finding *finding,
			    char *text);

void tc_findings_deinit(struct tc_findings *findings);

#endif
