/* SPDX-License-Identifier: Apache-2.0
 * taskcore-analyze: verbs and options. The file is read by a child that can be lost: dumps come
 * from strangers. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/detect/explain.h"
#include "analyzer/report/check.h"
#include "analyzer/report/report.h"

enum { EXIT_DONE = 0, EXIT_FOUND = 1, EXIT_USAGE = 2, EXIT_BAD_INPUT = 3, EXIT_INTERNAL = 70 };

/* The formats of a report: one row each is all that main knows of them. */
static const struct renderer {
	const char *name;
	void (*render)(const struct tc_report *report, struct tc_out *out);
	bool page; /* for people: names few of many tasks */
} renderers[] = {
	{ "text", tc_report_text, true },
	{ "json", tc_report_json, false },
	{ "jsonl", tc_report_jsonl, false },
	{ "canonical", tc_report_canonical, false },
};
enum verb { VERB_REPORT, VERB_SHOW, VERB_CHECK, VERB_EXPLAIN };

struct job {
	enum verb verb;
	const struct renderer *format;
	struct tc_options options;
	unsigned fail_on; /* bits of enum tc_cause_class: exit with 1 where one of these is found */
	const char *color; /* auto, always, never */
	struct tc_knowledge knowledge;
	char **args;	   /* files; for show: one file, then items */
	int n_args;
	char standard_input[32]; /* the path of what was on it, where a file is named "-" */
};

static int count_files(const struct job *job)
{
	return job->verb == VERB_SHOW ? 1 : job->n_args;
}

static const char usage_text[] =
	"usage: taskcore-analyze [report] FILE... [--format text|json|jsonl|canonical] [--all]\n"
	"                        [--source-root DIR] [--color auto|always|never] [--knowledge "
	"FILE|DIR]...\n"
	"                        [--fail-on hang,leak,crash]\n"
	"       taskcore-analyze show FILE ITEM...      ITEM: T12, L1, O3, H2, G1, or a task's "
	"name\n"
	"       taskcore-analyze check FILE...\n"
	"       taskcore-analyze explain KIND           what a finding means: blocked-loop.sleep "
	"...\n"
	"       taskcore-analyze --help | --version | -V\n"
	"FILE: a dump; -: one on the standard input\n";

static int usage_error(const char *what, const char *detail)
{
	fprintf(stderr, "taskcore-analyze: %s%s%s\n", what, detail ? ": " : "",
		detail ? detail : "");
	fprintf(stderr, "Try 'taskcore-analyze --help'.\n");
	return EXIT_USAGE;
}

/* Progress on a terminal, once reading has taken a second. */
static struct timespec started;

static void show_progress(double part)
{
	struct timespec now;
	static bool shown;

	clock_gettime(CLOCK_MONOTONIC, &now);
	double seconds = (double)(now.tv_sec - started.tv_sec) +
			 (double)(now.tv_nsec - started.tv_nsec) / 1e9;
	if (part < 0 && shown)
		fprintf(stderr, "\r\033[K");
	else if (part >= 0 && seconds > 1) {
		fprintf(stderr, "\rreading %3.0f %%", part * 100);
		shown = true;
	}
}

static bool render(const struct job *job, const struct tc_report *report, struct tc_out *out)
{
	bool found = true;

	if (job->verb == VERB_SHOW) {
		for (int i = 1; i < job->n_args; i++)
			if (!tc_report_show(report, job->args[i], out)) {
				fprintf(stderr, "taskcore-analyze: %s has no %s\n", job->args[0],
					job->args[i]);
				found = false;
			}
	} else {
		job->format->render(report, out);
	}
	return found;
}

static bool is_fail(const struct job *job, const struct tc_findings *findings)
{
	for (size_t i = 0; i < findings->n; i++)
		if (job->fail_on & 1u << tc_cause_class_of(findings->at[i].cause))
			return true;
	return false;
}

/* A million tasks: the objects of every single one are found only where they are shown. */
#define OBJECTS_FOR_ALL 300000u

static int report_on(const struct job *job, struct tc_model *model, struct tc_out *out)
{
	struct tc_waits finder;
	struct tc_graph graph;
	struct tc_report report;

	tc_waits_init(&finder, model, &job->knowledge);
	tc_graph_init(&graph, &finder, job->verb == VERB_REPORT && job->format->page);
	tc_report_init(&report, model, &graph, &job->options,
		       job->format->page && model->n_tasks <= OBJECTS_FOR_ALL);
	bool found = render(job, &report, out), fails = is_fail(job, &report.findings);
	tc_report_deinit(&report);
	tc_graph_deinit(&graph);
	tc_waits_deinit(&finder);
	return !found			   ? EXIT_USAGE :
	       model->dump->n_problems_all ? EXIT_BAD_INPUT :
	       fails			   ? EXIT_FOUND :
					     EXIT_DONE;
}

