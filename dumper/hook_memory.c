/* SPDX-License-Identifier: Apache-2.0
 * Whether this process may be cloned: how much memory that copies the tables of, and whether its
 * cgroup leaves room for what will be written to meanwhile. */
#include <fcntl.h>
#include <string.h>

#include "../lib/proc.h"
#include "../lib/sys.h"
#include "hook.h"
#include "../lib/safe.h"

#define PINNED_MAX (64ull << 20) /* pinned pages are copied, not shared */
#define NO_LIMIT (1ull << 60)	 /* version 1 writes a number near 2^63 for none */

/* A number in a file of the cgroup at path, which is below base; NO_LIMIT when there is none. */
static uint64_t cgroup_number(const char *base, const char *path, const char *name)
{
	char full[768], text[64];
	struct tc_text to;
	const char *at = text;

	tc_text_init(&to, full, sizeof(full));
	tc_text_s(&to, base);
	tc_text_s(&to, path);
	tc_text_s(&to, name);
	if (to.full || tc_proc_read(AT_FDCWD, full, text, sizeof(text)) <= 0 || text[0] < '0' ||
	    text[0] > '9')
		return NO_LIMIT;
	return tc_text_number(&at, 10);
}

/* Bytes that the memory cgroup still allows. In a container the path may be one of the host: then
 * the mount's own root is ours. */
static uint64_t headroom(void)
{
	static const struct {
		const char *base, *limit, *usage;
	} versions[] = {
		{ "/sys/fs/cgroup", "/memory.max", "/memory.current" },
		{ "/sys/fs/cgroup/memory", "/memory.limit_in_bytes", "/memory.usage_in_bytes" },
	};
	char text[2048], path[512] = "";
	uint64_t room = NO_LIMIT;

	if (tc_proc_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) > 0)
		tc_proc_cgroup(text, path, sizeof(path));
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		const char *base = versions[i].base, *at = path;
		uint64_t limit = cgroup_number(base, at, versions[i].limit);
		if (limit == NO_LIMIT)
			limit = cgroup_number(base, at = "", versions[i].limit);
		uint64_t usage = limit < NO_LIMIT ? cgroup_number(base, at, versions[i].usage) : 0;
		if (limit < NO_LIMIT && usage < NO_LIMIT)
			room = limit > usage ? limit - usage : 0;
	}
	return room;
}

static uint64_t pinned(int proc)
{
	char text[3072];
	const char *at = NULL;

	if (tc_proc_read(proc, "status", text, sizeof(text)) > 0)
		at = tc_proc_field(text, "VmPin");
	return at ? tc_text_number(&at, 10) << 10 : 0;
}

void tc_hook_memory(int proc, bool own_oom_score, struct tc_hook_memory *ret)
{
	char text[256];
	const char *at = text;

	*ret = (struct tc_hook_memory){ 0 };
	if (proc < 0 || tc_proc_read(proc, "statm", text, sizeof(text)) <= 0)
		return;
	tc_text_number(&at, 10); /* size, resident, shared … in pages: proc(5) */
	uint64_t resident = tc_text_number(&at, 10), shared = tc_text_number(&at, 10);
	ret->private_bytes = (resident > shared ? resident - shared : 0) * TC_ARCH_PAGE;
	if (pinned(proc) > PINNED_MAX)
		ret->no_clone = "more than 64 MB of its memory is pinned";
	else if (!own_oom_score && headroom() < ret->private_bytes)
		ret->no_clone = "its cgroup has too little memory left for a copy";
}
