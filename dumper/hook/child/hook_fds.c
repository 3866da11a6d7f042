/* SPDX-License-Identifier: Apache-2.0
 * What the descriptors of the process are (record TC_REC_FD of docs/format.md): asked by the child,
 * which shares the descriptor table with the process. Nothing is opened meanwhile, because the
 * process would have that descriptor too. Nothing that is asked waits for a device or a server. */
#include "dumper/hook/child/hook_fds.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>

#include "dumper/hook/common/hook_dump.h"
#include "lib/base/strbuf.h"
#include "lib/format/format.h"
#include "lib/process/fd_record.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

/* the numbers that are tried when the largest one is unknown (no /proc) */
#define NUMBERS_UNKNOWN 65536
#define NUMBERS_PER_LOOK 256  /* the clock is read once in so many */

static void ask_link(struct tc_fd_facts *facts)
{
	char path[32];
	struct tc_strbuf text;

	tc_strbuf_init(&text, path, sizeof(path));
	tc_strbuf_s(&text, "/proc/self/fd/");
	tc_strbuf_u(&text, facts->fd.fd);
	tc_fd_ask_link(facts, AT_FDCWD, path);
}

/* False: no such descriptor. */
static bool ask(struct tc_fd_facts *facts, uint32_t number)
{
	struct tc_kept_fd *fd = &facts->fd;

	tc_fd_begin(facts, number);
	if (!tc_fd_ask_type(facts, number))
		return false;
	bool maybe = fd->type == TC_FD_SOCKET || fd->missing & TC_FD_NO_TYPE;
	if (maybe && tc_fd_ask_socket(facts, number))
		return true;
	if (maybe)
		fd->missing |= TC_FD_NO_KIND | TC_FD_NO_LOCAL | TC_FD_NO_PEER;
	ask_link(facts);
	if (fd->type == TC_FD_FIFO)
		tc_fd_ask_pipe(facts, number);
	return true;
}

/* Keep a descriptor in the arena. False: the arena is full. */
static bool keep(struct tc_hook_dump *dump, const struct tc_fd_facts *facts)
{
	struct tc_kept_fd *fd = tc_fd_keep(&dump->arena, facts);

	if (!fd)
		return false;
	if (dump->fds.last)
		dump->fds.last->next = fd;
	else
		dump->fds.first = fd;
	dump->fds.last = fd;
	dump->fds.n++;
	return true;
}

static void gather_one(struct tc_hook_dump *dump, uint32_t number)
{
	struct tc_fd_facts facts;

	if (dump->fds.n == TC_FDS_MAX || dump->fds.n_left) {
		dump->fds.n_left += tc_syscall3(SYS_fcntl, number, F_GETFD, 0) >= 0;
		return;
	}
	if (ask(&facts, number) && !keep(dump, &facts))
		dump->fds.n_left++;
}

void tc_hook_gather_fds(struct tc_hook_dump *dump)
{
	uint32_t end = dump->fds.n_numbers ? dump->fds.n_numbers : NUMBERS_UNKNOWN;

	for (uint32_t i = 0; i < end; i++) {
		if (i % NUMBERS_PER_LOOK == NUMBERS_PER_LOOK - 1 &&
		    tc_sys_clock_ns(CLOCK_MONOTONIC) > dump->deadline_ns) {
			dump->fds.late = true;
			return;
		}
		gather_one(dump, i);
	}
}

void tc_hook_put_fds(const struct tc_hook_dump *dump, struct tc_records *rec)
{
	for (const struct tc_kept_fd *fd = dump->fds.first; fd; fd = fd->next)
		tc_fd_put_record(rec, fd);
}

void tc_hook_note_fds(struct tc_hook_dump *dump)
{
	struct tc_strbuf text;

	if ((!dump->fds.n_left && !dump->fds.late) || !tc_hook_notice(dump, &text))
		return;
	tc_strbuf_s(&text, "descriptors: the first ");
	tc_strbuf_u(&text, dump->fds.n);
	tc_strbuf_s(&text, " are recorded, ");
	if (dump->fds.late)
		tc_strbuf_s(&text, "then the time for the dump was over");
	else
		tc_strbuf_u(&text, dump->fds.n_left);
	tc_strbuf_s(&text, dump->fds.late ? "" : " more are not");
}
