/* SPDX-License-Identifier: Apache-2.0
 * Reads /proc/self/maps (Linux Documentation/filesystems/proc.rst), piece by piece. */
#include "dumper/hook/hook_library.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>

#include "lib/base/strbuf.h"
#include "lib/sys/sys.h"
#include "lib/base/safe.h"

#define PIECE 4096u /* a line has a path of at most 4095 bytes; only what is before it is read */

static char text[2 * PIECE]; /* too big for the stack */
static _Atomic bool is_taken;

/* A line: "start-end access offset device inode path". */
static void look(const char *line, const uint64_t *at, size_t n, uint64_t *ret_files)
{
	uint64_t start = tc_parse_number(&line, 16);

	line++;
	uint64_t end = tc_parse_number(&line, 16);
	for (int blanks = 0; *line && blanks < 4; line++)
		blanks += *line == ' ';
	uint64_t inode = tc_parse_number(&line, 10);
	for (size_t i = 0; i < n; i++)
		if (at[i] >= start && at[i] < end)
			ret_files[i] = inode;
}

/* Look at the lines that are whole, and move the rest to the front. Returns its size. */
static size_t look_at_lines(size_t size, const uint64_t *at, size_t n, uint64_t *ret_files)
{
	char *line = text, *end;

	while ((end = memchr(line, '\n', (size_t)(text + size - line)))) {
		*end = 0;
		look(line, at, n, ret_files);
		line = end + 1;
	}
	size_t rest = (size_t)(text + size - line);
	if (rest >= PIECE) /* a path with a long name */
		rest = 0;
	memmove(text, line, rest);
	return rest;
}

void tc_hook_libraries(const uint64_t *at, size_t n, uint64_t *ret_files)
{
	size_t rest = 0;
	long got;

	memset(ret_files, 0, n * sizeof(*ret_files));
	if (atomic_exchange(&is_taken, true))
		return;
	int fd = tc_sys_open(AT_FDCWD, "/proc/self/maps", O_RDONLY, 0);
	while (fd >= 0 && (got = tc_sys_read(fd, text + rest, PIECE)) > 0)
		rest = look_at_lines(rest + (size_t)got, at, n, ret_files);
	if (fd >= 0)
		tc_sys_close(fd);
	atomic_store(&is_taken, false);
}