static void say_refusal(const struct tc_dump *dump)
{
	struct tc_out out;

	tc_out_init(&out, STDERR_FILENO, false);
	tc_check_refusal(dump, &out);
	tc_out_flush(&out);
	tc_out_deinit(&out);
}

/* The page says where a file is damaged; who sends it elsewhere sees that here. */
static void warn_damage(const struct tc_dump *dump)
{
	struct tc_out line;

	if (!dump->n_problems_all || isatty(STDOUT_FILENO))
		return;
	tc_out_init(&line, STDERR_FILENO, false);
	tc_check_damage(dump, &line);
	tc_out_flush(&line);
	tc_out_deinit(&line);
}

/* All of the work on one file. Runs in the child. */
static int read_file(const struct job *job, const char *name, struct tc_out *out)
{
	const char *path = strcmp(name, "-") == 0 ? job->standard_input : name;
	struct tc_dump dump;
	struct tc_model model;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &started);
	int r = tc_dump_open(path, &dump);
	dump.path = name;
	if (r < 0) {
		say_refusal(&dump);
		tc_dump_close(&dump);
		return EXIT_BAD_INPUT;
	}
	r = tc_model_init(&model, &dump, isatty(STDERR_FILENO) ? show_progress : NULL);
	show_progress(-1);
	if (r < 0) {
		say_refusal(&dump);
		status = EXIT_BAD_INPUT;
	} else if (job->verb == VERB_CHECK) {
		status = tc_check(&model, out) ? EXIT_DONE : EXIT_BAD_INPUT;
	} else {
		status = report_on(job, &model, out);
		warn_damage(&dump);
	}
	tc_model_deinit(&model);
	tc_dump_close(&dump);
	return status;
}

static int read_files(const struct job *job)
{
	int n_files = count_files(job), status = EXIT_DONE;
	struct tc_out out;

	tc_out_init(&out, STDOUT_FILENO, job->options.color);
	for (int i = 0; i < n_files; i++) {
		int r = read_file(job, job->args[i], &out);
		status = r > status ? r : status;
		if (i + 1 < n_files && job->verb == VERB_REPORT && job->format->page)
			tc_out_newline(&out);
		tc_out_flush(&out);
	}
	int error = out.error;
	tc_out_deinit(&out);
	if (error && error != EPIPE) { /* who reads has seen enough */
		fprintf(stderr, "taskcore-analyze: cannot write: %s\n", strerror(error));
		return EXIT_BAD_INPUT; /* as taskcore answers where its output cannot go */
	}
	return status;
}

/* Sanitizers reserve terabytes of addresses: no limit on these then. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NO_ADDRESS_LIMIT
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NO_ADDRESS_LIMIT
#endif

/* What the child may use: generous for what a well-formed file needs, and an end for any other. No
 * core of it: dumps may hold secrets. */
static void limit_child(const struct job *job)
{
	rlim_t memory = 1u << 30, seconds = 300;
	struct stat st;

	for (int i = 0; i < job->n_args; i++)
		if (stat(strcmp(job->args[i], "-") ? job->args[i] : job->standard_input, &st) ==
			    0 &&
		    S_ISREG(st.st_mode)) {
			memory += 16 * (rlim_t)st.st_size;
			seconds += (rlim_t)st.st_size / 1000000;
		}
#ifndef NO_ADDRESS_LIMIT
	setrlimit(RLIMIT_AS, &(struct rlimit){ memory, memory });
#else
	(void)memory;
#endif
	setrlimit(RLIMIT_CPU, &(struct rlimit){ seconds, seconds + 5 });
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
}

/* Keep what comes on the standard input in a file without a name: it is read here and there. Its
 * descriptor, or -1 with errno. */
static int keep_input(void)
{
	static char buffer[1 << 16];
	const char *tmp = getenv("TMPDIR");
	ssize_t n;
	int fd = open(tmp && *tmp ? tmp : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0) /* read-only, or a file system without */
		fd = memfd_create("taskcore-input", MFD_CLOEXEC);
	while (fd >= 0 && (n = read(STDIN_FILENO, buffer, sizeof(buffer))) != 0) {
		for (ssize_t at = 0, w; at < n; at += w)
			if ((w = write(fd, buffer + at, (size_t)(n - at))) < 0)
				return -1;
		if (n < 0 && errno != EINTR)
			return -1;
	}
	return fd;
}

