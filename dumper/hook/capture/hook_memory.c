/* SPDX-License-Identifier: Apache-2.0
 * May this process be cloned? Asks how much private memory it has, and whether its cgroup has room
 * for a snapshot: for its page tables, for what it needs itself, and for each private page, because
 * a page that the process writes to meanwhile exists twice. With less room the cgroup could run out
 * of memory for our sake. The OOM killer would take the snapshot first, which asks for that, but
 * not only it: Linux counts a killed process as gone when its pages are unmapped, while up to
 * 10,000 of them are still to be freed (mm/mmap.c, exit_mmap: MMF_OOM_SKIP before
 * tlb_finish_mmu). If the process needs one more page in between, it is killed too. */
#include "dumper/hook/capture/hook_memory.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#include "dumper/hook/capture/hook_cgroup.h"
#include "lib/base/strbuf.h"
#include "lib/process/proc.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/base/safe.h"

/* A clone copies the page tables: 8 bytes for each page of 4 KiB, more where memory is sparse. So
 * private memory divided by this is enough. */
#define TABLES 256
#define CLONE_ROOM (4ull << 20)
#define PINNED_MAX (64ull << 20) /* pinned pages are copied, not shared */

static uint64_t status_number(const char *text, const char *name)
{
	const char *at = tc_proc_field(text, name);

	return at ? tc_parse_number(&at, 10) : 0;
}

/* Read the process's status file. Returns the bytes that are pinned. */
static uint64_t read_status(int proc, struct tc_hook_memory *ret)
{
	char text[3072];

	if (tc_proc_read(proc, "status", text, sizeof(text)) <= 0)
		return 0;
	ret->tables = status_number(text, "VmPTE") << 10;
	ret->n_threads = status_number(text, "Threads");
	ret->n_numbers = (uint32_t)status_number(text, "FDSize");
	return status_number(text, "VmPin") << 10;
}

/* The bytes that a resource limit leaves when `used` bytes are used; TC_HOOK_NO_LIMIT. */
static uint64_t left_of(int resource, uint64_t used)
{
	struct rlimit limit;

	if (tc_syscall2(SYS_getrlimit, resource, (long)&limit) < 0 ||
	    limit.rlim_cur >= TC_HOOK_NO_LIMIT)
		return TC_HOOK_NO_LIMIT;
	return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

/* A private writable mapping counts for RLIMIT_AS and RLIMIT_DATA (getrlimit(2)). */
static uint64_t mappable(uint64_t size, uint64_t data)
{
	uint64_t by_size = left_of(RLIMIT_AS, size), by_data = left_of(RLIMIT_DATA, data);

	return by_size < by_data ? by_size : by_data;
}

/* The most memory that was ever resident, for when there is no descriptor to ask for the present
 * value. */
static uint64_t most_resident(void)
{
	struct rusage usage;

	if (tc_syscall2(SYS_getrusage, RUSAGE_SELF, (long)&usage) < 0)
		return 0;
	return (uint64_t)usage.ru_maxrss << 10;
}

void tc_hook_memory(int proc, bool own_oom_score, struct tc_hook_memory *ret)
{
	uint64_t pages[6] = { 0 }; /* size, resident, shared, text, 0, data: proc(5) */
	char text[256];
	const char *at = text;

	*ret = (struct tc_hook_memory){ .room = TC_HOOK_NO_LIMIT };
	if (proc < 0 || tc_proc_read(proc, "statm", text, sizeof(text)) <= 0) {
		ret->private_bytes = most_resident();
		ret->mappable = mappable(ret->private_bytes, ret->private_bytes);
		return;
	}
	for (int i = 0; i < 6; i++)
		pages[i] = tc_parse_number(&at, 10);
	ret->private_bytes = (pages[1] > pages[2] ? pages[1] - pages[2] : 0) * TC_ARCH_PAGE;
	ret->mappable = mappable(pages[0] * TC_ARCH_PAGE, pages[5] * TC_ARCH_PAGE);
	if (!own_oom_score || tc_hook_is_limited())
		ret->room = tc_hook_headroom();
	if (read_status(proc, ret) > PINNED_MAX)
		ret->no_clone = "more than 64 MB of its memory is pinned";
	else if (ret->room < ret->private_bytes + ret->private_bytes / TABLES + CLONE_ROOM)
		ret->no_clone = "its cgroup has too little memory left for a copy";
}
