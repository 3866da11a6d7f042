/* SPDX-License-Identifier: Apache-2.0
 * blocked-loop.*: the loop's thread is inside a call that does not return. Only where it was seen
 * to be so for a quarter of a second: a short call is no hang. Where the call waits for the loop
 * itself, it is a deadlock (loop_deadlock.c). */
#include "analyzer/detect/blocked.h"
#include "analyzer/detect/words.h"
#include "analyzer/facts/descriptor.h"
#include "analyzer/facts/syscalls.h"

/* Functions of the standard library that say more than the system call. */
static const struct known_frame {
	const char *file, *function; /* function NULL: any of the file */
	enum tc_cause kind;
	const char *text;
} known_frames[] = {
	{ "subprocess.py", NULL, TC_CAUSE_BLOCKED_SUBPROCESS, "waits for a child process" },
	{ "threading.py", "join", TC_CAUSE_BLOCKED_THREAD_JOIN, "waits for a thread to end" },
	{ "threading.py", "wait", TC_CAUSE_BLOCKED_OTHER,
	  "waits to be told by another thread (an Event, Condition or Barrier of threading)" },
	{ "queue.py", NULL, TC_CAUSE_BLOCKED_THREAD_QUEUE, "waits for a queue of threads" },
	{ "concurrent/futures/_base.py", NULL, TC_CAUSE_BLOCKED_OTHER,
	  "waits for the result of another thread or process" },
	{ "socket.py", "getaddrinfo", TC_CAUSE_BLOCKED_DNS, "waits for an answer of the resolver" },
};

/* What a system call waits for, by the type of its descriptor where that counts. */
enum on { ON_ANY, ON_SOCKET, ON_PIPE, ON_FILE };

static const struct known_call {
	uint16_t number;
	enum on on;
	enum tc_cause kind;
	const char *text;
} known_calls[] = {
	{ TC_SYS_NANOSLEEP, ON_ANY, TC_CAUSE_BLOCKED_SLEEP, "sleeps" },
	{ TC_SYS_CLOCK_NANOSLEEP, ON_ANY, TC_CAUSE_BLOCKED_SLEEP, "sleeps" },
	{ TC_SYS_RECVFROM, ON_ANY, TC_CAUSE_BLOCKED_SOCKET_RECV, "waits for data from a socket" },
	{ TC_SYS_RECVMSG, ON_ANY, TC_CAUSE_BLOCKED_SOCKET_RECV, "waits for data from a socket" },
	{ TC_SYS_READ, ON_SOCKET, TC_CAUSE_BLOCKED_SOCKET_RECV, "waits for data from a socket" },
	{ TC_SYS_READ, ON_FILE, TC_CAUSE_BLOCKED_FILE_IO, "reads a file" },
	{ TC_SYS_PREAD64, ON_ANY, TC_CAUSE_BLOCKED_FILE_IO, "reads a file" },
	{ TC_SYS_READV, ON_FILE, TC_CAUSE_BLOCKED_FILE_IO, "reads a file" },
	{ TC_SYS_WRITE, ON_PIPE, TC_CAUSE_BLOCKED_PIPE_WRITE,
	  "writes to a pipe or terminal that is full" },
	{ TC_SYS_WRITEV, ON_PIPE, TC_CAUSE_BLOCKED_PIPE_WRITE,
	  "writes to a pipe or terminal that is full" },
	{ TC_SYS_WRITE, ON_FILE, TC_CAUSE_BLOCKED_FILE_IO, "writes a file" },
	{ TC_SYS_PWRITE64, ON_ANY, TC_CAUSE_BLOCKED_FILE_IO, "writes a file" },
	{ TC_SYS_WRITEV, ON_FILE, TC_CAUSE_BLOCKED_FILE_IO, "writes a file" },
	{ TC_SYS_OPEN, ON_ANY, TC_CAUSE_BLOCKED_FILE_IO, "opens a file" },
	{ TC_SYS_OPENAT, ON_ANY, TC_CAUSE_BLOCKED_FILE_IO, "opens a file" },
	{ TC_SYS_FSYNC, ON_ANY, TC_CAUSE_BLOCKED_FILE_IO, "waits for a disk" },
	{ TC_SYS_FDATASYNC, ON_ANY, TC_CAUSE_BLOCKED_FILE_IO, "waits for a disk" },
	{ TC_SYS_FLOCK, ON_ANY, TC_CAUSE_BLOCKED_FILE_IO, "waits for a lock on a file" },
	{ TC_SYS_WAIT4, ON_ANY, TC_CAUSE_BLOCKED_SUBPROCESS, "waits for a child process" },
	{ TC_SYS_WAITID, ON_ANY, TC_CAUSE_BLOCKED_SUBPROCESS, "waits for a child process" },
	{ TC_SYS_FUTEX, ON_ANY, TC_CAUSE_BLOCKED_LOCK, "waits for a lock" },
	{ TC_SYS_POLL, ON_ANY, TC_CAUSE_BLOCKED_OTHER, "waits for a descriptor in poll" },
	{ TC_SYS_PPOLL, ON_ANY, TC_CAUSE_BLOCKED_OTHER, "waits for a descriptor in poll" },
};

