/* SPDX-License-Identifier: Apache-2.0
 * Wrong on purpose: a call through a pointer that stack-indirect.list does not name must be
 * refused. */
#include "lib/base/safe.h"

int control_indirect(int (*call)(int));

int control_indirect(int (*call)(int))
{
	return call(1) + 1;
}
