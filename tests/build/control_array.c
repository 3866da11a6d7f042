/* SPDX-License-Identifier: Apache-2.0
 * Wrong on purpose: 8 kB of stack in one function must not compile as part of the safe set. */
#include "lib/base/safe.h"

void control_use(char *bytes);
void control_array(void);

void control_array(void)
{
	char bytes[8192];

	control_use(bytes);
}
