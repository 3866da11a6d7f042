/* SPDX-License-Identifier: Apache-2.0
 * Walk a fake interpreter with tc_walk, write a dump of it in memory, and read that back. */
#ifndef TC_WALKED_H
#define TC_WALKED_H

#include "tests/unit/builder.h"
#include "tests/unit/fake_python.h"
#include "analyzer/dump/model.h"
#include "analyzer/dump/values.h"
#include "lib/walk/walk.h"

struct walked {
	int r; /* of tc_walk */
	struct tc_walk_result walk;
	struct builder builder;
	struct tc_dump dump;
	struct tc_model model;
	void *memory; /* of the arena */
};

/* With an arena of 32 MiB and options that leave nothing out. The dump must be without damage. */
struct walked *fake_walk(struct fake *f);
struct walked *fake_walk_with(struct fake *f, const struct tc_walk_options *options,
			      size_t arena_bytes);
void walked_free(struct walked *w);

/* The dump's only task. */
const struct tc_task *walked_task(const struct walked *w);
bool walked_says(const struct walked *w, const char *notice); /* as a part of one */
/* The task's chain, outermost first, as "main:11 > [Future]": names of functions with lines, types
 * in brackets, texts in quotes. Into a static buffer. */
const char *walked_chain(const struct walked *w, uint32_t chain);
/* A value as text: "None", "7", "1.5", "'text'", "<type>", "<type 3>" with its size. Static
 * buffer. */
const char *walked_value(const struct walked *w, const struct tc_value *value);
/* An attribute of the object at addr; "-" when it, or its record, is not there. */
const char *walked_attr(const struct walked *w, tc_addr addr, const char *name);
/* A string of the model, static buffer. */
const char *walked_string(const struct walked *w, uint32_t id);

#endif