/* 0, or 3 with a line said. */
static int take_input(struct job *job)
{
	int fd = -1;

	for (int i = 0; i < count_files(job); i++)
		if (strcmp(job->args[i], "-") == 0 && fd < 0) {
			if ((fd = keep_input()) < 0) {
				fprintf(stderr, "taskcore-analyze: standard input: %s\n",
					strerror(errno));
				return EXIT_BAD_INPUT;
			}
			snprintf(job->standard_input, sizeof(job->standard_input),
				 "/proc/self/fd/%d", fd);
		}
	return 0;
}

static int run_child(const struct job *job)
{
	int status;
	pid_t pid;

	fflush(NULL);
	signal(SIGPIPE, SIG_IGN);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		limit_child(job);
		status = read_files(job);
		fflush(stderr);
		_exit(status);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		perror("taskcore-analyze");
		return EXIT_INTERNAL;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(stderr,
		"taskcore-analyze: the process that read %s was ended by signal %d (%s); please "
		"report this\n",
		job->args[0], WTERMSIG(status), strsignal(WTERMSIG(status)));
	return EXIT_INTERNAL;
}

static bool use_color(const char *when)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

	if (strcmp(when, "auto") != 0)
		return strcmp(when, "always") == 0;
	return (!none || !*none) && isatty(STDOUT_FILENO) && (!term || strcmp(term, "dumb") != 0);
}

/* At most 100 columns, unless the terminal is narrower. */
static unsigned page_width(void)
{
	struct winsize size;
	const char *columns = getenv("COLUMNS");
	long width = 100;

	if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		width = size.ws_col;
	else if (columns && atol(columns) > 0)
		width = atol(columns);
	return width > 100 ? 100 : width < 60 ? 60 : (unsigned)width;
}

static int parse_format(const char *word, const struct renderer **ret)
{
	static const char *const later[] = { "html", "dot", "collapsed" };

	for (size_t i = 0; i < sizeof(renderers) / sizeof(*renderers); i++)
		if (strcmp(word, renderers[i].name) == 0) {
			*ret = &renderers[i];
			return 0;
		}
	for (int i = 0; i < 3; i++)
		if (strcmp(word, later[i]) == 0)
			return usage_error("this format is not in this version", word);
	return usage_error("unknown format", word);
}

/* "hang,crash" as bits. */
static int parse_classes(const char *words, unsigned *ret)
{
	for (const char *at = words; *at;) {
		size_t size = strcspn(at, ",");
		unsigned class = 0;
		while (class <= TC_CLASS_CRASH &&
		       (strncmp(tc_class_word(class), at, size) || tc_class_word(class)[size]))
			class++;
		if (class > TC_CLASS_CRASH || size == 0)
			return usage_error("--fail-on takes hang, leak and crash, with commas, not",
					   words);
		*ret |= 1u << class;
		at += size + (at[size] == ',');
	}
	return *ret ? 0 : usage_error("--fail-on: which findings? hang, leak, crash", NULL);
}

enum {
	OPT_FORMAT = 256,
	OPT_SOURCE_ROOT,
	OPT_ALL,
	OPT_COLOR,
	OPT_KNOWLEDGE,
	OPT_FAIL_ON,
	OPT_LATER,
	OPT_HELP,
	OPT_VERSION
};

static const struct option options[] = {
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "source-root", required_argument, NULL, OPT_SOURCE_ROOT },
	{ "fail-on", required_argument, NULL, OPT_FAIL_ON },
	{ "all", no_argument, NULL, OPT_ALL },
	{ "color", required_argument, NULL, OPT_COLOR },
	{ "knowledge", required_argument, NULL, OPT_KNOWLEDGE },
	{ "exe", required_argument, NULL, OPT_LATER },
	{ "sysroot", required_argument, NULL, OPT_LATER },
	{ "debug-dir", required_argument, NULL, OPT_LATER },
	{ "where", required_argument, NULL, OPT_LATER },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

/* One option, whose place in the list is index, into the job. 0; 2 for a usage error; -1: done, all
 * was said. */
