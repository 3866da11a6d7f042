/* SPDX-License-Identifier: Apache-2.0
 * The dump file, as constants: mirrors docs/format.md section by section. */
#ifndef TC_FORMAT_H
#define TC_FORMAT_H

#include <stdint.h>

/* 3. Notes */
#define TC_NOTE_OWNER "TaskCore"
#define TC_NOTE_OWNER_SIZE 9 /* with its terminating zero */
enum tc_note {
	TC_NOTE_HEAD = 0x54430001,
	TC_NOTE_RECORDS = 0x54430002,
	TC_NOTE_STATUS = 0x54430003,
};

/* 4. Chunk */
#define TC_FORMAT_VERSION 2

/* The interned tables; also the index into tc_chunk.base. */
enum tc_table {
	TC_TAB_STRING,
	TC_TAB_TYPE,
	TC_TAB_CODE,
	TC_TAB_SITE,
	TC_TAB_CHAIN,
	TC_TAB_CONTEXT,
	TC_TAB_LOOP,
	TC_TAB_INTERP,
	TC_N_TABLES
};

struct tc_chunk {
	uint32_t crc;		    /* CRC-32C from the next field to the end of the chunk */
	uint32_t version;	    /* TC_FORMAT_VERSION */
	uint32_t header_size;	    /* of this header, in bytes: the records begin there */
	uint32_t seq;		    /* 0 head, then 1, 2, 3 … */
	uint32_t n_records;	    /* in this chunk */
	uint32_t n_tables;	    /* of base */
	uint32_t base[TC_N_TABLES]; /* identifier of the next defined entry of each table */
};
#define TC_CHUNK_SUMMED 4u /* the checksum covers all from this offset on */
#define TC_CHUNK_BASES 24u /* offset of base */

/* 5 to 12. Record kinds */
enum tc_rec {
	TC_REC_HEAD = 1,
	TC_REC_THREAD = 2,
	TC_REC_MODULE = 3,
	TC_REC_STRING = 10,
	TC_REC_TYPE = 11,
	TC_REC_CODE = 12,
	TC_REC_SITE = 13,
	TC_REC_CHAIN = 14,
	TC_REC_CONTEXT = 15,
	TC_REC_LOOPREF = 16,
	TC_REC_INTERP = 17,
	TC_REC_FD = 18,
	TC_REC_LOOK = 19,
	TC_REC_TASK = 20,
	TC_REC_LOCALS = 21,
	TC_REC_OBJECT = 22,
	TC_REC_PYTHREAD = 23,
	TC_REC_LOOP = 24,
	TC_REC_HANDLE = 25,
	TC_REC_HOLDS = 26,
	TC_REC_REFS = 27,
	TC_REC_BYTECODE = 28,
	TC_REC_FUNCTION = 29,
	TC_REC_FAULT = 30,
	TC_REC_STATUS = 31,
	TC_REC_HEAP = 32,
	TC_REC_CRASH = 33,
};

/* 6. Tables */
enum tc_str { TC_STR_CODE, TC_STR_TASK, TC_STR_VALUE, TC_STR_ENV };

enum tc_type_flag {
	TC_TYPE_TASK = 1,   /* _asyncio.Task, asyncio.tasks._PyTask or a subclass */
	TC_TYPE_FUTURE = 2, /* a future, tasks included */
	TC_TYPE_PYTHON = 4, /* of the two above: the pure-Python implementation */
	TC_TYPE_HEAP = 8,   /* made at run time */
};

enum tc_interp_flag {
	TC_INTERP_FREE_THREADED = 1,
	TC_INTERP_DEBUG = 2,
	TC_INTERP_FINALIZING = 4,
	TC_INTERP_COLLECTING = 8,  /* a garbage collection was under way */
	TC_INTERP_NO_ASYNCIO = 16, /* asyncio was never imported */
	TC_INTERP_UNKNOWN = 32,	   /* version without a layout, or whose layout failed its probe */
};

enum tc_runtime { TC_RUNTIME_CPYTHON = 1 };

enum tc_frame {
	TC_FRAME_CORO = 1,
	TC_FRAME_GENERATOR = 2,
	TC_FRAME_ASYNCGEN = 3,
	TC_FRAME_AWAITABLE = 4,
	TC_FRAME_CALL = 5,
	TC_FRAME_NATIVE_CORO = 6,
	TC_FRAME_NATIVE_PC = 7,
	TC_FRAME_GREENLET = 8,
	TC_FRAME_TEXT = 9,
	TC_FRAME_UNKNOWN = 10,
};

