/* SPDX-License-Identifier: Apache-2.0
 * The instructions of a code and the names it uses: what it may still do. Safe in a handler. */
#ifndef TC_WALK_BYTECODE_H
#define TC_WALK_BYTECODE_H

struct tc_walk_code;
struct tc_walker;

/* Write the bytecode of a code (TC_REC_BYTECODE), once; none, where the code uses its variables in
 * other ways than by instructions. */
void tc_walker_put_bytecode(struct tc_walker *w, const struct tc_walk_code *code);

#endif
