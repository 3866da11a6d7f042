/* SPDX-License-Identifier: Apache-2.0
 * The file of a dump: it has a temporary name until it is complete, and replaces another file only
 * if asked to. Not for signal handlers. */
#ifndef TC_OUTPUT_H
#define TC_OUTPUT_H

#include "lib/core/core.h"
#include "dumper/outside/watch.h"

struct tc_output {
	int fd;
	int dir;		  /* descriptor of its directory; -1: the file has no name */
	bool replace; /* a file that has its name then */
	char temporary[64];	  /* name in dir */
	char name[512];		  /* name in dir when it is complete */
	char path[TC_WATCH_PATH]; /* its path, for the caller */
	struct tc_watch *watch;
};

/* Create the temporary file, in the directory of file. file NULL: in the working directory, and the
 * name is made by tc_dump_name. 0 or -errno; -EEXIST: file exists, and may not be replaced, or is
 * no regular file. */
int tc_output_create(struct tc_output *out, const char *file, bool replace,
		     const struct tc_process *process, struct tc_watch *watch);

/* Create a file without a name, for a dump that goes to standard output: a dump is not written from
 * its beginning to its end, and a pipe can be written only so. The descriptor, or -errno. */
int tc_output_unnamed(void);

/* Let *out be the file of tc_output_unnamed. A commit then does nothing. */
void tc_output_take(struct tc_output *out, int fd, struct tc_watch *watch);

/* Copy the file of tc_output_unnamed to standard output. 0 or -errno. */
int tc_output_copy(int fd);

/* Give the file its name, and close it. 0, or -errno: then the temporary file is removed. */
int tc_output_commit(struct tc_output *out);

/* Close and remove the temporary file. */
void tc_output_abort(struct tc_output *out);

#endif
