/* SPDX-License-Identifier: Apache-2.0
 * Functions: their names, and those that they use. Safe in a handler. */
#ifndef TC_WALK_FUNCTION_H
#define TC_WALK_FUNCTION_H

struct tc_walker;

/* Write the records of the heap and of its functions (TC_REC_HEAP, TC_REC_FUNCTION), if it was seen
 * whole: behind tc_walker_heap and tc_walker_names_want. */
void tc_walker_functions(struct tc_walker *w);

#endif
