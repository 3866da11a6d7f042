/* SPDX-License-Identifier: Apache-2.0
 * The hook in another process, as that process's /proc shows it: no access to its memory. */
#ifndef TC_HOOKED_H
#define TC_HOOKED_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What all threads of a process do with signals; bit n - 1 stands for signal n. */
struct tc_signals {
	uint64_t caught, pending; /* SigCgt and ShdPnd of /proc/PID/status */
	uint64_t blocked;	  /* in every thread: SigBlk of /proc/PID/task/TID/status */
	size_t n_threads;	  /* living ones */
	uint32_t own_pid;	  /* of the process in its own namespace */
	bool stopped;		  /* by a signal or a tracer, every thread */
	pid_t tracer;		  /* of one of its threads; 0: none */
	bool uninterruptible;	  /* every thread sleeps so */
};

/* What the hook published in the name of a mapping (dumper/hook/hook.c):
 * /memfd:taskcore:1:SIGNAL:PRIVATE:HOW:DIR, where HOW is p, i (late), v or q (an emulator) */
struct tc_hooked {
	bool here;	    /* such a mapping exists */
	int signal;	    /* that makes a dump beside what the program does with it; 0: none */
	int private_signal; /* for taskcore signal; 0: none was free */
	bool late;	    /* installed by taskcore_install(), not preloaded */
	const char *emulator; /* the program runs under this, and no dump is made; NULL: it does not */
	bool dir_unknown;   /* TASKCORE_DIR is set, but too long to be published */
	char dir[256];	    /* TASKCORE_DIR; empty: not set, or unknown */
};

#define TC_SIGNAL_BIT(sig) ((sig) ? UINT64_C(1) << ((sig)-1) : 0)

/* Look for the hook in pid. 0 (ret->here tells), -TC_EGONE, or -TC_EPERM: its maps cannot be read.
 */
int tc_hooked_find(pid_t pid, struct tc_hooked *ret);

/* What pid does with signals. 0, or -TC_EGONE: gone, or a zombie; -TC_EPERM: hidden. */
int tc_hooked_signals(pid_t pid, struct tc_signals *ret);

/* The thread of pid that waits for sig in sigwait(3) or one of its relatives, and so would take it in
 * place of the handler; 0: none does, or it cannot be seen. */
pid_t tc_hooked_waits(pid_t pid, int sig);

#define TC_HOOKED_LINE (2 * PATH_MAX + 512)

/* One line about the hook for status and doctor. False: it is there, and something is in its way. */
bool tc_hooked_describe(pid_t pid, char *line, size_t size);

#endif
