/* SPDX-License-Identifier: Apache-2.0
 * Spoils a step of a dump. */
#include "tests/hook/spoil_step.h"

#include <stdlib.h>
#include <string.h>

void spoil_step(const char *name)
{
	/* where nothing is mapped; and an address that no program can have */
	static int *volatile const unmapped = (int *)16;
	static int *volatile const impossible = (int *)0x8000000000000000ul;
	const char *wanted = getenv("TASKCORE_TEST_STEP");
	const char *colon = wanted ? strchr(wanted, ':') : NULL;

	if (!colon || strcmp(colon + 1, name) != 0)
		return;
	if (wanted[0] == 's')
		*unmapped = 1;
	if (wanted[0] == 'g')
		*impossible = 1;
	if (wanted[0] == 'i')
		__builtin_trap();
	while (wanted[0] == 'h')
		;
}