/* 7. Values */
enum tc_val {
	TC_VAL_UNBOUND,
	TC_VAL_NONE,
	TC_VAL_TRUE,
	TC_VAL_FALSE,
	TC_VAL_INT,
	TC_VAL_FLOAT,
	TC_VAL_STRING,
	TC_VAL_REF,
	TC_VAL_SIZED,
	TC_VAL_WORD,
	TC_VAL_ATOM,
	/* in TC_REC_LOCALS: value n of the same chain again, n = tag - 16 below TC_SAME_MAX */
	TC_VAL_SAME = 16,
};
#define TC_SAME_MAX 112u

/* 8. Head */
enum tc_head_flag {
	TC_HEAD_HOOK = 1,	  /* written by the hook from inside */
	TC_HEAD_OUTSIDE = 2,	  /* written by taskcore dump */
	TC_HEAD_STOP = 4,	  /* --stop was asked for */
	TC_HEAD_WAS_STOPPED = 8,  /* the target was stopped before we came */
	TC_HEAD_WAS_TRACED = 16,  /* the target was traced before we came */
	TC_HEAD_LEADER_GONE = 32, /* its first thread has ended */
};

/* The feature bits of the head: a reader that finds a bit set which it does not know must refuse
 * the file. No bit is defined yet. */
#define TC_FEATURES_KNOWN 0ull

enum tc_look_flag { TC_LOOK_RAN = 1, TC_LOOK_AWAKE = 2 };

/* State of TC_REC_FD: some of net/tcp_states.h. */
enum tc_fd_state {
	TC_FD_ESTABLISHED = 1,
	TC_FD_CONNECTING = 2,
	TC_FD_SYN_RECEIVED = 3,
	TC_FD_UNCONNECTED = 7,
	TC_FD_PEER_CLOSED = 8,
	TC_FD_LAST_ACK = 9,
	TC_FD_LISTENING = 10,
	TC_FD_CLOSING = 11,
};

/* TC_REC_FD: what could not be asked. */
enum tc_fd_missing {
	TC_FD_NO_TYPE = 1,  /* the file type */
	TC_FD_NO_KIND = 2,  /* family and type of a socket */
	TC_FD_NO_LOCAL = 4, /* its own address */
	TC_FD_NO_PEER = 8,  /* its peer's address */
};

enum tc_regs { TC_REGS_NONE, TC_REGS_SYSCALL, TC_REGS_CONTEXT, TC_REGS_PTRACE };

enum tc_thread_flag {
	TC_THREAD_BLOCKS = 1,	/* it blocks the signal that asks for its registers */
	TC_THREAD_ALTSTACK = 2, /* it runs on an alternate signal stack */
	TC_THREAD_PARKED = 4,	/* it was made to stand still while its memory was read */
};

enum tc_crash_flag {
	TC_CRASH_SENT = 1,    /* a process has sent the signal; no instruction has raised it */
	TC_CRASH_ADDRESS = 2, /* the address is known */
	TC_CRASH_WRITE = 4,   /* the instruction was writing to the address */
	TC_CRASH_FETCH = 8,   /* the processor was fetching an instruction from the address */
	TC_CRASH_HANDLED = 16, /* the program has a handler of its own: it may have survived */
};

/* 9. Tasks: bits 0-1 of the flags are the state */
enum tc_task_state { TC_STATE_PENDING, TC_STATE_CANCELLED, TC_STATE_FINISHED };
#define TC_TASK_STATE_MASK 3u
enum tc_task_flag {
	TC_TASK_RUNNING = 1 << 2,
	TC_TASK_MUST_CANCEL = 1 << 3,
	TC_TASK_LOG_TB = 1 << 4,   /* its exception has not been retrieved */
	TC_TASK_BLOCKING = 1 << 5, /* asyncio_future_blocking */
	TC_TASK_EAGER = 1 << 6,	   /* found in the set of eager tasks */
	TC_TASK_TORN = 1 << 7,
	TC_TASK_CUT = 1 << 8,
	TC_TASK_PYTHON = 1 << 9,	 /* pure-Python implementation */
	TC_TASK_LAZY_NAME = 1 << 10,	 /* name is the number n of "Task-n" */
	TC_TASK_THIRD_PARTY = 1 << 11,	 /* registered, but no task type of asyncio */
	TC_TASK_ORPHAN = 1 << 12,	 /* its thread has ended */
	TC_TASK_STATE_UNKNOWN = 1 << 13, /* bits 0-1 say nothing */
	TC_TASK_NOT_STARTED = 1 << 14,	 /* its coroutine has not run yet */
	TC_TASK_NO_WAITER = 1 << 15,	 /* its waiter field is empty: it waits for no future */
	TC_TASK_SOLE = 1 << 16, /* nothing but itself refers to the future that it waits for */
};

