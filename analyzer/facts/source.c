/* SPDX-License-Identifier: Apache-2.0
 * Lines of source files. */
#include "analyzer/facts/source.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM 4096
#define SIZE_MAX_SOURCE (8u << 20)

void tc_sources_init(struct tc_sources *sources, const char *root, uint64_t taken_ns)
{
	*sources = (struct tc_sources){ .root = root, .taken_ns = taken_ns };
}

void tc_sources_deinit(struct tc_sources *sources)
{
	for (unsigned i = 0; i < sources->n; i++)
		if (sources->files[i].map)
			munmap((void *)(uintptr_t)sources->files[i].map, sources->files[i].size);
	sources->n = 0;
}

/* Map the file. NULL: it is not there, or not what we read. */
static const uint8_t *map_file(struct tc_sources *sources, const char *path, size_t *ret_size)
{
	struct stat st;
	void *map = MAP_FAILED;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= SIZE_MAX_SOURCE) {
		uint64_t changed =
			(uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
		if (sources->taken_ns && changed > sources->taken_ns)
			sources->newer = true; /* its lines are no longer those of the dump */
		else
			map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		*ret_size = (size_t)st.st_size;
	}
	close(fd);
	return map == MAP_FAILED ? NULL : map;
}

static bool is_plain(struct tc_text path)
{
	if (path.size < 4 || path.size > PATH_ROOM / 2 ||
	    memcmp(path.at + path.size - 3, ".py", 3) != 0)
		return false;
	for (size_t i = 0; i < path.size; i++)
		if (path.at[i] == 0 || (i > 0 && path.at[i] == '.' && path.at[i - 1] == '.'))
			return false;
	return true;
}

/* Under a root the path may stand whole or without some of its first folders. */
static const uint8_t *find_file(struct tc_sources *sources, struct tc_text path, size_t *ret_size)
{
	char name[PATH_ROOM];

	if (!is_plain(path))
		return NULL;
	if (!sources->root) {
		snprintf(name, sizeof(name), "%.*s", (int)path.size, (const char *)path.at);
		return name[0] == '/' ? map_file(sources, name, ret_size) : NULL;
	}
	for (int tries = 0; tries < 16 && path.size; tries++) {
		int n = snprintf(name, sizeof(name), "%s/%.*s", sources->root, (int)path.size,
				 (const char *)path.at);
		const uint8_t *map = n > 0 && (size_t)n < sizeof(name) ?
					     map_file(sources, name, ret_size) :
					     NULL;
		const uint8_t *slash = memchr(path.at + 1, '/', path.size - 1);
		if (map || !slash)
			return map;
		path = (struct tc_text){ slash, (size_t)(path.at + path.size - slash) };
	}
	return NULL;
}

static int file_of(struct tc_sources *sources, struct tc_text path)
{
	for (unsigned i = 0; i < sources->n; i++)
		if (sources->files[i].path.size == path.size &&
		    memcmp(sources->files[i].path.at, path.at, path.size) == 0)
			return (int)i;
	if (sources->n == TC_SOURCE_FILES)
		return -1;
	size_t size = 0;
	sources->files[sources->n].path = path;
	sources->files[sources->n].map = find_file(sources, path, &size);
	sources->files[sources->n].size = size;
	return (int)sources->n++;
}

bool tc_source_line(struct tc_sources *sources, struct tc_text path, uint32_t line,
		    struct tc_text *ret)
{
	int i = path.size && line ? file_of(sources, path) : -1;

	if (i < 0 || !sources->files[i].map)
		return false;
	const uint8_t *at = sources->files[i].map, *end = at + sources->files[i].size;
	for (; line > 1 && at; line--) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at && at + 1 < end ? at + 1 : NULL;
	}
	if (!at)
		return false;
	const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
	stop = stop ? stop : end;
	while (at < stop && (*at == ' ' || *at == '\t' || *at == '\f'))
		at++;
	while (stop > at && (stop[-1] == ' ' || stop[-1] == '\r'))
		stop--;
	*ret = (struct tc_text){ at, (size_t)(stop - at) };
	return stop > at;
}
