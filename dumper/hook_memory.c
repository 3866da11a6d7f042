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
	else if (!own_oom_score && tc_hook_headroom() < ret->private_bytes)
		ret->no_clone = "its cgroup has too little memory left for a copy";
}
