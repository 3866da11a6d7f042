/* SPDX-License-Identifier: Apache-2.0
 * The settings of the hook, from the environment (docs/taskcore.1). */
#ifndef TC_HOOK_SETTINGS_H
#define TC_HOOK_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

enum tc_hook_values { TC_HOOK_VALUES_NONE, TC_HOOK_VALUES_SCALARS, TC_HOOK_VALUES_STRINGS };
enum tc_hook_freeze { TC_HOOK_FREEZE_AUTO, TC_HOOK_FREEZE_PLACE, TC_HOOK_FREEZE_SNAPSHOT };

#define TC_HOOK_PATH 4096

/* The settings: read once, and constant afterwards. */
struct tc_hook_settings {
	bool disabled;
	int signal; /* 0: none */
	/* the reason in the name of a dump that signal makes: "usr1", "rtmin+3" */
	char reason[16];
	/* for taskcore signal, for a second snapshot, and to park a thread (wire.h); 0: none was
	 * free */
	int private_signal;
	enum tc_hook_values values;
	enum tc_hook_freeze freeze;
	bool keep_newest;
	bool crash; /* fatal signals make dumps */
	bool nondumpable_full; /* record values even if the process is not dumpable */
	uint64_t max_files, max_bytes, pause_ms, budget_ms, min_interval_s;
	/* the process waits so long for the dump of a fatal signal: budget_ms, but less */
	uint64_t crash_ms;
	char dir[TC_HOOK_PATH]; /* absolute; empty: not set */
	char tmpdir[TC_HOOK_PATH];
};
extern struct tc_hook_settings tc_hook_settings;

/* Fill tc_hook_settings from the environment. A value that is not understood is named on stderr.
 * Normal context. */
void tc_hook_settings_read(char **environment);

#endif
