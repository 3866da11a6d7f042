/* SPDX-License-Identifier: Apache-2.0
 * Sets LD_PRELOAD and the hook's environment, then calls exec: no process of ours is left. */
#define _GNU_SOURCE
#include "dumper/cli/run.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dumper/base/exit.h"
#include "dumper/base/signame.h"

#define LIBRARY "libtaskcore.so"
#ifndef TC_LIBDIR
#define TC_LIBDIR "/usr/local/lib"
#endif
#define EXIT_NOT_EXECUTABLE 126 /* as env(1) has it */
#define EXIT_NOT_FOUND 127

/* A flag and the variable that it sets. take makes the variable's value, shorter than PATH_MAX, out
 * of the flag's. False: the value is not understood. */
struct setting {
	const char *flag, *variable, *takes;
	bool (*take)(const struct setting *setting, const char *value, char *to);
};

static bool take_directory(const struct setting *setting, const char *value, char *to)
{
	struct stat st;

	(void)setting;
	return realpath(value, to) && stat(to, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool take_signal(const struct setting *setting, const char *value, char *to)
{
	(void)setting;
	if (!tc_signame_valid(value))
		return false;
	value += strncmp(value, "SIG", 3) == 0 ? 3 : 0;
	strcpy(to, strcmp(value, "RTMIN") == 0 ? "RTMIN+0" : value);
	return true;
}

/* One of the words in setting->takes, which are separated by blanks and commas. */
static bool take_word(const struct setting *setting, const char *value, char *to)
{
	size_t n = strlen(value);

	for (const char *at = setting->takes; *at;) {
		size_t word = strcspn(at, " ,");
		if (n && n == word && strncmp(at, value, n) == 0) {
			strcpy(to, value);
			return true;
		}
		at += word;
		at += strspn(at, " ,");
	}
	return false;
}

/* A number; for sizes K, M or G may follow, and the variable gets bytes. */
static bool take_number(const struct setting *setting, const char *value, char *to)
{
	static const char units[] = "kmgKMG";
	char *end;
	uint64_t number = strtoull(value, &end, 10);
	const char *unit = *end && strstr(setting->flag, "bytes") ? strchr(units, *end) : NULL;
	unsigned shift = unit ? 10 * (unsigned)((unit - units) % 3 + 1) : 0;

	if (value[0] < '0' || value[0] > '9' || end[unit != NULL] ||
	    number > (uint64_t)INT64_MAX >> shift)
		return false;
	sprintf(to, "%llu", (unsigned long long)number << shift);
	return true;
}

static const struct setting settings[] = {
	{ "--dir", "TASKCORE_DIR", "a directory that exists", take_directory },
	{ "--signal", "TASKCORE_SIGNAL", "USR1, USR2, RTMIN+N or none", take_signal },
	{ "--crash", "TASKCORE_CRASH", "on, off", take_word },
	{ "--timing", "TASKCORE_TIMING", "off", take_word },
	{ "--values", "TASKCORE_VALUES", "none, scalars, strings", take_word },
	{ "--max-files", "TASKCORE_MAX_FILES", "a number", take_number },
	{ "--max-bytes", "TASKCORE_MAX_BYTES", "a number, or one with K, M or G", take_number },
	{ "--stack-bytes", "TASKCORE_STACK_BYTES", "a number, or one with K or M, at most 8M",
	  take_number },
	{ "--pause-ms", "TASKCORE_PAUSE_MS", "a number", take_number },
	{ "--budget-ms", "TASKCORE_BUDGET_MS", "a number", take_number },
	{ "--min-interval-s", "TASKCORE_MIN_INTERVAL_S", "a number", take_number },
	{ "--keep-newest", "TASKCORE_KEEP_NEWEST", "1, 0", take_word },
	{ "--nondumpable", "TASKCORE_NONDUMPABLE", "full", take_word },
};

#define N_SETTINGS (sizeof(settings) / sizeof(*settings))

const char tc_run_usage[] =
	"  --dir DIR         run: where the dumps go\n"
	"  --signal SIG      run: USR1 (the default), USR2, RTMIN+N, or none: taskcore signal "
	"only\n"
	"  --crash off       run: no dump of a crash (SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL)\n"
	"  --timing off, --values none|scalars|strings, --max-files N,\n"
	"  --max-bytes N, --stack-bytes N, --pause-ms N, --budget-ms N, --min-interval-s N,\n"
	"  --keep-newest 1, --nondumpable full\n"
	"                    run: as the variables TASKCORE_… of the same names\n";

static int __attribute__((format(printf, 2, 3))) say(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "taskcore: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	return code;
}

/* Use the option at argv[*at]; *at moves to its last word. 0, or an exit code. */
static int take_option(char **argv, int *at)
{
	const char *arg = argv[*at];
	char to[PATH_MAX];

	for (size_t i = 0; i < N_SETTINGS; i++) {
		const struct setting *s = &settings[i];
		size_t n = strlen(s->flag);
		if (strncmp(arg, s->flag, n) != 0 || (arg[n] && arg[n] != '='))
			continue;
		const char *value = arg[n] ? arg + n + 1 : argv[++*at];
		if (!value)
			return say(TC_EXIT_USAGE, "run: %s takes %s", s->flag, s->takes);
		if (strlen(value) >= sizeof(to) || !s->take(s, value, to))
			return say(TC_EXIT_USAGE, "run: %s takes %s, not '%s'", s->flag, s->takes,
				   value);
		if (setenv(s->variable, to, 1) < 0)
			return say(TC_EXIT_INTERNAL, "run: %s", strerror(errno));
		return 0;
	}
	return say(TC_EXIT_USAGE, "run: unknown option '%s' (taskcore --help)", arg);
}

/* Find the library: beside our own executable, in ../lib from there, or where `make install` puts
 * it. */
static bool find_library(char *path, size_t size)
{
	static const char *const beside[] = { LIBRARY, "../lib/" LIBRARY };
	char own[PATH_MAX], found[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	own[n > 0 ? n : 0] = 0;
	char *slash = strrchr(own, '/');
	for (size_t i = 0; slash && i < sizeof(beside) / sizeof(*beside); i++) {
		snprintf(found, sizeof(found), "%.*s/%s", (int)(slash - own), own, beside[i]);
		if (access(found, R_OK) == 0 && realpath(found, path))
			return true;
	}
	snprintf(path, size, "%s/%s", TC_LIBDIR, LIBRARY);
	return access(path, R_OK) == 0;
}

/* The length of the names of sanitizer runtimes at the beginning of the list, with the separator
 * behind them. They must stay first: AddressSanitizer ends the program if another library is loaded
 * before it (lib/asan/asan_linux.cpp, AsanCheckDynamicRTPrereqs). Other sanitizers' runtimes are
 * treated the same. */
static size_t first_runtimes(const char *list)
{
	static const char *const names[] = { "libasan", "libhwasan", "libtsan", "liblsan",
					     "libubsan", "libclang_rt." };
	size_t at = 0;

	for (bool known = true; known;) {
		size_t n = strcspn(list + at, " :");
		const char *name = list + at + n;
		while (name > list + at && name[-1] != '/')
			name--;
		known = n == 0 && list[at]; /* an empty name: two separators in a row */
		for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !known; i++)
			known = n && strncmp(name, names[i], strlen(names[i])) == 0;
		at += known ? n + (list[at + n] != 0) : 0;
	}
	return at;
}

/* Put the library into LD_PRELOAD: in front of all others, but behind runtimes of sanitizers. 0, or
 * an exit code. */
static int preload(void)
{
	char path[PATH_MAX], *list;
	const char *old = getenv("LD_PRELOAD");

	if (!find_library(path, sizeof(path)))
		return say(TC_EXIT_INPUT,
			   "run: %s is neither beside taskcore nor in ../lib from there nor in %s: "
			   "install it there",
			   LIBRARY, TC_LIBDIR);
	/* The dynamic linker separates names at blanks and colons, and expands words that begin
	 * with $ (ld.so(8)). */
	if (strpbrk(path, " :$"))
		return say(
			TC_EXIT_INPUT,
			"run: '%s' cannot be preloaded: LD_PRELOAD takes no path with a blank, a "
			"colon or a dollar sign",
			path);
	old = old ? old : "";
	size_t n = strlen(path), first = first_runtimes(old);
	const char *rest = old + first;
	/* strchr finds the zero at the end too */
	if (strncmp(rest, path, n) == 0 && strchr(" :", rest[n]))
		return 0;
	if (asprintf(&list, "%.*s%s%s%s%s", (int)first, old,
		     first && !strchr(" :", old[first - 1]) ? ":" : "", path, *rest ? ":" : "",
		     rest) < 0 ||
	    setenv("LD_PRELOAD", list, 1) < 0)
		return say(TC_EXIT_INTERNAL, "run: %s", strerror(errno));
	free(list);
	return 0;
}

int tc_run(char **argv)
{
	int at = 0, code;

	for (; argv[at] && argv[at][0] == '-' && argv[at][1]; at++) {
		if (strcmp(argv[at], "--") == 0) {
			at++;
			break;
		}
		if ((code = take_option(argv, &at)))
			return code;
	}
	if (!argv[at])
		return say(TC_EXIT_USAGE, "run: which command? (taskcore --help)");
	if ((code = preload()))
		return code;
	execvp(argv[at], argv + at);
	return say(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE, "%s: %s", argv[at],
		   strerror(errno));
}
