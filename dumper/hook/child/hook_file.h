/* SPDX-License-Identifier: Apache-2.0
 * Where a dump goes. Safe in a handler. */
#ifndef TC_HOOK_FILE_H
#define TC_HOOK_FILE_H

#include "dumper/hook/common/hook_settings.h"
#include "lib/base/strbuf.h"
#include "lib/core/dump_name.h"

struct tc_hook_dump;

struct tc_hook_file {
	int fd, dir; /* -1: not open */
	char dir_path[TC_HOOK_PATH], temporary[64], name[TC_DUMP_NAME_MAX];
};

/* Create the temporary file in the next directory where that is possible. *at is the next one, 0
 * for the first call. 0, or -ENOENT when none is left. *why, empty at first, gets "DIR: reason" of
 * the first one that could not be used. */
int tc_hook_file_create(struct tc_hook_file *file, unsigned *at, const struct tc_hook_dump *dump,
			struct tc_strbuf *why);
/* Give the file its name, and close it. 0, or -errno: then the file is removed. */
int tc_hook_file_commit(struct tc_hook_file *file, const struct tc_hook_dump *dump);
/* Remove the temporary file, if there is one, and close it. */
void tc_hook_file_abort(struct tc_hook_file *file);
/* The file was created and could not be written: put why (error: -errno) into *why, if that is
 * empty. */
void tc_hook_file_explain(const struct tc_hook_file *file, struct tc_strbuf *why, int error);

#endif