enum tc_hold_flag {
	TC_HOLD_ASYNC = 1,    /* of an `async with` */
	TC_HOLD_INSIDE = 2,   /* another held manager holds it */
	TC_HOLD_RELEASES = 4, /* a function inside the block names `release` */
};

/* 10. Objects */
enum tc_obj_flag { TC_OBJ_CUT = 1, TC_OBJ_TORN = 2 };

enum tc_function_flag {
	TC_FUNCTION_KEPT = 1,	     /* somebody has it who need not name it to call it */
	TC_FUNCTION_FOREIGN = 2,     /* a method, and its class has a base that may call it */
	TC_FUNCTION_CONSTRUCTOR = 4, /* __init__ and its like: runs when its class is called */
	TC_FUNCTION_CUT = 8,	     /* it has more names than were read */
};

enum tc_heap_flag { TC_HEAP_WHOLE = 1 };

enum tc_refs_flag {
	TC_REFS_FRAME = 1,  /* a frame of a task, no object */
	TC_REFS_ENDED = 2,  /* of a frame: it has ended, and an exception keeps its variables */
	TC_REFS_WEAK = 4,   /* there are weak references to it too */
	TC_REFS_NAMED = 8,  /* only code uses what it refers to that names the attribute */
	TC_REFS_SPACE = 16, /* the dict of a module or class */
};

/* 11. Threads and loops */
enum tc_pythread_flag {
	TC_PYTHREAD_HOLDS_GIL = 1,
	TC_PYTHREAD_MAIN = 2,
	TC_PYTHREAD_TORN = 4, /* the frames could not be read to the end */
	TC_PYTHREAD_GIL_KNOWN = 8,
	TC_PYTHREAD_WAITS_GIL = 16, /* asleep in a futex that belongs to the GIL */
	TC_PYTHREAD_CALLS_C = 32,   /* its innermost frame is at a call of a function of C */
};

/* Records of handles of one kind for one loop; all are counted. */
#define TC_HANDLES_MAX 1000u

enum tc_loop_flag {
	TC_LOOP_CLOSED = 1,
	TC_LOOP_STOPPING = 2,
	TC_LOOP_RUNNING = 4, /* a thread has it as its running loop */
	TC_LOOP_TORN = 8,
	TC_LOOP_OWN_CLOCK = 32, /* its function time is not asyncio's */
	TC_LOOP_OPAQUE = 16,	/* its queues are not Python objects (uvloop) */
};

enum tc_handle_where { TC_HANDLE_READY, TC_HANDLE_TIMER, TC_HANDLE_READER, TC_HANDLE_WRITER };
enum tc_handle_flag { TC_HANDLE_CANCELLED = 1 };

/* 12. Status */
enum tc_status_flag {
	TC_STATUS_FROZEN =
		1, /* all is of one moment: the target stood still, or a snapshot of it was read */
	/* the target was to stand still, and did not, or not until the end */
	TC_STATUS_UNFROZEN = 2,
	TC_STATUS_CUT = 4,	/* something was left out at a bound */
	TC_STATUS_REPLACED = 8, /* the target ended or was replaced while it was read */
	TC_STATUS_NO_PYTHON = 16,
	TC_STATUS_UNKNOWN_PYTHON = 32,
	TC_STATUS_DISAGREED = 64, /* the counts still disagreed after a second try */
};

/* 13. Bounds */
#define TC_CHUNK_MAX (4u << 20)
#define TC_RECORD_MAX (1u << 20)
#define TC_STRING_MAX 65536u
#define TC_CHAIN_MAX 65536u
#define TC_NAMES_MAX 1024u
#define TC_ITEMS_MAX 10000u
#define TC_LOOK_RECORDS_MAX 1024u

#endif
