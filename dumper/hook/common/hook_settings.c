/* SPDX-License-Identifier: Apache-2.0
 * Reads the hook's settings from the environment. */
#define _GNU_SOURCE
#include "dumper/hook/common/hook_settings.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dumper/hook/common/hook_say.h"

struct tc_hook_settings tc_hook_settings = {
	.signal = SIGUSR1,
	.values = TC_HOOK_VALUES_SCALARS,
	.max_files = 100,
	.max_bytes = 4ull << 30,
	.crash = true,
	.pause_ms = 100,
	.budget_ms = 30000,
	.min_interval_s = 10,
};

#define MAX_MS 1000000000u /* 11 days: no sum or product of times overflows */
#define MAX_S (MAX_MS / 1000)
/* A process that hangs cannot be started again, so its end waits no longer than that. */
#define MAX_CRASH_MS 10000u

static bool take_number(const char *value, uint64_t max, uint64_t *to)
{
	char *end;

	errno = 0;
	uint64_t number = strtoull(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno || number > max)
		return false;
	*to = number;
	return true;
}

static bool take_word(const char *value, const char *const *words, unsigned *to)
{
	for (unsigned i = 0; words[i]; i++)
		if (strcmp(value, words[i]) == 0) {
			*to = i;
			return true;
		}
	return false;
}

static bool take_flag(const char *value, const char *on, bool *to)
{
	*to = strcmp(value, on) == 0;
	return *to || !*value || strcmp(value, "0") == 0;
}

/* USR1, USR2, RTMIN+N or none, with or without "SIG" in front. */
static bool take_signal(const char *value, int *to)
{
	uint64_t n;

	if (strncmp(value, "SIG", 3) == 0)
		value += 3;
	if (strcmp(value, "none") == 0)
		*to = 0;
	else if (strcmp(value, "USR1") == 0)
		*to = SIGUSR1;
	else if (strcmp(value, "USR2") == 0)
		*to = SIGUSR2;
	else if (strncmp(value, "RTMIN+", 6) == 0 &&
		 take_number(value + 6, (uint64_t)(SIGRTMAX - SIGRTMIN), &n))
		*to = SIGRTMIN + (int)n;
	else
		return false;
	return true;
}

static void name_reason(struct tc_hook_settings *s)
{
	if (s->signal == SIGUSR1 || s->signal == SIGUSR2)
		strcpy(s->reason, s->signal == SIGUSR1 ? "usr1" : "usr2");
	else
		snprintf(s->reason, sizeof(s->reason), "rtmin+%d", s->signal - SIGRTMIN);
}

/* A directory. The path is made absolute now, because the program may change its working directory
 * later. */
static bool take_dir(const char *value, char *to)
{
	static char here[PATH_MAX]; /* too big for the stack */

	here[0] = 0;
	if (value[0] != '/' && !getcwd(here, sizeof(here)))
		return false;
	if (snprintf(to, TC_HOOK_PATH, "%s%s%s", here, value[0] == '/' ? "" : "/", value) <
	    TC_HOOK_PATH)
		return true;
	to[0] = 0; /* too long: half a path would be another directory */
	return false;
}

/* Use the variable TASKCORE_name. False: its value is not understood. Other names are ignored. */
static bool take(const char *name, const char *value)
{
	static const char *const values[] = { "none", "scalars", "strings", NULL };
	static const char *const freezes[] = { "auto", "place", "snapshot", NULL };
	static const char *const timings[] = { "off", NULL };
	static const char *const switches[] = { "off", "on", NULL };
	struct tc_hook_settings *s = &tc_hook_settings;
	const struct {
		const char *name;
		uint64_t max, *to;
	} numbers[] = {
		{ "MAX_FILES", UINT64_MAX, &s->max_files },
		{ "MAX_BYTES", UINT64_MAX, &s->max_bytes },
		{ "PAUSE_MS", MAX_MS, &s->pause_ms },
		{ "BUDGET_MS", MAX_MS, &s->budget_ms },
		{ "MIN_INTERVAL_S", MAX_S, &s->min_interval_s },
	};
	unsigned word = 0;
	bool ok = true;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(name, numbers[i].name) == 0)
			return take_number(value, numbers[i].max, numbers[i].to);
	if (strcmp(name, "DIR") == 0)
		ok = !*value || take_dir(value, s->dir);
	else if (strcmp(name, "SIGNAL") == 0)
		ok = take_signal(value, &s->signal);
	else if (strcmp(name, "VALUES") == 0 && (ok = take_word(value, values, &word)))
		s->values = (enum tc_hook_values)word;
	else if (strcmp(name, "FREEZE") == 0 && (ok = take_word(value, freezes, &word)))
		s->freeze = (enum tc_hook_freeze)word;
	else if (strcmp(name, "TIMING") == 0)
		ok = take_word(value, timings, &word);
	else if (strcmp(name, "CRASH") == 0 && (ok = take_word(value, switches, &word)))
		s->crash = word;
	else if (strcmp(name, "KEEP_NEWEST") == 0)
		ok = take_flag(value, "1", &s->keep_newest);
	else if (strcmp(name, "NONDUMPABLE") == 0)
		ok = take_flag(value, "full", &s->nondumpable_full);
	else if (strcmp(name, "DISABLE") == 0)
		ok = take_flag(value, "1", &s->disabled);
	return ok;
}

/* Of the names that this project has given out, those that do nothing yet: whoever sets one is
 * told. */
static bool is_missing(const char *name, const char *value)
{
	static const char *const names[] = { "AT_EXIT",	    "LABELS",  "RSS_MB",
					     "STACK_BYTES", "STALL_S", "TASKS" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return strcmp(name, "TIMING") == 0 && strcmp(value, "on") == 0;
}

static void complain(const char *variable, const char *why)
{
	char line[256];

	snprintf(line, sizeof(line) - 1, "taskcore: %.150s %s", variable, why);
	tc_hook_say(line);
}

void tc_hook_settings_read(char **environment)
{
	struct tc_hook_settings *s = &tc_hook_settings;

	for (char **at = environment; at && *at; at++) {
		char name[32];
		const char *variable = *at, *equals = strchr(variable, '=');
		if (!equals)
			continue;
		if (strncmp(variable, "TMPDIR=/", 8) == 0)
			snprintf(s->tmpdir, sizeof(s->tmpdir), "%s", equals + 1);
		if (strncmp(variable, "TASKCORE_", 9) != 0 ||
		    equals - variable - 9 >= (long)sizeof(name))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(equals - variable - 9), variable + 9);
		if (is_missing(name, equals + 1))
			complain(variable, "is ignored: this version does not have that yet");
		else if (!take(name, equals + 1))
			complain(variable, "is not understood: the default is used");
	}
	s->crash_ms = s->budget_ms < MAX_CRASH_MS ? s->budget_ms : MAX_CRASH_MS;
	name_reason(s);
}
