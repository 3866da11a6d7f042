/* SPDX-License-Identifier: Apache-2.0
 * What the cgroups of this process allow it: memory and CPU time. The limits of all cgroups above
 * count too. In a container the path in /proc/self/cgroup may be one of the host, which is not
 * mounted here: then only the root of the mount is found, and that is our cgroup. */
#include "dumper/hook/capture/hook_cgroup.h"

#include <fcntl.h>
#include <string.h>

#include "lib/base/strbuf.h"
#include "lib/process/proc.h"
#include "lib/base/safe.h"

#define PATH_SIZE 512

/* Where a controller is mounted, and the names of its files: of the unified hierarchy, or of
 * version 1. */
struct version {
	const char *base, *controller, *limit, *usage;
};

/* The first number in a file of the cgroup at path; TC_HOOK_NO_LIMIT: there is none (the file says
 * "max", or does not exist). */
static uint64_t number(const char *base, const char *path, const char *name)
{
	char full[PATH_SIZE + 128], text[64];
	struct tc_strbuf to;
	const char *at = text;

	tc_strbuf_init(&to, full, sizeof(full));
	tc_strbuf_s(&to, base);
	tc_strbuf_s(&to, path);
	tc_strbuf_s(&to, name);
	if (to.full || tc_proc_read(AT_FDCWD, full, text, sizeof(text)) <= 0 || text[0] < '0' ||
	    text[0] > '9')
		return TC_HOOK_NO_LIMIT;
	uint64_t value = tc_parse_number(&at, 10);
	/* Version 1 writes a number near 2^63 when there is no limit. */
	return value < TC_HOOK_NO_LIMIT ? value : TC_HOOK_NO_LIMIT;
}

/* Remove the last part of a path. False: it is empty. */
static bool go_up(char *path)
{
	size_t n = strlen(path);

	if (!n)
		return false;
	while (n && path[n - 1] != '/')
		n--;
	path[n ? n - 1 : 0] = 0;
	return true;
}

/* The least that a cgroup leaves, of all that apply; without a file of usage the lowest limit. */
static uint64_t least(const struct version versions[2])
{
	char text[2048], path[PATH_SIZE];
	uint64_t least = TC_HOOK_NO_LIMIT;

	if (tc_proc_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) <= 0)
		text[0] = 0;
	for (const struct version *v = versions; v < versions + 2; v++) {
		tc_proc_cgroup_of(text, v->controller, path, sizeof(path));
		do {
			uint64_t limit = number(v->base, path, v->limit), used = 0;
			if (limit < TC_HOOK_NO_LIMIT && v->usage)
				used = number(v->base, path, v->usage);
			if (limit < TC_HOOK_NO_LIMIT && used < TC_HOOK_NO_LIMIT)
				limit = limit > used ? limit - used : 0;
			if (limit < least)
				least = limit;
		} while (go_up(path));
	}
	return least;
}

static bool limited; /* as it was when the interpreter was found */

void tc_hook_note_limits(void)
{
	limited = tc_hook_headroom() < TC_HOOK_NO_LIMIT;
}

bool tc_hook_is_limited(void)
{
	return limited;
}

uint64_t tc_hook_headroom(void)
{
	static const struct version memory[2] = {
		{ "/sys/fs/cgroup", "", "/memory.max", "/memory.current" },
		{ "/sys/fs/cgroup/memory", "memory", "/memory.limit_in_bytes",
		  "/memory.usage_in_bytes" },
	};

	return least(memory);
}

bool tc_hook_cpu_limited(void)
{
	static const struct version cpu[2] = {
		{ "/sys/fs/cgroup", "", "/cpu.max", NULL },
		{ "/sys/fs/cgroup/cpu", "cpu", "/cpu.cfs_quota_us", NULL },
	};

	return least(cpu) < TC_HOOK_NO_LIMIT;
}
