/* SPDX-License-Identifier: Apache-2.0
 * Names a Python that cannot be walked. Its version is taken from the name of its file: we cannot
 * read it anywhere else without running that Python. */
#include "dumper/outside/unsupported.h"

#include <stdio.h>
#include <string.h>

#include "lib/python/find_python.h"

/* The first number in the last part of the path: "2.7" of libpython2.7.so.1.0, "3.9" of
 * libpypy3.9-c.so. Its length; 0: there is none. */
static int find_version(const char *path, const char **ret)
{
	const char *slash = strrchr(path, '/'), *at = slash ? slash + 1 : path;

	at += strcspn(at, "0123456789");
	*ret = at;
	int n = (int)strspn(at, "0123456789.");
	while (n > 0 && at[n - 1] == '.')
		n--;
	return n;
}

/* A Python that has no _PyRuntime. */
static void find_other(struct tc_mem *mem, char name[TC_OTHER_SIZE])
{
	const char *module = "", *version;
	const char *other = tc_find_other(mem, &module);

	if (!other)
		return;
	int n = find_version(module, &version);
	if (n)
		snprintf(name, TC_OTHER_SIZE, "%s %.*s", other, n, version);
	else
		snprintf(name, TC_OTHER_SIZE, "%s%s", other,
			 strcmp(other, "PyPy") == 0 ? "" : " before 3.7");
}

void tc_unsupported_name(int walked, struct tc_mem *mem, const struct tc_python *python,
			 char name[TC_OTHER_SIZE])
{
	char version[24];

	name[0] = 0;
	if (walked == -TC_ENOPYTHON) {
		find_other(mem, name);
	} else if (walked == -TC_EUNKNOWN) {
		tc_version_text(python->version, version, sizeof(version));
		snprintf(name, TC_OTHER_SIZE, "Python %s%s", version,
			 python->free_threaded ? ", free-threaded" : "");
	}
}

void tc_version_text(uint32_t hex, char *to, size_t size)
{
	unsigned level = hex >> 4 & 15, serial = hex & 15;

	if (!hex)
		snprintf(to, size, "unknown version");
	else if (!(hex & 0xffff))
		snprintf(to, size, "%u.%u", hex >> 24, hex >> 16 & 255);
	else if (level == 15)
		snprintf(to, size, "%u.%u.%u", hex >> 24, hex >> 16 & 255, hex >> 8 & 255);
	else
		snprintf(to, size, "%u.%u.%u%s%u", hex >> 24, hex >> 16 & 255, hex >> 8 & 255,
			 level == 10 ? "a" :
			 level == 11 ? "b" :
				       "rc",
			 serial);
}
