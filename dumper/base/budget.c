/* SPDX-License-Identifier: Apache-2.0
 * Reads the memory limits we run under (Documentation/admin-guide/cgroup-v2.rst,
 * cgroup-v1/memory.rst). */
#include "dumper/base/budget.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/process/proc.h"

#define DEFAULT_MAX (256ull << 20)

/* A file that holds one number; UINT64_MAX for "max", or when it cannot be read. */
static uint64_t read_number(const char *dir, const char *file)
{
	char path[1200], text[32];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	if (tc_proc_read(AT_FDCWD, path, text, sizeof(text)) <= 0 || text[0] < '0' || text[0] > '9')
		return UINT64_MAX;
	return strtoull(text, NULL, 10);
}

/* The least that the cgroup and those above it leave, in bytes; UINT64_MAX: there is no limit. */
static uint64_t headroom(const char *mount, const char *group, const char *limit, const char *usage)
{
	char dir[1100];
	uint64_t least = UINT64_MAX;

	snprintf(dir, sizeof(dir), "%s%s", mount, group);
	for (size_t base = strlen(mount);;) {
		uint64_t max = read_number(dir, limit);
		if (max != UINT64_MAX) {
			uint64_t used = read_number(dir, usage);
			uint64_t left = used < max ? max - used : 0;
			least = left < least ? left : least;
		}
		char *slash = strrchr(dir + base, '/');
		if (!slash)
			return least;
		*slash = 0;
	}
}

static uint64_t cgroup_headroom(void)
{
	char text[4096];
	uint64_t least = UINT64_MAX;

	if (tc_proc_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) <= 0)
		return least;
	for (char *save, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *path = strrchr(line, ':');
		uint64_t left = UINT64_MAX;
		if (path && strncmp(line, "0::", 3) == 0)
			left = headroom("/sys/fs/cgroup", path + 1, "memory.max", "memory.current");
		else if (path && (strstr(line, ":memory:") || strstr(line, ",memory:")))
			left = headroom("/sys/fs/cgroup/memory", path + 1, "memory.limit_in_bytes",
					"memory.usage_in_bytes");
		least = left < least ? left : least;
	}
	return least;
}

static uint64_t available(void)
{
	char text[1024];

	if (tc_proc_read(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) <= 0)
		return UINT64_MAX;
	const char *field = tc_proc_field(text, "MemAvailable");
	return field ? strtoull(field, NULL, 10) * 1024 : UINT64_MAX;
}

uint64_t tc_budget_default(void)
{
	uint64_t max = DEFAULT_MAX, cgroup = cgroup_headroom() / 4, free = available() / 4;

	max = cgroup < max ? cgroup : max;
	max = free < max ? free : max;
	return max < TC_MEMORY_MIN ? TC_MEMORY_MIN : max;
}
