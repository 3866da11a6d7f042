/* SPDX-License-Identifier: Apache-2.0
 * The detectors, and what they look at. A detector is a function in a file of its own and a row of
 * the table in detect.c. It reads the graph and the facts, and adds findings. */
#ifndef TC_DETECT_H
#define TC_DETECT_H

#include "analyzer/detect/finding.h"
#include "analyzer/facts/loop_view.h"
#include "analyzer/graph/graph.h"

struct tc_scene {
	const struct tc_model *model;
	const struct tc_graph *graph;
	const struct tc_threads *threads;
	const struct tc_loops *loops;
	const struct tc_crash_view *crash;
	struct tc_text root; /* the folder that all of the program's own files are in, or empty */
	const bool *timed; /* of each task: a timeout ends it (timed.h); set by tc_detect */
};

/* Run all detectors. The scene must outlive the findings. */
void tc_detect(const struct tc_scene *scene, struct tc_findings *findings);

/* The detectors. */
void tc_detect_crash(const struct tc_scene *scene, struct tc_findings *findings);
void tc_detect_blocked_loop(const struct tc_scene *scene, struct tc_findings *findings);
void tc_detect_deadlock(const struct tc_scene *scene, struct tc_findings *findings);
void tc_detect_fd_exhausted(const struct tc_scene *scene, struct tc_findings *findings);
void tc_detect_shutdown(const struct tc_scene *scene, struct tc_findings *findings);
void tc_detect_executor(const struct tc_scene *scene, struct tc_findings *findings);
void tc_detect_loop_stopped(const struct tc_scene *scene, struct tc_findings *findings);
void tc_detect_lost_wakeup(const struct tc_scene *scene, struct tc_findings *findings);
void tc_detect_orphan_future(const struct tc_scene *scene, struct tc_findings *findings);
void tc_detect_orphan_wait(const struct tc_scene *scene, struct tc_findings *findings);

/* What this version looks for, for a page without a finding. */
extern const char tc_detect_looks_for[];

#endif
