/* SPDX-License-Identifier: Apache-2.0
 * Wrong on purpose: a frame whose size depends on an argument must be refused by the stack test. */
#include "lib/base/safe.h"

void control_use(char *bytes);
void control_dynamic(unsigned n);

void control_dynamic(unsigned n)
{
	char bytes[n];

	control_use(bytes);
}