static bool is_on(const struct tc_fd *fd, enum on on)
{
	if (on == ON_ANY)
		return true;
	if (!fd)
		return false;
	const char *kind = tc_fd_kind(fd);
	return on == ON_SOCKET ? tc_fd_is_socket(fd) :
	       on == ON_PIPE   ? strcmp(kind, "pipe") == 0 || strcmp(kind, "device") == 0 :
				 strcmp(kind, "file") == 0;
}

static const struct known_frame *row_of(const struct tc_place *place)
{
	for (size_t i = 0; i < sizeof(known_frames) / sizeof(known_frames[0]); i++) {
		const struct known_frame *row = &known_frames[i];
		if (tc_place_is(place, row->file, row->function))
			return row;
	}
	return NULL;
}

/* Of the innermost frames, as far as they are the standard library's, the outermost one that is
 * known: Queue.get waits in a Condition. */
static const struct known_frame *by_frames(const struct tc_model *model,
					   const struct tc_thread_view *thread)
{
	const struct known_frame *found = NULL, *row;

	for (uint32_t id = thread->py ? thread->py->chain : 0; id; id = model->chains[id].parent) {
		struct tc_place place;
		tc_place_init(&place, model, id);
		if (tc_place_owner(model, place.file) != TC_OWNER_LIBRARY)
			break;
		if ((row = row_of(&place)))
			found = row;
	}
	return found;
}

/* A select without descriptors is a sleep: time.sleep up to Python 3.10. */
static bool sleeps_in_select(const struct tc_thread *os)
{
	return (os->syscall == TC_SYS_SELECT + 1u || os->syscall == TC_SYS_PSELECT6 + 1u) &&
	       (int32_t)os->args[0] == 0;
}

static const struct known_call *by_call(const struct tc_model *model, const struct tc_thread *os)
{
	static const struct known_call sleep = { TC_SYS_SELECT, ON_ANY, TC_CAUSE_BLOCKED_SLEEP,
						 "sleeps" };
	const struct tc_fd *fd = tc_model_fd(model, os->args[0]);

	if (sleeps_in_select(os))
		return &sleep;
	for (size_t i = 0; os->syscall && i < sizeof(known_calls) / sizeof(known_calls[0]); i++)
		if (os->syscall == known_calls[i].number + 1u && is_on(fd, known_calls[i].on))
			return &known_calls[i];
	return NULL;
}

