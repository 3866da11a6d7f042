/* SPDX-License-Identifier: Apache-2.0
 * The hook in another process, as /proc shows it; its memory is not read. */
#ifndef TC_HOOKED_H
#define TC_HOOKED_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a process does with signals; bit n - 1 stands for signal n. */
struct tc_signals {
	uint64_t caught, pending; /* SigCgt and ShdPnd of /proc/PID/status */
	uint64_t blocked;	  /* in every thread: SigBlk of /proc/PID/task/TID/status */
	size_t n_threads;	  /* threads that have not ended */
	uint32_t own_pid;	  /* of the process in its own namespace */
	bool stopped;		  /* by a signal or a tracer, every thread */
	pid_t tracer;		  /* of one of its threads; 0: none */
	bool uninterruptible;	  /* every thread is in uninterruptible sleep (state D) */
};

/* What the hook published in the name of a mapping (dumper/hook/hook.c):
 * /memfd:taskcore:1:SIGNAL:PRIVATE:HOW:DIR, where HOW is p, i (late), v or q (an emulator) */
struct tc_hooked {
	bool here;	    /* such a mapping exists */
	int signal;	    /* TASKCORE_SIGNAL; 0: none */
	int private_signal; /* for taskcore signal; 0: none was free */
	bool late;	    /* installed by taskcore_install(), not preloaded */
	/* "valgrind" or "qemu-user", which runs the program: then the hook makes no dump; NULL:
	 * none */
	const char *emulator;
	bool dir_unknown;   /* TASKCORE_DIR is set, but too long to be published */
	char dir[256];	    /* TASKCORE_DIR; empty: not set, or unknown */
};

#define TC_SIGNAL_BIT(sig) ((sig) ? UINT64_C(1) << ((sig)-1) : 0)

/* Look for the hook in process pid. 0: ret->here says whether it is there; -TC_EGONE; -TC_EPERM: we
 * may not read its maps. */
int tc_hooked_find(pid_t pid, struct tc_hooked *ret);

/* Find out what process pid does with signals. 0; -TC_EGONE: it has ended, or is a zombie;
 * -TC_EPERM: we may not look. */
int tc_hooked_signals(pid_t pid, struct tc_signals *ret);

/* The id of a thread of process pid that waits for sig in sigwait(3) or a function like it, and so
 * would get it instead of the handler; 0: there is none, or we cannot see it. */
pid_t tc_hooked_waits(pid_t pid, int sig);

#define TC_HOOKED_LINE (2 * PATH_MAX + 512)

/* Write a line about the hook for taskcore status and doctor; TC_HOOKED_LINE bytes are enough.
 * False: the hook is there, but cannot make a dump where it should. */
bool tc_hooked_describe(pid_t pid, char *line, size_t size);

#endif
