/* SPDX-License-Identifier: Apache-2.0
 * A dump of the builder, read, with all that is concluded from it. */
#ifndef TC_OPENED_H
#define TC_OPENED_H

#include "analyzer/report/report.h"
#include "tests/unit/builder.h"

struct opened {
	struct builder b;
	struct tc_dump dump;
	struct tc_model model;
	struct tc_knowledge knowledge;
	struct tc_waits finder;
	struct tc_graph graph;
	struct tc_report report;
};

extern const struct tc_options opened_options;

/* What was built in o->b; or the sample of the builder. opened_close frees all of it. */
void opened_built(struct opened *o);
void opened_sample(struct opened *o);
void opened_close(struct opened *o);
/* Conclude anew, after a change of the model. */
void opened_again(struct opened *o);

#endif
