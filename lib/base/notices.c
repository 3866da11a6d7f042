/* SPDX-License-Identifier: Apache-2.0
 * The list of notices. */
#include "lib/base/notices.h"

#include <string.h>

#include "lib/base/safe.h"

char *tc_notices_next(struct tc_notices *notices)
{
	return notices->n < TC_NOTICES_MAX ? notices->lines[notices->n++] : NULL;
}

void tc_notices_add(struct tc_notices *notices, const char *line)
{
	size_t len = strlen(line);
	char *to;

	for (unsigned i = 0; i < notices->n; i++)
		if (strncmp(notices->lines[i], line, TC_NOTICE_SIZE - 1) == 0)
			return; /* once is enough */
	if (!(to = tc_notices_next(notices)))
		return;
	if (len >= TC_NOTICE_SIZE)
		len = TC_NOTICE_SIZE - 1;
	memcpy(to, line, len);
	to[len] = 0;
}
