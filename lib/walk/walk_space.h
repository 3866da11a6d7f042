/* SPDX-License-Identifier: Apache-2.0
 * The names that modules and classes have for functions and classes. Safe in a handler. */
#ifndef TC_WALK_SPACE_H
#define TC_WALK_SPACE_H

struct tc_walker;

/* Name the functions and classes of w->heap, which has all objects: what is left as unknown is
 * known to somebody else. */
void tc_walker_spaces(struct tc_walker *w);

#endif
