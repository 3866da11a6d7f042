/* SPDX-License-Identifier: Apache-2.0
 * Is a file whole and well-formed? */
#ifndef TC_CHECK_H
#define TC_CHECK_H

#include "analyzer/base/out.h"
#include "analyzer/dump/model.h"

/* Check the dump of this model, which was read to its end: now also the values that a report
 * decodes only when it shows them. One line when it is whole; else the first bad place and the
 * others. Returns true when it is whole. */
bool tc_check(const struct tc_model *model, struct tc_out *out);

/* The one line that says why a file cannot be read at all. */
void tc_check_refusal(const struct tc_dump *dump, struct tc_out *out);

/* One line for stderr: the file is damaged, how much, and where first. */
void tc_check_damage(const struct tc_dump *dump, struct tc_out *out);

#endif
