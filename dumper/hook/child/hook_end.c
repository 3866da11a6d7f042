/* SPDX-License-Identifier: Apache-2.0
 * The end of a child that is a copy: it gives back its memory before it ends. From the moment on at which
 * a process leaves its memory the OOM killer does not see it (Linux, mm/oom_kill.c, oom_badness: no mm),
 * while the pages still count in the cgroup until each is freed, and in a cgroup that is full the target
 * would be what is killed for them. A process that has memory yet is the first to be killed, or waited
 * for. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "lib/sys/sys.h"
#include "dumper/hook/common/hook.h"
#include "lib/base/safe.h"

extern const char __ehdr_start[] __attribute__((visibility("hidden"))); /* the library: ld(1) */
extern const char _end[] __attribute__((visibility("hidden")));

/* What is kept, in ascending order: the library, and the stacks that threads of the child are on. */
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

/* Not unmapped: the kernel writes to the area of restartable sequences of a thread now and then (rseq(2)),
 * and kills it where there is none. */
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
	static char text[4 * TC_ARCH_PAGE + 1]; /* the kernel gives whole lines, of a page or less */
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
	if (dump->copy)
		give_back();
	for (;;)
		tc_syscall1(SYS_exit_group, 0);
}
