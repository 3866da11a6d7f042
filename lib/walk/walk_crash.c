/* SPDX-License-Identifier: Apache-2.0
 * Of the frames of a thread the innermost one of the program's own code says most; then one of a
 * package; then any. */
#include "lib/walk/walk_crash.h"

#include "lib/base/strbuf.h"
#include "lib/python/pyframe.h"
#include "lib/python/pyobj.h"
#include "lib/walk/walk_origin.h"
#include "lib/walk/walker.h"
#include "lib/base/safe.h"

/* A name that is too long is cut; one that cannot be read is empty. */
static void read_text(struct tc_walker *w, tc_addr str, char *to, size_t room)
{
	to[0] = 0;
	if (tc_str_read(&w->py, str, to, room, NULL) < 0)
		to[0] = 0;
}

static void note_place(struct tc_walker *w, const struct tc_frame_view *frame,
		       const struct tc_code_facts *facts)
{
	struct tc_crash_place *place = w->crash;
	struct tc_position position;

	read_text(w, facts->filename, place->file, sizeof(place->file));
	read_text(w, facts->qualname ? facts->qualname : facts->name, place->function,
		  sizeof(place->function));
	place->line = tc_code_position(&w->py, frame->code, frame->lasti, &position) < 0 ?
			      facts->firstlineno :
			      position.line;
}

/* From Python 3.12 on the number of a default name is kept until somebody asks for the name. */
static void note_task(struct tc_walker *w, tc_addr task)
{
	const struct tc_walk_type *type;
	struct tc_strbuf text;
	uint64_t digits;
	int64_t number;
	tc_addr name;

	if (!task || tc_get(w->mem, task + w->py.at.task_name, &name) < 0 ||
	    !(type = tc_walker_type_of(w, name)))
		return;
	if (type->kind == TC_KIND_STR) {
		read_text(w, name, w->crash->task, sizeof(w->crash->task));
	} else if (type->kind == TC_KIND_INT &&
		   tc_int_read(&w->py, name, &number, &digits) == 0 && number >= 0) {
		tc_strbuf_init(&text, w->crash->task, sizeof(w->crash->task));
		tc_strbuf_s(&text, "Task-");
		tc_strbuf_u(&text, (uint64_t)number);
	}
}

void tc_walker_crash(struct tc_walker *w, const struct tc_walk_thread *thread)
{
	enum tc_origin best = TC_ORIGIN_LIBRARY + 1; /* none yet */
	struct tc_code_facts facts;
	char file[256];

	if (!thread->tid || thread->tid != w->options->crashed_tid)
		return;
	tc_walker_find_library(w);
	note_task(w, thread->running_task);
	for (uint32_t i = 0; i < thread->n_frames && best > TC_ORIGIN_PROGRAM; i++) {
		if (tc_code_facts_read(&w->py, thread->frames[i].code, &facts) < 0)
			continue;
		read_text(w, facts.filename, file, sizeof(file));
		const enum tc_origin origin = tc_walker_origin_of_path(w, file);
		if (file[0] && origin < best) {
			best = origin;
			note_place(w, &thread->frames[i], &facts);
		}
	}
}
