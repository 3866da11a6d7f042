/* SPDX-License-Identifier: Apache-2.0
 * Words that findings share. */
#ifndef TC_WORDS_H
#define TC_WORDS_H

#include "analyzer/base/out.h"
#include "analyzer/detect/detect.h"

#define TC_NAME_COLUMNS 60u

/* T12 "name", of which at most max_name columns. */
void tc_say_task(struct tc_out *out, const struct tc_model *model, const struct tc_task *task,
		 unsigned max_name);
/* "load_customer orders/db.py:88"; nothing for the link 0. */
void tc_say_link(struct tc_out *out, const struct tc_scene *scene, uint32_t link);
/* "load_customer at orders/db.py:88" */
void tc_say_link_at(struct tc_out *out, const struct tc_scene *scene, uint32_t link);

#endif
