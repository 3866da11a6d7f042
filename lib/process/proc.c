/* SPDX-License-Identifier: Apache-2.0
 * Reads and parses the files of /proc. */
#include "lib/process/proc.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "lib/sys/arch_x86_64.h"
#include "lib/format/format.h"
#include "lib/sys/sys.h"
#include "lib/base/strbuf.h"
#include "lib/base/safe.h"

#define READ_BYTES 65536u /* that are asked for at once */
#define DIRENTS 2048u

long tc_proc_read(int dir, const char *path, char *buf, size_t size)
{
	int fd = tc_sys_open(dir, path, O_RDONLY, 0);
	size_t used = 0;

	if (fd < 0)
		return fd;
	while (used < size - 1) {
		long n = tc_sys_read(fd, buf + used, size - 1 - used);
		if (n < 0 && used == 0) {
			tc_sys_close(fd);
			return n;
		}
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	tc_sys_close(fd);
	buf[used] = 0;
	return (long)used;
}

char *tc_proc_read_all(int fd, struct tc_arena *arena, size_t *ret_size,
		       volatile uint64_t *progress)
{
	size_t used = 0;
	long n;

	/* only aligns: the final take then returns the address that we read to */
	tc_arena_take(arena, 0);
	char *text = (char *)arena->at;
	while (used + READ_BYTES < arena->left &&
	       (n = tc_sys_read(fd, text + used, READ_BYTES)) > 0) {
		used += (size_t)n;
		if (progress)
			(*progress)++;
	}
	*ret_size = used;
	return tc_arena_take(arena, used + 1);
}

static uint64_t ticks_ns(uint64_t ticks)
{
	return ticks * (1000000000u / TC_ARCH_USER_HZ);
}

bool tc_proc_parse_stat(const char *text, struct tc_stat *ret)
{
	const char *open = text, *close = NULL;
	uint64_t field[53] = { 0 };

	while (*open && *open != '(')
		open++;
	for (const char *p = open; *p; p++)
		if (*p == ')')
			close = p;
	if (!close || close[1] != ' ')
		return false;
	memset(ret, 0, sizeof(*ret));
	size_t n = (size_t)(close - open - 1);
	memcpy(ret->comm, open + 1, n < TC_COMM_MAX ? n : TC_COMM_MAX - 1);
	ret->state = close[2];
	const char *at = close + 3;
	for (int i = 4; i < 53 && *at; i++) /* counted as proc(5) does */
		field[i] = tc_parse_number(&at, 10);
	ret->ppid = (uint32_t)field[4];
	ret->flags = field[9];
	ret->utime_ns = ticks_ns(field[14]);
	ret->stime_ns = ticks_ns(field[15]);
	ret->start_ns = ticks_ns(field[22]);
	ret->policy = (uint32_t)field[41];
	ret->args = field[48];
	ret->args_end = field[49];
	return true;
}

/* The line after this one; NULL: this was the last. */
static const char *next_line(const char *line)
{
	while (*line && *line != '\n')
		line++;
	return *line && line[1] ? line + 1 : NULL;
}

const char *tc_proc_field(const char *status, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = status; line; line = next_line(line)) {
		if (strncmp(line, name, n) != 0 || line[n] != ':')
			continue;
		for (line += n + 1; *line == ' ' || *line == '\t';)
			line++;
		return line;
	}
	return NULL;
}

bool tc_proc_number(int dir, const char *path, const char *name, unsigned base, uint64_t *ret)
{
	char text[3072];
	const char *at = NULL;

	if (tc_proc_read(dir, path, text, sizeof(text)) > 0)
		at = tc_proc_field(text, name);
	if (at)
		*ret = tc_parse_number(&at, base);
	return at;
}

uint64_t tc_proc_max_fds(int dir, const char *path)
{
	static const char name[] = "Max open files";
	char text[3072];

	if (tc_proc_read(dir, path, text, sizeof(text)) <= 0)
		return 0;
	for (const char *line = text; line; line = next_line(line)) {
		if (strncmp(line, name, sizeof(name) - 1) != 0)
			continue;
		for (line += sizeof(name) - 1; *line == ' ';)
			line++;
		return *line >= '0' && *line <= '9' ? tc_parse_number(&line, 10) + 1 : 0;
	}
	return 0;
}

/* Whether word is in the list of n bytes, with commas between; "" is in the empty list. */
static bool is_listed(const char *list, size_t n, const char *word)
{
	size_t size = strlen(word);

	for (size_t i = 0, start = 0; i <= n; i++) {
		if (i < n && list[i] != ',')
			continue;
		if (i - start == size && memcmp(list + start, word, size) == 0)
			return true;
		start = i + 1;
	}
	return false;
}

bool tc_proc_cgroup_of(const char *text, const char *controller, char *to, size_t size)
{
	struct tc_strbuf out;
	bool found = false;

	tc_strbuf_init(&out, to, size);
	for (const char *line = text; line && !found; line = next_line(line)) {
		/* "hierarchy:controllers:path" */
		const char *controllers, *path, *end = line;
		while (*end && *end != '\n')
			end++;
		controllers = memchr(line, ':', (size_t)(end - line));
		path = controllers ? memchr(controllers + 1, ':', (size_t)(end - controllers - 1)) :
				     NULL;
		found = path &&
			is_listed(controllers + 1, (size_t)(path - controllers - 1), controller);
		if (found)
			tc_strbuf_bytes(&out, path + 1, (size_t)(end - path - 1));
	}
	return found;
}

