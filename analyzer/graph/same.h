/* SPDX-License-Identifier: Apache-2.0
 * Chains that read the same. Equal chains have equal numbers already, but one line may be compiled
 * twice (the end of a while loop, from 3.10 on; finally), and one function exist twice: then
 * several chains are one to a reader. */
#ifndef TC_SAME_H
#define TC_SAME_H

#include "analyzer/dump/model.h"

/* For each chain the first one with the same functions, files and lines; n_chains entries, which
 * the caller frees. */
uint32_t *tc_same_chains(const struct tc_model *model);

#endif
