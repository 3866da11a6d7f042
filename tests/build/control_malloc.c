/* SPDX-License-Identifier: Apache-2.0
 * Wrong on purpose: must not compile, because safe.h poisons malloc. */
#include <stddef.h>

#include "lib/base/safe.h"

extern void *malloc(size_t size);
void *control_malloc(void);

void *control_malloc(void)
{
	return malloc(1);
}
