/* SPDX-License-Identifier: Apache-2.0
 * taskcore: the verbs that run on the target's machine; those of the analyzer are passed on. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dump.h"
#include "exit.h"
#include "budget.h"
#include "list.h"
#include "run.h"
#include "ask.h"
#include "status.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.1.0"
#endif

#define STOP_MS 500
#define TIMEOUT_MS 30000
#define ANALYZER "taskcore-analyze"

/* What the command line says; each verb looks at its own part. */
struct options {
	struct tc_dump_options dump;
	struct tc_ask_options signal;
	bool report, children;
	const char *operand;
	pid_t pid;
};

struct verb {
	const char *name;
	int (*run)(const struct options *options);
	const char *accepts; /* of the options, one letter each */
	bool pid;	     /* its operand is a process */
	const char *usage;
};

static int run_dump(const struct options *options);

static int run_status(const struct options *options)
{
	return tc_status_print(options->pid, options->dump.max_memory, options->children);
}

static int run_doctor(const struct options *options)
{
	return tc_doctor_print(options->pid, options->dump.max_memory);
}

static int run_list(const struct options *options)
{
	return tc_list_print(options->operand ? options->operand : ".");
}

static int run_signal(const struct options *options)
{
	return tc_ask(&options->signal);
}

static const struct verb verbs[] = {
	{ "run", NULL, "", false, "run [OPTIONS] [--] CMD ARG…" },
	{ "signal", run_signal, "tfd", true,
	  "signal PID [--timeout S] [--force-signal N [--dir DIR]]" },
	{ "dump", run_dump, "osmrvl", true,
	  "dump PID [-o FILE] [--stop[=MS]] [--max-memory N] [--report] [--values=WORD] "
	  "[--no-locals]" },
	{ "status", run_status, "mc", true, "status PID [--children]" },
	{ "doctor", run_doctor, "m", true, "doctor PID" },
	{ "list", run_list, "", false, "list [DIR]" },
};

static const char *const analysis_verbs[] = {
	"report", "show", "check", "diff", "trend", "export"
};

#define N(array) (sizeof(array) / sizeof(*(array)))

static int usage(FILE *out, int code)
{
	fprintf(out, "taskcore: a core dump for async tasks\n\n");
	for (size_t i = 0; i < N(verbs); i++)
		fprintf(out, "  taskcore %s\n", verbs[i].usage);
	fprintf(out, "  taskcore report|show|check FILE …   (by %s)\n\n", ANALYZER);
	fprintf(out,
		"  -o FILE           where the dump goes; else "
		"taskcore.EXE.PID.TIME.attach.tcore, here\n"
		"  --stop[=MS]       stop the process while it is read, for at most MS "
		"milliseconds (500)\n"
		"  --max-memory N    memory for reading, in bytes, or with K, M, G\n"
		"  --report          print the report too\n"
		"  --values=WORD     of locals and attributes: none, scalars (numbers), strings (text too)\n"
		"  --no-locals       leave out local variables\n"
		"  --children        the processes below PID that have an event loop\n"
		"  --timeout S       signal: wait so many seconds for the dump (30)\n"
		"  --force-signal N  signal: the hook's private signal, where it cannot be "
		"looked up\n%s",
		tc_run_usage);
	return code;
}

/* Become the analyzer: beside our own executable, else on PATH. Returns only when there is none. */
static void exec_analyzer(char **argv)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(ANALYZER) - 1);

	fflush(stdout);
	argv[0] = (char *)ANALYZER;
	path[n > 0 ? n : 0] = 0;
	char *slash = strrchr(path, '/');
	if (slash) {
		strcpy(slash + 1, ANALYZER);
		execv(path, argv);
	}
	execvp(ANALYZER, argv);
	fprintf(stderr, "taskcore: %s is not installed here (%s): copy the dump to where it is\n",
		ANALYZER, strerror(errno));
}

