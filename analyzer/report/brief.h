/* SPDX-License-Identifier: Apache-2.0
 * A long chain in a few lines: which of its links a page shows. */
#ifndef TC_BRIEF_H
#define TC_BRIEF_H

#include "analyzer/facts/place.h"

#define TC_BRIEF_FRAMES 5 /* a chain of so many is shown whole; of its own code so many are shown */

/* Which of the n links of list, outermost first, are shown: returns an array of n, which is valid
 * until the next call. The innermost link and the link must (0: none) always are. root: the folder
 * of the program's own files, or empty.
 * The rule: of the code that is nearest to the program (its own; else packages, as where a whole
 * application is installed as one; else the standard library) the outermost link, the places where
 * one package calls another, and the innermost few. What would hide a single link is not hidden. */
const bool *tc_brief_choose(const struct tc_model *model, struct tc_text root,
			    const struct tc_links_list *list, size_t n, uint32_t must);

#endif