void tc_proc_cgroup(const char *text, char *to, size_t size)
{
	if (!tc_proc_cgroup_of(text, "", to, size))
		tc_proc_cgroup_of(text, "memory", to, size);
}

/* struct linux_dirent64 of getdents64(2). */
struct dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t size;
	uint8_t type;
	char name[];
};

int tc_proc_each_thread(int proc, bool (*each)(void *context, uint32_t tid), void *context)
{
	_Alignas(8) char entries[DIRENTS];
	int fd = tc_sys_open(proc, "task", O_RDONLY | O_DIRECTORY, 0);
	bool more = true;
	long n = fd;

	while (fd >= 0 && more &&
	       (n = tc_syscall3(SYS_getdents64, fd, (long)entries, sizeof(entries))) > 0)
		for (long at = 0; at < n && more;) {
			const struct dirent64 *entry = (const void *)(entries + at);
			const char *name = entry->name;
			uint64_t tid = tc_parse_number(&name, 10);
			at += entry->size;
			more = !tid || each(context, (uint32_t)tid);
		}
	if (fd >= 0)
		tc_sys_close(fd);
	return n < 0 ? (int)n : 0;
}

uint32_t tc_proc_innermost(const char *field)
{
	uint64_t value = 0;

	for (const char *before = NULL; field && field != before;) {
		before = field;
		uint64_t number = tc_parse_number(&field, 10);
		if (field != before)
			value = number;
	}
	return (uint32_t)value;
}

/* "task/TID/NAME" */
static void thread_path(uint32_t tid, const char *name, char *to, size_t size)
{
	struct tc_strbuf path;

	tc_strbuf_init(&path, to, size);
	tc_strbuf_s(&path, "task/");
	tc_strbuf_u(&path, tid);
	tc_strbuf_s(&path, name);
}

bool tc_proc_thread(int proc, uint32_t tid, struct tc_os_thread *thread)
{
	char path[64], text[1024];
	struct tc_stat st;

	thread_path(tid, "/stat", path, sizeof(path));
	if (tc_proc_read(proc, path, text, sizeof(text)) <= 0 || !tc_proc_parse_stat(text, &st))
		return false;
	memcpy(thread->comm, st.comm, sizeof(thread->comm));
	thread->state = st.state;
	thread->utime_ns = st.utime_ns;
	thread->stime_ns = st.stime_ns;
	if (st.state == 'Z' || st.state == 'X' || st.state == 'R')
		return true;
	thread_path(tid, "/wchan", path, sizeof(path));
	if (tc_proc_read(proc, path, text, TC_COMM_MAX) > 0 && text[0] != '0')
		memcpy(thread->wchan, text, TC_COMM_MAX);
	return true;
}

static bool thread_number(int proc, uint32_t tid, const char *name, unsigned base, uint64_t *ret)
{
	char path[64];

	thread_path(tid, "/status", path, sizeof(path));
	return tc_proc_number(proc, path, name, base, ret);
}

bool tc_proc_switches(int proc, uint32_t tid, uint64_t *ret)
{
	return thread_number(proc, tid, "voluntary_ctxt_switches", 10, ret);
}

bool tc_proc_blocked(int proc, uint32_t tid, uint64_t *ret)
{
	return thread_number(proc, tid, "SigBlk", 16, ret);
}

bool tc_proc_sched(int proc, uint32_t tid, struct tc_sched *ret)
{
	char path[64], text[96];
	const char *at = text;
	uint64_t forced = 0;

	*ret = (struct tc_sched){ 0 };
	thread_path(tid, "/schedstat", path, sizeof(path));
	int fd = tc_sys_open(proc, path, O_RDONLY, 0);
	long n = fd < 0 ? -1 : tc_sys_read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		tc_sys_close(fd);
	text[n > 0 ? n : 0] = 0;
	if (n > 0 && memcmp(text, "0 0 0\n", 7) != 0) { /* all zero: the kernel does not count */
		ret->run_ns = tc_parse_number(&at, 10);
		ret->wait_ns = tc_parse_number(&at, 10);
		ret->turns = tc_parse_number(&at, 10);
		return ret->known = true;
	}
	ret->known = tc_proc_switches(proc, tid, &ret->turns) &&
		     thread_number(proc, tid, "nonvoluntary_ctxt_switches", 10, &forced);
	ret->turns += forced;
	return ret->known;
}

/* "nr arg0 … arg5 sp pc", "-1 sp pc" outside a system call, or "running": fs/proc/base.c
 * proc_pid_syscall. */
bool tc_proc_thread_syscall(int proc, uint32_t tid, struct tc_os_thread *thread)
{
	char path[64], text[256];
	const char *at = text;

	thread_path(tid, "/syscall", path, sizeof(path));
	int fd = tc_sys_open(proc, path, O_RDONLY, 0);
	if (fd < 0)
		return false;
	long n = tc_sys_read(fd, text, sizeof(text) - 1); /* all of it at once */
	tc_sys_close(fd);
	text[n > 0 ? n : 0] = 0;
	if (n <= 0 || text[0] == 'r')
		return n > 0;
	thread->syscall = (int64_t)tc_parse_number(&at, 10);
	for (int i = 0; thread->syscall >= 0 && i < 6; i++)
		thread->args[i] = tc_parse_number(&at, 16);
	thread->sp = tc_parse_number(&at, 16);
	thread->pc = tc_parse_number(&at, 16);
	thread->how = thread->pc ? TC_REGS_SYSCALL : TC_REGS_NONE;
	return true;
}