static enum tc_cause classify(const struct tc_scene *scene, const struct tc_loop_view *loop,
			      const char **ret_text)
{
	const struct known_frame *frame = by_frames(scene->model, loop->thread);
	/* a thread that ran meanwhile made its call at another moment than that of its frames */
	const struct known_call *call =
		loop->moved ? NULL : by_call(scene->model, loop->thread->os);

	if (tc_blocked_computes(loop)) {
		bool native = loop->thread->py && loop->thread->py->flags & TC_PYTHREAD_CALLS_C;
		*ret_text = native ? "computes inside a function of C" : "computes";
		return native ? TC_CAUSE_BLOCKED_CPU_NATIVE : TC_CAUSE_BLOCKED_CPU;
	}
	if (tc_loops_hold_gil(scene->loops, loop->thread)) {
		*ret_text =
			"waits in native code that keeps the GIL, so that no thread of Python runs";
		return TC_CAUSE_BLOCKED_NATIVE_GIL;
	}
	*ret_text = frame ? frame->text :
		    call  ? call->text :
			    "is inside a call that does not return";
	return frame ? frame->kind : call ? call->kind : TC_CAUSE_BLOCKED_OTHER;
}

/* The thread that this one waits for, and what it does: one that it joins, or one that holds the
 * lock of threading that it wants. */
static void put_other(const struct tc_scene *scene, const struct tc_loop_view *loop,
		      struct tc_finding *finding)
{
	const struct tc_model *model = scene->model;
	const struct tc_pythread *py = loop->thread->py;
	bool timed;
	const struct tc_hold *hold = py ? tc_blocked_holder(model, py->lock) : NULL;
	const struct tc_pythread *other = hold ? &model->pythreads[hold->owner] :
					  py   ? tc_blocked_joined(model, py, &timed) :
						 NULL;
	const struct tc_thread_view *view = other ? tc_threads_of(scene->threads, other) : NULL;
	struct tc_out *line = view ? tc_finding_evidence(finding) : NULL;

	if (!line)
		return;
	tc_out_printf(line, "H%zu ", (size_t)(view - scene->threads->at) + 1);
	tc_out_str(line, hold ? "holds the lock since " : "is joined");
	tc_say_link(line, scene, hold ? tc_place_best(model, hold->place) : 0);
	tc_out_str(line, ", and is at ");
	tc_say_link(line, scene, tc_place_best(model, other->chain));
	tc_finding_waits(finding, tc_place_best(model, hold ? hold->place : other->chain));
}

static void say_why(const struct tc_loop_view *loop, struct tc_finding *finding)
{
	switch (finding->cause) {
	case TC_CAUSE_BLOCKED_SLEEP:
		finding->why = loop->held_ns ? "the loop goes on when the sleep is over; its "
					       "length is not known" :
					       "when that function returns";
		break;
	case TC_CAUSE_BLOCKED_SOCKET_RECV:
	case TC_CAUSE_BLOCKED_DNS:
		finding->why = "when an answer comes, or the socket's timeout";
		break;
	case TC_CAUSE_BLOCKED_SUBPROCESS:
		finding->why = "when the child process does what is waited for";
		break;
	case TC_CAUSE_BLOCKED_CPU:
	case TC_CAUSE_BLOCKED_CPU_NATIVE:
		finding->why = "when the computation ends";
		break;
	default:
		finding->why = "when the call returns";
	}
}

void tc_detect_blocked_loop(const struct tc_scene *scene, struct tc_findings *findings)
{
	for (size_t i = 0; i < scene->loops->n; i++) {
		const struct tc_loop_view *loop = &scene->loops->at[i];
		const char *text;
		if (!tc_blocked_is_hang(loop) || tc_detect_loop_deadlock(scene, loop, findings))
			continue;
		enum tc_cause kind = classify(scene, loop, &text);
		struct tc_finding *finding = tc_blocked_add(scene, loop, findings, kind);
		if (!finding)
			continue;
		tc_blocked_subject(scene, loop, &finding->summary);
		tc_out_str(&finding->summary, text);
		tc_out_printf(&finding->summary,
			      ", on the thread of L%u, which cannot turn meanwhile", loop->id);
		if (!loop->moved)
			put_other(scene, loop, finding);
		say_why(loop, finding);
	}
}
