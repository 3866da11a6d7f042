/* SPDX-License-Identifier: Apache-2.0
 * Words that findings share. */
#include "analyzer/detect/words.h"

#include "analyzer/facts/place.h"

#define PATH_COLUMNS 60u

void tc_say_task(struct tc_out *out, const struct tc_model *model, const struct tc_task *task,
		 unsigned max_name)
{
	char numbered[TC_TASK_NAME];
	struct tc_text name = tc_model_task_name(model, task, numbered);

	tc_out_printf(out, "T%zu", (size_t)(task - model->tasks) + 1);
	if (name.size == 0)
		return;
	tc_out_str(out, " \"");
	tc_out_text_middle(out, name, max_name);
	tc_out_str(out, "\"");
}

static void say_link(struct tc_out *out, const struct tc_scene *scene, uint32_t link,
		     const char *between)
{
	struct tc_place place;

	if (!link)
		return;
	tc_place_init(&place, scene->model, link);
	tc_out_text_middle(out, place.function, TC_NAME_COLUMNS);
	if (place.file.size == 0)
		return;
	tc_out_str(out, between);
	tc_out_text_end(out, tc_place_short(scene->model, scene->root, place.file), PATH_COLUMNS);
	if (place.line)
		tc_out_printf(out, ":%u", place.line);
}

void tc_say_link(struct tc_out *out, const struct tc_scene *scene, uint32_t link)
{
	say_link(out, scene, link, " ");
}

void tc_say_link_at(struct tc_out *out, const struct tc_scene *scene, uint32_t link)
{
	say_link(out, scene, link, " at ");
}
