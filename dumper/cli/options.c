/* SPDX-License-Identifier: Apache-2.0
 * Reads options by a table: a letter by which verbs accept them, names, and what takes their
 * value. */
#define _GNU_SOURCE
#include "dumper/cli/options.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dumper/base/budget.h"
#include "lib/process/stacks.h"

#define STOP_MS 500
#define TIMEOUT_MS 30000

int tc_options_wrong(const char *format, const char *what)
{
	fprintf(stderr, "taskcore: ");
	fprintf(stderr, format, what);
	fprintf(stderr, " (taskcore --help)\n");
	return -1;
}

/* "512K", "256M", "1G" or a number of bytes; UINT64_MAX: not understood. */
static uint64_t parse_size(const char *text)
{
	char *end;
	unsigned shift = 0;
	uint64_t value = strtoull(text, &end, 10);

	if (text[0] < '0' || text[0] > '9')
		return UINT64_MAX;
	if (*end && strchr("kK", *end))
		shift = 10;
	else if (*end && strchr("mM", *end))
		shift = 20;
	else if (*end && strchr("gG", *end))
		shift = 30;
	end += shift != 0;
	return *end || value > UINT64_MAX >> 30 ? UINT64_MAX : value << shift;
}

static int take_output(struct tc_verb_options *o, const char *value)
{
	o->dump.file = value;
	return 0;
}

static int take_replace(struct tc_verb_options *o, const char *value)
{
	(void)value;
	o->dump.replace = true;
	return 0;
}

static int take_stop(struct tc_verb_options *o, const char *value)
{
	char *end;

	o->dump.stop = true;
	if (!value)
		return 0;
	long ms = strtol(value, &end, 10);
	if (*end || !*value || ms < 1 || ms > 60000)
		return tc_options_wrong("--stop takes milliseconds from 1 to 60000, not '%s'",
					value);
	o->dump.stop_ms = (unsigned)ms;
	return 0;
}

static int take_memory(struct tc_verb_options *o, const char *value)
{
	o->dump.max_memory = parse_size(value);
	if (o->dump.max_memory < TC_MEMORY_MIN || o->dump.max_memory == UINT64_MAX)
		return tc_options_wrong("--max-memory takes a size of at least 24M, not '%s'",
					value);
	return 0;
}

static int take_stack_bytes(struct tc_verb_options *o, const char *value)
{
	o->dump.stack_bytes = parse_size(value);
	if (o->dump.stack_bytes > TC_STACK_BYTES_MAX)
		return tc_options_wrong("--stack-bytes takes a size of at most 8M, not '%s'",
					value);
	return 0;
}

static int take_report(struct tc_verb_options *o, const char *value)
{
	(void)value;
	o->report = true;
	return 0;
}

static int take_values(struct tc_verb_options *o, const char *value)
{
	o->dump.no_values = strcmp(value, "none") == 0;
	o->dump.value_strings = strcmp(value, "strings") == 0;
	if (!o->dump.no_values && !o->dump.value_strings && strcmp(value, "scalars") != 0)
		return tc_options_wrong("--values takes none, scalars or strings, not '%s'", value);
	return 0;
}

static int take_no_locals(struct tc_verb_options *o, const char *value)
{
	(void)value;
	o->dump.no_locals = true;
	return 0;
}

static int take_children(struct tc_verb_options *o, const char *value)
{
	(void)value;
	o->children = true;
	return 0;
}

static int take_timeout(struct tc_verb_options *o, const char *value)
{
	char *end;
	double s = strtod(value, &end);

	if (*end || value[0] < '0' || value[0] > '9' || !(s >= 0.001 && s <= 86400))
		return tc_options_wrong("--timeout takes seconds from 0.001 to 86400, not '%s'",
					value);
	o->signal.timeout_ms = (unsigned)(s * 1000);
	return 0;
}

/* The private signal is always a real-time one; libc keeps those below 34 (musl: 35) to itself. */
static int take_force_signal(struct tc_verb_options *o, const char *value)
{
	char *end;
	long n = strtol(value, &end, 10);

	if (*end || !*value || n < 34 || n > 64)
		return tc_options_wrong("--force-signal takes a number from 34 to 64, not '%s'",
					value);
	o->signal.force_signal = (int)n;
	return 0;
}

