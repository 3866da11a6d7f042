/* SPDX-License-Identifier: Apache-2.0
 * Where asyncio registers its tasks. Safe in a handler. */
#ifndef TC_WALK_REGISTRY_H
#define TC_WALK_REGISTRY_H

struct tc_walker;

/* Walk all tasks of the present interpreter. */
void tc_walker_registries(struct tc_walker *w);

#endif
