/* SPDX-License-Identifier: Apache-2.0
 * Makes the name of a dump file. */
#include "lib/core/dump_name.h"

#include <stdbool.h>
#include <string.h>

#include "lib/base/strbuf.h"
#include "lib/base/safe.h"

#define EXE_MAX 100

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

static void put_exe(struct tc_strbuf *text, const char *exe)
{
	static const char deleted[] = " (deleted)";
	const char *base = exe;

	for (const char *p = exe; *p; p++)
		if (*p == '/')
			base = p + 1;
	size_t n = strlen(base), tail = sizeof(deleted) - 1;
	if (n > tail && strcmp(base + n - tail, deleted) == 0)
		n -= tail;
	for (size_t i = 0; i < n && i < EXE_MAX; i++)
		tc_strbuf_bytes(text, is_plain(base[i]) ? &base[i] : "_", 1);
	if (n == 0)
		tc_strbuf_s(text, "unknown");
}

/* "YYYYMMDDThhmmss.mmm". Days to dates as in Howard Hinnant's "chrono-Compatible Low-Level Date
 * Algorithms" (civil_from_days), for days from 1970 on. */
static void put_time(struct tc_strbuf *text, uint64_t wall_ns)
{
	uint64_t seconds = wall_ns / 1000000000u, days = seconds / 86400 + 719468;
	uint64_t era = days / 146097, day = days % 146097;
	uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;

	day -= 365 * year + year / 4 - year / 100;
	uint64_t month = (5 * day + 2) / 153; /* from March */
	tc_strbuf_padded(text, year + era * 400 + (month >= 10), 4);
	tc_strbuf_padded(text, month < 10 ? month + 3 : month - 9, 2);
	tc_strbuf_padded(text, day - (153 * month + 2) / 5 + 1, 2);
	tc_strbuf_s(text, "T");
	tc_strbuf_padded(text, seconds / 3600 % 24, 2);
	tc_strbuf_padded(text, seconds / 60 % 60, 2);
	tc_strbuf_padded(text, seconds % 60, 2);
	tc_strbuf_s(text, ".");
	tc_strbuf_padded(text, wall_ns / 1000000 % 1000, 3);
}

void tc_dump_name(const char *exe, uint32_t pid, uint64_t wall_ns, const char *reason, char *to)
{
	struct tc_strbuf text;

	tc_strbuf_init(&text, to, TC_DUMP_NAME_MAX);
	tc_strbuf_s(&text, "taskcore.");
	put_exe(&text, exe);
	tc_strbuf_s(&text, ".");
	tc_strbuf_u(&text, pid);
	tc_strbuf_s(&text, ".");
	put_time(&text, wall_ns);
	tc_strbuf_s(&text, ".");
	tc_strbuf_s(&text, reason);
	tc_strbuf_s(&text, TC_DUMP_SUFFIX);
}
