/* SPDX-License-Identifier: Apache-2.0
 * Whether this process may be cloned: how much memory that copies the tables of, and whether its
 * cgroup leaves room for what will be written to meanwhile. */
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "../lib/proc.h"
#include "../lib/sys.h"
#include "hook.h"
#include "../lib/safe.h"

/* A clone copies the page tables, 8 bytes for each page, and more where it is sparse. */
#define TABLES 256
#define CLONE_ROOM (4ull << 20)
#define PINNED_MAX (64ull << 20) /* pinned pages are copied, not shared */

static uint64_t field(const char *status, const char *name)
{
	const char *at = tc_proc_field(status, name);

	return at ? tc_text_number(&at, 10) : 0;
}

/* Bytes that are pinned; besides, the size of the table of descriptors. */
static uint64_t pinned(int proc, struct tc_hook_memory *ret)
{
	char text[3072];

	if (tc_proc_read(proc, "status", text, sizeof(text)) <= 0)
		return 0;
	ret->n_numbers = (uint32_t)field(text, "FDSize");
	return field(text, "VmPin") << 10;
}

/* What was resident at the most: where no descriptor is left to ask for what is. */
static uint64_t most_resident(void)
{
	struct rusage usage;

	if (tc_syscall2(SYS_getrusage, RUSAGE_SELF, (long)&usage) < 0)
		return 0;
	return (uint64_t)usage.ru_maxrss << 10;
}

void tc_hook_memory(int proc, bool own_oom_score, struct tc_hook_memory *ret)
{
	char text[256];
	const char *at = text;

	*ret = (struct tc_hook_memory){ .room = TC_HOOK_NO_LIMIT };
	if (proc < 0 || tc_proc_read(proc, "statm", text, sizeof(text)) <= 0) {
		ret->private_bytes = most_resident();
		return;
	}
	tc_text_number(&at, 10); /* size, resident, shared … in pages: proc(5) */
	uint64_t resident = tc_text_number(&at, 10), shared = tc_text_number(&at, 10);
	ret->private_bytes = (resident > shared ? resident - shared : 0) * TC_ARCH_PAGE;
	if (!own_oom_score || tc_hook_is_limited())
		ret->room = tc_hook_headroom();
	if (pinned(proc, ret) > PINNED_MAX)
		ret->no_clone = "more than 64 MB of its memory is pinned";
	else if (ret->room <
		 (own_oom_score ? ret->private_bytes / TABLES + CLONE_ROOM : ret->private_bytes))
		ret->no_clone = "its cgroup has too little memory left for a copy";
}