static int take_option(struct job *job, int option, int index)
{
	switch (option) {
	case OPT_FORMAT:
		return parse_format(optarg, &job->format);
	case OPT_SOURCE_ROOT:
		job->options.source_root = optarg;
		return 0;
	case OPT_ALL:
		job->options.all = true;
		return 0;
	case OPT_COLOR:
		job->color = optarg;
		if (strcmp(optarg, "auto") && strcmp(optarg, "always") && strcmp(optarg, "never"))
			return usage_error("--color is auto, always or never, not", optarg);
		return 0;
	case OPT_KNOWLEDGE:
		tc_knowledge_load(&job->knowledge, optarg);
		return 0;
	case OPT_FAIL_ON:
		return parse_classes(optarg, &job->fail_on);
	case OPT_LATER: /* what they are for is not there yet: never swallowed */
		return usage_error("this option is not in this version", options[index].name);
	case 'h':
	case OPT_HELP:
		fputs(usage_text, stdout);
		return -1;
	case 'V':
	case OPT_VERSION:
		puts("taskcore-analyze " PACKAGE_VERSION);
		return -1;
	default:
		return usage_error("unknown option", NULL);
	}
}

/* What getopt does not take: a ':' is an option without its value. */
static int wrong_option(int option, char **argv)
{
	static char letter[] = "-?";

	if (option == ':')
		return usage_error("the value of an option is missing", argv[optind - 1]);
	letter[1] = (char)optopt;
	return usage_error("unknown option", optopt ? letter : argv[optind - 1]);
}

static int take_verb(struct job *job)
{
	static const char *const later[] = {
		"diff", "trend", "export", "html", "dot", "collapsed"
	};
	const char *word = job->n_args ? job->args[0] : "";

	for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++)
		if (strcmp(word, later[i]) == 0) {
			fprintf(stderr, "taskcore-analyze: %s is not in this version\n", word);
			return EXIT_USAGE;
		}
	if (strcmp(word, "show") == 0)
		job->verb = VERB_SHOW;
	else if (strcmp(word, "check") == 0)
		job->verb = VERB_CHECK;
	else if (strcmp(word, "explain") == 0)
		job->verb = VERB_EXPLAIN;
	else if (strcmp(word, "report") != 0)
		return 0;
	job->args++;
	job->n_args--;
	return 0;
}

/* The built-in knowledge and the user's own; what --knowledge names comes on top. */
static void load_knowledge(struct tc_knowledge *knowledge)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char dir[4096] = "";
	struct stat st;

	tc_knowledge_init(knowledge);
	if (config && config[0] == '/')
		snprintf(dir, sizeof(dir), "%s/taskcore/knowledge.d", config);
	else if (home && home[0] == '/')
		snprintf(dir, sizeof(dir), "%s/.config/taskcore/knowledge.d", home);
	if (stat(dir, &st) == 0)
		tc_knowledge_load(knowledge, dir);
}

static void say_problems(const struct tc_knowledge *knowledge)
{
	for (size_t i = 0; i < knowledge->n_problems; i++)
		fprintf(stderr, "taskcore-analyze: %s; this file is left out\n",
			knowledge->problems[i].text);
}

/* Needs no file, and so no child. */
static int explain(const struct job *job)
{
	struct tc_out out;
	int status = EXIT_DONE;

	if (job->n_args == 0)
		return usage_error("explain: name a kind, for example blocked-loop.sleep", NULL);
	tc_out_init(&out, STDOUT_FILENO, false);
	for (int i = 0; i < job->n_args && status == EXIT_DONE; i++)
		if (!tc_explain(job->args[i], &out, page_width()))
			status = usage_error("explain: this version finds no such kind",
					     job->args[i]);
	tc_out_flush(&out);
	tc_out_deinit(&out);
	return status;
}

/* What the command line asks for; job holds the knowledge already. An exit code. */
static int run(struct job *job, int argc, char **argv)
{
	int option, index = 0, r;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":hV", options, &index)) != -1) {
		if (option == '?' || option == ':')
			return wrong_option(option, argv);
		r = take_option(job, option, index);
		if (r)
			return r < 0 ? EXIT_DONE : r;
	}
	job->args = argv + optind;
	job->n_args = argc - optind;
	r = take_verb(job);
	if (r)
		return r;
	if (job->fail_on && job->verb != VERB_REPORT)
		return usage_error("--fail-on is an option of report", NULL);
	if (job->verb == VERB_EXPLAIN)
		return explain(job);
	if (job->n_args == 0)
		return usage_error("no file given", NULL);
	if (job->verb == VERB_SHOW && job->n_args < 2)
		return usage_error("show: name the items, for example T1, L1 or a task's name",
				   NULL);
	if ((r = take_input(job)))
		return r;
	job->options.width = page_width();
	job->options.color = use_color(job->color);
	say_problems(&job->knowledge);
	return run_child(job);
}

int main(int argc, char **argv)
{
	struct job job = { .color = "auto", .format = &renderers[0] };

	load_knowledge(&job.knowledge);
	int r = run(&job, argc, argv);
	tc_knowledge_deinit(&job.knowledge);
	return r;
}