/* The report of a fresh dump. A missing analyzer is no failure of the dump. */
static void print_report(const char *path)
{
	char *argv[] = { (char *)ANALYZER, (char *)"report", (char *)path, NULL };

	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		exec_analyzer(argv);
		_exit(127);
	}
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static int run_dump(const struct options *options)
{
	const char *path;
	int code = tc_dump(&options->dump, &path);

	if (path && options->report)
		print_report(path);
	return code;
}

static int wrong(const char *format, const char *what)
{
	fprintf(stderr, "taskcore: ");
	fprintf(stderr, format, what);
	fprintf(stderr, " (taskcore --help)\n");
	return -1;
}

/* "512K", "256M", "1G" or a number of bytes; 0: not understood. */
static uint64_t parse_size(const char *text)
{
	char *end;
	unsigned shift = 0;
	uint64_t value = strtoull(text, &end, 10);

	if (text[0] < '0' || text[0] > '9')
		return 0;
	if (*end && strchr("kK", *end))
		shift = 10;
	else if (*end && strchr("mM", *end))
		shift = 20;
	else if (*end && strchr("gG", *end))
		shift = 30;
	end += shift != 0;
	return *end || value > UINT64_MAX >> 30 ? 0 : value << shift;
}

static pid_t parse_pid(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	return *end || value <= 0 || value > INT_MAX || text[0] < '0' || text[0] > '9' ?
		       0 :
		       (pid_t)value;
}

/* The value of an option "--name=value" or "--name value"; *at moves over it. NULL: arg is not this
 * option, or the value is missing (then *at is -1). */
static const char *value_of(char **argv, int *at, const char *name)
{
	const char *arg = argv[*at];
	size_t n = strlen(name);

	if (strncmp(arg, name, n) != 0)
		return NULL;
	if (arg[n] == '=')
		return arg + n + 1;
	if (arg[n] == 0 && argv[*at + 1])
		return argv[++*at];
	return NULL;
}

static int parse_values(struct tc_dump_options *o, const char *word)
{
	o->no_values = strcmp(word, "none") == 0;
	o->value_strings = strcmp(word, "strings") == 0;
	if (!o->no_values && !o->value_strings && strcmp(word, "scalars") != 0)
		return wrong("--values takes none, scalars or strings, not '%s'", word);
	return 0;
}

static int parse_stop(struct tc_dump_options *dump, const char *arg)
{
	char *end;

	dump->stop = true;
	if (arg[6] == 0)
		return 0;
	long ms = strtol(arg + 7, &end, 10);
	if (*end || !arg[7] || ms < 1 || ms > 60000)
		return wrong("--stop takes milliseconds from 1 to 60000, not '%s'", arg + 7);
	dump->stop_ms = (unsigned)ms;
	return 0;
}

static int parse_timeout(struct tc_ask_options *signal, const char *value)
{
	char *end;
	double s = strtod(value, &end);

	if (*end || value[0] < '0' || value[0] > '9' || !(s >= 0.001 && s <= 86400))
		return wrong("--timeout takes seconds from 0.001 to 86400, not '%s'", value);
	signal->timeout_ms = (unsigned)(s * 1000);
	return 0;
}

/* The private signal is always a real-time one; libc keeps those below 34 (musl: 35) to itself. */
static int parse_force_signal(struct tc_ask_options *signal, const char *value)
{
	char *end;
	long n = strtol(value, &end, 10);

	if (*end || !*value || n < 34 || n > 64)
		return wrong("--force-signal takes a number from 34 to 64, not '%s'", value);
	signal->force_signal = (int)n;
	return 0;
}

