/* SPDX-License-Identifier: Apache-2.0
 * The end of a child that is a snapshot: it gives back its memory before it calls exit_group. A
 * process that exits first drops its address space, and from then on the OOM killer does not see it
 * (Linux, mm/oom_kill.c, oom_badness: no mm). But its pages count in the cgroup until all are
 * freed, and if the cgroup is full meanwhile, the target would be killed for them. As long as the
 * child has its address space, the OOM killer takes the child first, or waits for it. */
#include "dumper/hook/child/hook_end.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "dumper/hook/capture/hook_clone.h"
#include "dumper/hook/common/hook_dump.h"
#include "dumper/hook/signals/hook_guard.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

/* start and end of this library: symbols of ld(1) */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

/* What must be kept, in ascending order: this library, and the stacks that the child's threads
 * use. */
struct kept {
	uint64_t start[2], end[2];
};

static void find_kept(struct kept *ret)
{
	struct kept found = { { (uintptr_t)__ehdr_start },
			      { ((uintptr_t)_end + TC_ARCH_PAGE - 1) & ~(TC_ARCH_PAGE - 1ull) } };

	tc_hook_stacks(&found.start[1], &found.end[1]);
	bool swap = found.start[1] < found.start[0];
	for (int i = 0; i < 2; i++) {
		ret->start[i] = found.start[i ^ swap];
		ret->end[i] = found.end[i ^ swap];
	}
}

/* Give back the pages, but keep the mapping: the kernel writes to a thread's area for restartable
 * sequences (rseq(2)) now and then, and kills the thread if nothing is mapped there. */
static void drop(uint64_t start, uint64_t end)
{
	if (start < end)
		tc_syscall3(SYS_madvise, (long)start, (long)(end - start), MADV_DONTNEED);
}

static void drop_but(const struct kept *kept, uint64_t start, uint64_t end)
{
	for (int i = 0; i < 2; i++) {
		drop(start, end < kept->start[i] ? end : kept->start[i]);
		if (start < kept->end[i])
			start = kept->end[i];
	}
	drop(start, end);
}

static void give_back(void)
{
	/* each read gives whole lines, of a page or less each */
	static char text[4 * TC_ARCH_PAGE + 1];
	struct kept kept;
	uint64_t start, bytes;
	int fd = tc_sys_open(AT_FDCWD, "/proc/self/maps", O_RDONLY, 0);
	long n = fd;

	find_kept(&kept);
	while (n >= 0 && (n = tc_sys_read(fd, text, sizeof(text) - 1)) > 0) {
		text[n] = 0;
		for (const char *at = text; tc_hook_next_private(&at, text + n, &start, &bytes);)
			drop_but(&kept, start, start + bytes);
	}
	if (fd >= 0)
		tc_sys_close(fd);
}

void tc_hook_end(const struct tc_hook_dump *dump)
{
	if (dump->maker.snapshot)
		give_back();
	for (;;)
		tc_syscall1(SYS_exit_group, 0);
}
