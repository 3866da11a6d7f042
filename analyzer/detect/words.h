/* SPDX-License-Identifier: Apache-2.0
 * Words that findings share. */
#ifndef TC_WORDS_H
#define TC_WORDS_H

#include "analyzer/base/out.h"
#include "analyzer/detect/detect.h"

/* T12 "name" */
void tc_say_task(struct tc_out *out, const struct tc_model *model, const struct tc_task *task);
/* "load_customer orders/db.py:88"; nothing for the link 0. */
void tc_say_link(struct tc_out *out, const struct tc_scene *scene, uint32_t link);

#endif
