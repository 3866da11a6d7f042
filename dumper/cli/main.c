/* SPDX-License-Identifier: Apache-2.0
 * taskcore: the verbs that run on the target's machine; for the others it starts the analyzer. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dumper/outside/dump.h"
#include "dumper/base/exit.h"
#include "dumper/outside/children.h"
#include "dumper/cli/list.h"
#include "dumper/cli/options.h"
#include "dumper/cli/run.h"
#include "dumper/cli/status.h"

#define ANALYZER "taskcore-analyze"

struct verb {
	const char *name;
	int (*run)(const struct tc_verb_options *options, pid_t pid);
	const char *accepts; /* the options that it takes, by their letters in options.c */
	bool pids;	     /* its operands are processes */
	const char *usage;
};

static int run_dump(const struct tc_verb_options *options, pid_t pid);

static int run_status(const struct tc_verb_options *options, pid_t pid)
{
	return tc_status_print(pid, options->dump.max_memory, options->children);
}

static int run_doctor(const struct tc_verb_options *options, pid_t pid)
{
	return tc_doctor_print(pid, options->dump.max_memory);
}

static int run_list(const struct tc_verb_options *options, pid_t pid)
{
	(void)pid;
	return tc_list_print(options->operand ? options->operand : ".");
}

static int run_signal(const struct tc_verb_options *options, pid_t pid)
{
	struct tc_ask_options ask = options->signal;

	ask.pid = pid;
	return tc_ask(&ask);
}

static const struct verb verbs[] = {
	{ "run", NULL, "", false, "run [OPTIONS] [--] CMD ARG…" },
	{ "signal", run_signal, "ptfdc", true,
	  "signal PID… [--children] [--timeout S] [--force-signal N [--dir DIR]]" },
	{ "dump", run_dump, "posmbrvlc", true,
	  "dump PID… [--children] [-o FILE [--force]] [--stop[=MS]] [--max-memory N] [--report] "
	  "[--values WORD] [--no-locals] [--stack-bytes N]" },
	{ "status", run_status, "pmc", true, "status PID… [--children]" },
	{ "doctor", run_doctor, "pm", true, "doctor PID…" },
	{ "list", run_list, "", false, "list [DIR]" },
};

static const char *const analysis_verbs[] = {
	"report", "show", "check", "explain", "diff", "trend", "export"
};

#define N(array) (sizeof(array) / sizeof(*(array)))

static int usage(FILE *out, int code)
{
	fprintf(out, "taskcore: a core dump for async tasks\n\n");
	for (size_t i = 0; i < N(verbs); i++)
		fprintf(out, "  taskcore %s\n", verbs[i].usage);
	fprintf(out, "  taskcore report|show|check FILE …   (by %s)\n\n", ANALYZER);
	fprintf(out,
		"  -p PID            a process, as without -p\n"
		"  --children        of each process and those below it, all that have an event "
		"loop\n"
		"  -o FILE           where the dump goes; -: standard output; else "
		"taskcore.EXE.PID.TIME.attach.tcore, here\n"
		"  --force           replace FILE\n"
		"  --stop[=MS]       stop the process while it is read, for at most MS "
		"milliseconds (500)\n"
		"  --max-memory N    memory for reading, in bytes, or with K, M, G\n"
		"  --report          print the report too\n"
		"  --values WORD     of locals and attributes: none, scalars (numbers), strings "
		"(text too)\n"
		"  --no-locals       leave out local variables\n"
		"  --stack-bytes N   of each thread's stack, for gdb and eu-stack (256K); 0: none\n"
		"  --timeout S       signal: wait so many seconds for the dump (30)\n"
		"  --force-signal N  signal: the hook's private signal, where it cannot be looked "
		"up\n%s",
		tc_run_usage);
	return code;
}

/* Execute the analyzer in this process: the one beside our own executable, else that on PATH.
 * Returns only if there is none, with a line said. */
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

/* The report of a fresh dump. If there is no analyzer, the dump has succeeded all the same. */
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

static int run_dump(const struct tc_verb_options *options, pid_t pid)
{
	struct tc_dump_options dump = options->dump;
	const char *path;

	dump.pid = pid;
	int code = tc_dump(&dump, &path);

	if (path && options->report)
		print_report(path);
	return code;
}

static bool is_help(const char *arg)
{
	return arg && (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0);
}

/* Check that the options of a dump fit together. 0, or -1 with a line said. */
static int check_output(const struct tc_verb_options *o)
{
	bool standard = o->dump.file && strcmp(o->dump.file, "-") == 0;

	if (o->dump.file && (o->n_pids > 1 || o->children))
		return tc_options_wrong(
			"-o %s is one file: the dumps of several processes go to the working "
			"directory",
			o->dump.file);
	if (o->dump.replace && (!o->dump.file || standard))
		return tc_options_wrong("--force replaces the FILE of -o%s", "");
	if (standard && o->report)
		return tc_options_wrong("--report and -o - both go to the standard output%s", "");
	if (standard && isatty(STDOUT_FILENO))
		return tc_options_wrong("a dump is no text: not to a terminal, but -o - >FILE%s",
					"");
	return 0;
}

static int run_verb(const struct verb *verb, char **argv)
{
	static struct tc_verb_options o; /* too big for the stack */
	int code = TC_EXIT_OK;
	int r = tc_options_read(&o, argv, verb->accepts, verb->pids);

	if (r > 0)
		return usage(stdout, TC_EXIT_OK);
	if (r < 0 || check_output(&o) < 0)
		return TC_EXIT_USAGE;
	if (!verb->pids)
		return verb->run(&o, 0);
	if (o.children && verb->run != run_status && /* status lists them itself */
	    (r = tc_children_select(o.pids, &o.n_pids, TC_PIDS_MAX, o.dump.max_memory)))
		return r;
	for (size_t i = 0; i < o.n_pids; i++) {
		r = verb->run(&o, o.pids[i]);
		code = r > code ? r : code;
	}
	return code;
}

/* If the caller has closed descriptor 0, 1 or 2, open /dev/null for reading there. Otherwise a file
 * of ours, perhaps the dump, would get that number, and what we print would go into it. */
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
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return puts("taskcore " PACKAGE_VERSION), TC_EXIT_OK;
	for (size_t i = 0; i < N(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return run_verb(&verbs[i], argv + 2);
	for (size_t i = 0; i < N(analysis_verbs); i++)
		if (strcmp(argv[1], analysis_verbs[i]) == 0) {
			exec_analyzer(argv);
			return TC_EXIT_USAGE;
		}
	tc_options_wrong("unknown verb '%s'", argv[1]);
	return TC_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	/* Before fill_standard: a descriptor that the caller has closed must stay closed for the
	 * command. */
	if (argc > 1 && strcmp(argv[1], "run") == 0 && !is_help(argv[2]))
		return tc_run(argv + 2);
	fill_standard();
	int code = run(argc, argv);

	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "taskcore: cannot write to the standard output: %s\n", strerror(errno));
	return code ? code : TC_EXIT_INPUT;
}
