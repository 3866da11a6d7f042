/* SPDX-License-Identifier: Apache-2.0
 * The writer of the dump file (docs/format.md sections 1 to 3): an ELF core file, whose notes hold
 * the walker's records. It allocates nothing; everything here may run in a signal handler if the
 * reader (mem.h) may. */
#ifndef TC_CORE_H
#define TC_CORE_H

#include "lib/base/arena.h"
#include "lib/process/maps.h"
#include "lib/mem/mem.h"
#include "lib/format/record.h"
#include "lib/walk/walk.h"

#define TC_CORE_AUXV_MAX 1024
#define TC_CORE_ARGS_MAX 4096

/* A fatal signal (format.md section 8, TC_REC_CRASH). */
struct tc_crash {
	uint32_t tid, flags; /* TC_CRASH_… */
	int32_t code;
	uint64_t address, handler;
	const uint8_t *siginfo; /* TC_CORE_SIGINFO bytes, as the kernel gave them */
};
#define TC_CORE_SIGINFO 128u /* sizeof(siginfo_t): include/uapi/asm-generic/siginfo.h */

/* What the head record says about the process (format.md section 8). Strings are borrowed, never
 * NULL. */
struct tc_process {
	uint32_t pid, pid_ns, ppid, uid, gid;
	const char *reason; /* "attach", "usr1" … */
	uint32_t signal, sender_pid, sender_uid;
	uint64_t wall_ns, mono_ns, boot_ns; /* clocks when the dump began */
	uint64_t start_ns;		    /* start of the process on CLOCK_BOOTTIME */
	const char *exe;
	const char *args; /* NUL-separated */
	size_t args_size;
	const char *host, *release, *cgroup;
	uint32_t flags;			/* TC_HEAD_… */
	uint64_t max_fds; /* RLIMIT_NOFILE + 1; 0: unknown, or no limit */
	uint64_t cookie;		/* of the request that this dump answers; 0: none */
	char state;			/* letter of /proc/PID/stat */
	uint8_t auxv[TC_CORE_AUXV_MAX]; /* as /proc/PID/auxv gives it */
	size_t auxv_size;
	const struct tc_crash *crash; /* NULL: no fatal signal */
};

/* What the status record, in the last note, says (format.md section 12). */
struct tc_core_status {
	const struct tc_walk_result *walk;
	uint32_t flags; /* TC_STATUS_…; those that follow from the counts are added to them */
	uint64_t pause_ns, duration_ns;
	uint64_t pages_swapped, bytes_read;
	uint64_t stopping_ns, releasing_ns; /* parts of pause_ns; 0: not known */
};

struct tc_core {
	struct tc_sink sink;   /* first member: rec gives its chunks to it */
	struct tc_records rec; /* the walker writes its records here */
	struct tc_mem *mem;
	int fd;
	int sys;      /* errno of the write that failed */
	uint64_t at;  /* offset in the file of the next byte */
	uint8_t *out; /* TC_CORE_OUT_SIZE: bytes that are not written yet */
	size_t n_out;
	const uint8_t *head_chunk; /* in rec's buffer; valid until its next record begins */
	size_t head_size;
	uint64_t tail_phdr; /* offset of the last program header */
	uint64_t tail_at;   /* offset of the tail */
	/* to be written, ascending: core_pages.h and core_stacks.h say which */
	tc_addr *pages;
	size_t n_pages, max_pages;
	bool copied;		/* of some stacks there are copies (mem.h, kept_bytes) */
	size_t last_stack;	/* index of the thread whose copy was used last */
	struct tc_range secret; /* is written as zeros: see core_pages.h */
	size_t next_thread, next_module; /* indexes of the first that have no record yet */
};

/* Write everything up to the tail to the empty file fd: ELF header, head notes, pages. Afterwards
 * core->rec takes the walker's records. Of the threads' stacks the file
 * gets what tc_stacks_choose has set (stacks.h), nothing where it was not called. maps may be
 * NULL; about 2.5 MiB are taken from scratch, and 2 KiB for each MiB of stacks. *core must not be
 * moved, and all that was given must stay, until tc_core_seal. 0, -TC_ENOSPACE,
 * -TC_EINTERNAL, or -TC_EWRITE (core->sys has the errno). */
int tc_core_begin(struct tc_core *core, int fd, struct tc_mem *mem, const struct tc_maps *maps,
		  const struct tc_process *process, struct tc_arena *scratch);

/* Write the rest: the records that are not written yet, the status, and the size of the tail into
 * its program header. fd stays open. 0, or -TC_EWRITE (core->sys has the errno). */
int tc_core_seal(struct tc_core *core, const struct tc_core_status *status);

#endif
