/* SPDX-License-Identifier: Apache-2.0
 * A dump of the builder, read, with all that is concluded from it. */
#include "tests/unit/opened.h"

#include <check.h>

const struct tc_options opened_options = { .width = 100 };

static void conclude(struct opened *o)
{
	tc_waits_init(&o->finder, &o->model, &o->knowledge);
	tc_graph_init(&o->graph, &o->finder, false);
	tc_report_init(&o->report, &o->model, &o->graph, &opened_options, true);
}

void opened_built(struct opened *o)
{
	ck_assert_int_eq(tc_dump_open_bytes("sample", o->b.bytes, o->b.size, &o->dump), 0);
	tc_model_init(&o->model, &o->dump, NULL);
	tc_knowledge_init(&o->knowledge);
	conclude(o);
}

void opened_sample(struct opened *o)
{
	builder_init(&o->b);
	builder_sample(&o->b);
	opened_built(o);
}

void opened_again(struct opened *o)
{
	tc_report_deinit(&o->report);
	tc_graph_deinit(&o->graph);
	tc_waits_deinit(&o->finder);
	conclude(o);
}

void opened_close(struct opened *o)
{
	tc_report_deinit(&o->report);
	tc_graph_deinit(&o->graph);
	tc_waits_deinit(&o->finder);
	tc_knowledge_deinit(&o->knowledge);
	tc_model_deinit(&o->model);
	tc_dump_close(&o->dump);
	builder_free(&o->b);
}
