/* SPDX-License-Identifier: Apache-2.0
 * Prints the layout rows of lib/python/layout_table.c for check_sources.py: minor, micro_first,
 * micro_last, field, offset. */
#include <stdio.h>

#include "lib/python/layout.h"

int main(void)
{
	for (unsigned i = 0; i < tc_layout_n_rows; i++) {
		const struct tc_layout *row = &tc_layout_rows[i];
#define F(name)                                                                                \
	if (row->name != TC_NONE)                                                              \
		printf("%u %u %u " #name " %u\n", row->minor, row->micro_first, row->micro_last, \
		       row->name);
		TC_LAYOUT_FIELDS(F)
#undef F
	}
	return 0;
}
