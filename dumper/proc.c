/* SPDX-License-Identifier: Apache-2.0
 * Parses the files of /proc (Linux Documentation/filesystems/proc.rst). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/sys.h"
#include "target.h"

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

/* Nanoseconds of so many ticks of the clock that /proc counts in. */
static uint64_t ticks_ns(uint64_t ticks)
{
	static uint64_t per_tick;

	if (!per_tick)
		per_tick = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	return ticks * per_tick;
}

bool tc_proc_parse_stat(const char *text, struct tc_stat *ret)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	uint64_t field[53] = { 0 };
	char *at;

	if (!open || !close || close < open || close[1] != ' ')
		return false;
	memset(ret, 0, sizeof(*ret));
	size_t n = (size_t)(close - open - 1);
	memcpy(ret->comm, open + 1, n < TC_COMM_MAX ? n : TC_COMM_MAX - 1);
	ret->state = close[2];
	at = (char *)close + 3;
	for (int i = 4; i < 53 && *at; i++) /* counted as proc(5) does */
		field[i] = strtoull(at, &at, 10);
	ret->ppid = (uint32_t)field[4];
	ret->flags = field[9];
	ret->utime_ns = ticks_ns(field[14]);
	ret->stime_ns = ticks_ns(field[15]);
	ret->start_ns = ticks_ns(field[22]);
	ret->args = field[48];
	ret->args_end = field[49];
	return true;
}

const char *tc_proc_field(const char *status, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			return line + n + 1 + strspn(line + n + 1, " \t");
	}
	return NULL;
}
