/* SPDX-License-Identifier: Apache-2.0
 * The file of a dump: a temporary name until it is complete, never in place of another file. */
#ifndef TC_OUTPUT_H
#define TC_OUTPUT_H

#include "../lib/core.h"
#include "watch.h"

struct tc_output {
	int fd;
	int dir;		  /* where it is made; -1: nowhere, it has no name */
	bool replace;		  /* what has its name then */
	char temporary[64];	  /* name in dir */
	char name[512];		  /* name in dir when it is complete */
	char path[TC_WATCH_PATH]; /* the same as the caller may use it */
	struct tc_watch *watch;
};

/* Create the temporary file, in the directory of file, or when file is NULL in the working
 * directory under the name made of process (contract: taskcore.EXE.PID.TIME.REASON.tcore). 0 or
 * -errno; EEXIST: file exists, and is not to be replaced or no regular file. */
int tc_output_create(struct tc_output *out, const char *file, bool replace,
		     const struct tc_process *process, struct tc_watch *watch);

/* A file without a name, for a dump that goes to standard output: that cannot be written here and
 * there. The descriptor, or -errno. */
int tc_output_unnamed(void);

/* Write into the file that tc_output_unnamed gave; there is nothing to commit. */
void tc_output_take(struct tc_output *out, int fd, struct tc_watch *watch);

/* Copy it to standard output. 0 or -errno. */
int tc_output_copy(int fd);

/* Give it its name. 0 or -errno; then the temporary file is gone. */
int tc_output_commit(struct tc_output *out);

/* Remove the temporary file. */
void tc_output_abort(struct tc_output *out);

#endif
