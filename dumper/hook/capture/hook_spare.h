/* SPDX-License-Identifier: Apache-2.0
 * Free descriptors. Safe in a handler. */
#ifndef TC_HOOK_SPARE_H
#define TC_HOOK_SPARE_H

#include <stdbool.h>

/* Are there enough free descriptors that the handler may use some? */
bool tc_hook_has_spare(void);

#endif
