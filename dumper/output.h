/* SPDX-License-Identifier: Apache-2.0
 * The file of a dump: a temporary name until it is complete, never in place of another file. */
#ifndef TC_OUTPUT_H
#define TC_OUTPUT_H

#include "../lib/core.h"
#include "watch.h"

struct tc_output {
	int fd;
	int dir;		  /* where it is made */
	char temporary[64];	  /* name in dir */
	char name[512];		  /* name in dir when it is complete */
	char path[TC_WATCH_PATH]; /* the same as the caller may use it */
	struct tc_watch *watch;
};

/* Create the temporary file, in the directory of file, or when file is NULL in the working
 * directory under the name made of process (contract: taskcore.EXE.PID.TIME.REASON.tcore). 0 or
 * -errno; EEXIST: file exists. */
int tc_output_create(struct tc_output *out, const char *file, const struct tc_process *process,
		     struct tc_watch *watch);

/* Give it its name. 0 or -errno; then the temporary file is gone. */
int tc_output_commit(struct tc_output *out);

/* Remove the temporary file. */
void tc_output_abort(struct tc_output *out);

#endif
