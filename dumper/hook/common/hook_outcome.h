/* SPDX-License-Identifier: Apache-2.0
 * A request for a dump, and what comes of it. */
#ifndef TC_HOOK_OUTCOME_H
#define TC_HOOK_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "dumper/hook/common/hook_settings.h"
#include "lib/core/dump_name.h"

struct tc_arch_context;

/* A request for a dump. */
struct tc_request {
	const char *reason; /* goes into the file's name: "usr1", "request", "api" … */
	int signal;	    /* 0: not by a signal */
	uint32_t sender_pid, sender_uid;       /* 0: unknown */
	uint64_t cookie;		       /* wire.h; 0: none */
	const struct tc_arch_context *context; /* of the interrupted thread; NULL: no signal */
	/* a fatal signal: its siginfo, and the program's own handler; siginfo NULL: it is none */
	const void *siginfo;
	const void *handler;
	bool reports; /* that handler only reports: the process ends after it */
	bool dies; /* the process ends after this dump: nobody waits for it to go on */
	bool again; /* by the child of a dump whose snapshot contradicted itself: another one */
};

/* The outcome of a dump, in memory that the dumping child shares with the process. */
enum tc_outcome {
	TC_OUTCOME_RUNNING,
	/* the child asks for another snapshot, because its own contradicts itself */
	TC_OUTCOME_AGAIN,
	TC_OUTCOME_ACCEPTED, /* the process will make another one: the child may end */
	TC_OUTCOME_LEAVING,  /* the child ends without a file, because another one will be made */
	TC_OUTCOME_SEALED,   /* the dump is a file, path has its name */
	TC_OUTCOME_REFUSED   /* there is no dump, the line on stderr says why */
};
struct tc_hook_outcome {
	_Atomic uint32_t state;	   /* enum tc_outcome */
	_Atomic uint64_t pause_ns; /* 0: the process is not running again yet */
	_Atomic uint32_t n_maps;   /* how many mappings the last dump found; 0: unknown */
	/* The request of the first snapshot, for the second. */
	char reason[32];
	int signal;
	uint32_t sender_pid, sender_uid;
	uint64_t cookie;
	char path[TC_HOOK_PATH + TC_DUMP_NAME_MAX]; /* of the dump, when it is sealed */
};

#endif