/* One option at argv[*at]. 0, or -1 with a line printed. */
static int parse_option(const struct verb *verb, struct options *o, char **argv, int *at)
{
	const char *arg = argv[*at], *value;
	const char *ok = verb->accepts;

	if (strchr(ok, 'o') &&
	    ((value = value_of(argv, at, "-o")) || (value = value_of(argv, at, "--output"))))
		o->dump.file = value;
	else if (strchr(ok, 's') && strncmp(arg, "--stop", 6) == 0 &&
		 (arg[6] == 0 || arg[6] == '='))
		return parse_stop(&o->dump, arg);
	else if (strchr(ok, 'm') && (value = value_of(argv, at, "--max-memory"))) {
		o->dump.max_memory = parse_size(value);
		if (o->dump.max_memory < TC_MEMORY_MIN)
			return wrong("--max-memory takes a size of at least 24M, not '%s'", value);
	} else if (strchr(ok, 'r') && strcmp(arg, "--report") == 0)
		o->report = true;
	else if (strchr(ok, 'v') && strncmp(arg, "--values=", 9) == 0)
		return parse_values(&o->dump, arg + 9);
	else if (strchr(ok, 'l') && strcmp(arg, "--no-locals") == 0)
		o->dump.no_locals = true;
	else if (strchr(ok, 'c') && strcmp(arg, "--children") == 0)
		o->children = true;
	else if (strchr(ok, 't') && (value = value_of(argv, at, "--timeout")))
		return parse_timeout(&o->signal, value);
	else if (strchr(ok, 'f') && (value = value_of(argv, at, "--force-signal")))
		return parse_force_signal(&o->signal, value);
	else if (strchr(ok, 'd') && (value = value_of(argv, at, "--dir"))) {
		if (!(o->signal.dir = realpath(value, NULL)))
			return wrong("--dir takes a directory that exists, not '%s'", value);
	} else
		return wrong("unknown option, or one without its value: '%s'", arg);
	return 0;
}

static bool is_help(const char *arg)
{
	return arg && (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0);
}

static int run_verb(const struct verb *verb, char **argv)
{
	struct options o = { .dump = { .stop_ms = STOP_MS },
			     .signal = { .timeout_ms = TIMEOUT_MS } };

	for (int i = 0; argv[i]; i++) {
		if (is_help(argv[i]))
			return usage(stdout, TC_EXIT_OK);
		if (argv[i][0] == '-' && argv[i][1]) {
			if (parse_option(verb, &o, argv, &i) < 0)
				return TC_EXIT_USAGE;
		} else if (o.operand) {
			wrong("one too many: '%s'", argv[i]);
			return TC_EXIT_USAGE;
		} else {
			o.operand = argv[i];
		}
	}
	if (verb->pid && !(o.pid = parse_pid(o.operand ? o.operand : ""))) {
		wrong(o.operand ? "not a process number: '%s'" : "which process?%s",
		      o.operand ? o.operand : "");
		return TC_EXIT_USAGE;
	}
	o.dump.pid = o.signal.pid = o.pid;
	if (verb->pid && !o.dump.max_memory)
		o.dump.max_memory = tc_budget_default();
	return verb->run(&o);
}

/* No file of ours, least of all the dump, may become the standard output of a caller that has
 * closed it: writing to this fails. */
static void fill_standard(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
			_exit(TC_EXIT_INTERNAL);
}

static int run(int argc, char **argv)
{
	if (argc < 2)
		return usage(stderr, TC_EXIT_USAGE);
	if (is_help(argv[1]) || strcmp(argv[1], "help") == 0)
		return usage(stdout, TC_EXIT_OK);
	if (strcmp(argv[1], "--version") == 0)
		return puts("taskcore " PACKAGE_VERSION), TC_EXIT_OK;
	for (size_t i = 0; i < N(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return run_verb(&verbs[i], argv + 2);
	for (size_t i = 0; i < N(analysis_verbs); i++)
		if (strcmp(argv[1], analysis_verbs[i]) == 0) {
			exec_analyzer(argv);
			return TC_EXIT_USAGE;
		}
	wrong("unknown verb '%s'", argv[1]);
	return TC_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	/* It opens nothing, and a descriptor that is closed stays closed for the command. */
	if (argc > 1 && strcmp(argv[1], "run") == 0 && !is_help(argv[2]))
		return tc_run(argv + 2);
	fill_standard();
	int code = run(argc, argv);

	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "taskcore: cannot write to the standard output: %s\n", strerror(errno));
	return code ? code : TC_EXIT_INPUT;
}