static int take_dir(struct tc_verb_options *o, const char *value)
{
	if (!(o->signal.dir = realpath(value, NULL)))
		return tc_options_wrong("--dir takes a directory that exists, not '%s'", value);
	return 0;
}

static int take_pid(struct tc_verb_options *o, const char *value)
{
	char *end;
	long pid = strtol(value, &end, 10);

	if (*end || pid <= 0 || pid > INT_MAX || value[0] < '0' || value[0] > '9')
		return tc_options_wrong("not a process number: '%s'", value);
	if (o->n_pids == TC_PIDS_MAX)
		return tc_options_wrong("too many processes: '%s'", value);
	o->pids[o->n_pids++] = (pid_t)pid;
	return 0;
}

enum takes { NOTHING, VALUE, MAYBE }; /* MAYBE: a value only behind "=" */

static const struct row {
	char letter;
	const char *names[2];
	enum takes takes;
	int (*take)(struct tc_verb_options *o, const char *value);
} rows[] = {
	{ 'p', { "-p", "--pid" }, VALUE, take_pid },
	{ 'o', { "-o", "--output" }, VALUE, take_output },
	{ 'o', { "--force" }, NOTHING, take_replace },
	{ 's', { "--stop" }, MAYBE, take_stop },
	{ 'm', { "--max-memory" }, VALUE, take_memory },
	{ 'b', { "--stack-bytes" }, VALUE, take_stack_bytes },
	{ 'r', { "--report" }, NOTHING, take_report },
	{ 'v', { "--values" }, VALUE, take_values },
	{ 'l', { "--no-locals" }, NOTHING, take_no_locals },
	{ 'c', { "--children" }, NOTHING, take_children },
	{ 't', { "--timeout" }, VALUE, take_timeout },
	{ 'f', { "--force-signal" }, VALUE, take_force_signal },
	{ 'd', { "--dir" }, VALUE, take_dir },
};

/* Is arg this name, alone, or with its value ("--name=value", "-nvalue") at *ret_value? */
static bool is_named(const char *arg, const char *name, const char **ret_value)
{
	size_t n = name ? strlen(name) : 0;

	*ret_value = NULL;
	if (!n || strncmp(arg, name, n) != 0)
		return false;
	if (arg[n] && arg[n] != '=' && name[1] == '-')
		return false;
	if (arg[n])
		*ret_value = arg + n + (arg[n] == '=');
	return true;
}

/* Read the option at argv[*at]; *at moves to its value, if that is a word of its own. 0, or -1 with
 * a line said. */
static int read_option(struct tc_verb_options *o, char **argv, int *at, const char *accepts)
{
	const char *arg = argv[*at], *value;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		if (!strchr(accepts, row->letter) || (!is_named(arg, row->names[0], &value) &&
						      !is_named(arg, row->names[1], &value)))
			continue;
		if (value && row->takes == NOTHING)
			return tc_options_wrong("this option takes no value: '%s'", arg);
		if (!value && row->takes == VALUE && !(value = argv[++*at]))
			return tc_options_wrong("the value of '%s' is missing", arg);
		return row->take(o, value);
	}
	return tc_options_wrong("unknown option '%s'", arg);
}

int tc_options_read(struct tc_verb_options *ret, char **argv, const char *accepts, bool pids)
{
	int r = 0;

	*ret = (struct tc_verb_options){ .dump = { .stop_ms = STOP_MS,
					      .stack_bytes = TC_STACK_BYTES },
				    .signal = { .timeout_ms = TIMEOUT_MS } };
	for (int i = 0; argv[i] && r == 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return 1;
		if (argv[i][0] == '-' && argv[i][1])
			r = read_option(ret, argv, &i, accepts);
		else if (pids)
			r = take_pid(ret, argv[i]);
		else if (ret->operand)
			r = tc_options_wrong("unexpected argument: '%s'", argv[i]);
		else
			ret->operand = argv[i];
	}
	if (r == 0 && pids && !ret->n_pids)
		r = tc_options_wrong("which process? A PID is missing%s", "");
	if (pids && !ret->dump.max_memory)
		ret->dump.max_memory = tc_budget_default();
	return r;
}
