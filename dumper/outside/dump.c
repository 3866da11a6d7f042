/* SPDX-License-Identifier: Apache-2.0
 * taskcore dump, step by step: open the process, stop it if asked to, write the head, walk, let the
 * process go, write the status, give the file its name. */
#define _GNU_SOURCE
#include "dumper/outside/dump.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lib/format/crc32c.h"
#include "lib/process/look.h"
#include "lib/process/stacks.h"
#include "lib/sys/sys.h"
#include "dumper/base/exit.h"
#include "dumper/outside/fds.h"
#include "dumper/outside/output.h"
#include "lib/base/plain.h"
#include "dumper/outside/stop.h"
#include "dumper/outside/target.h"
#include "dumper/outside/unsupported.h"

/* after so long a stopped target's memory is copied, and the target let go */
#define IMAGE_AFTER_NS 10000000
#define HURRY_US 30000 /* for so long other programs may be made to wait for us */
#define SMALL_ARENA (16u << 20)
#define MAPS_ARENA (256ul << 20) /* backed as far as it is used: 100,000 mappings take 50 MB */
#define SILENCE_MS 2000 /* after so long without progress the parent gives up */

struct dump {
	const struct tc_dump_options *options;
	struct tc_watch *watch;
	struct tc_target target;
	struct tc_output out;
	struct tc_core core;
	struct tc_arena arena;
	struct tc_stop stop;
	struct tc_fds_child fds;
	uint64_t began_ns, pause_ns, stopping_ns, releasing_ns;
	bool stopped; /* we have stopped the target, and have not let it go */
	/* all that was read is of one moment: the target stood still, or a copy of that moment was
	 * read */
	bool frozen;
	struct tc_walk_result walk;
	struct tc_looks looks;
	size_t n_stacks_cut;
	uint32_t maps_crc; /* of target.maps.regions, to see whether it was overwritten */
};

static void *reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int exit_code(int code)
{
	switch (-code) {
	case TC_EPERM:
		return TC_EXIT_PERMISSION;
	case TC_EGONE:
	case TC_ETIME:
		return TC_EXIT_GONE;
	case TC_EWRITE:
	case TC_ENOPYTHON:
	case TC_EUNKNOWN:
	case TC_EPROBE:
	case TC_ESTARTING:
		return TC_EXIT_INPUT;
	default:
		return TC_EXIT_INTERNAL;
	}
}

/* End with the line that a function of target.h has left. */
static int end_target(struct dump *d, int r)
{
	if (!d->target.line[0])
		return tc_watch_end(d->watch, exit_code(r), "process %d: %s", d->options->pid,
				    tc_strcode(r));
	return tc_watch_end(d->watch, exit_code(r), "%s", d->target.line);
}

static int end_output(struct dump *d, int err)
{
	if (err == EEXIST)
		return tc_watch_end(d->watch, TC_EXIT_INPUT,
				    "%s exists already, and is left as it is (--force replaces it)",
				    d->out.path);
	return tc_watch_end(d->watch, TC_EXIT_INPUT, "cannot write %s: %s%s", d->out.path,
			    strerror(err),
			    err == EFBIG     ? " (ulimit -f)" :
			    d->options->file ? "" :
					       "; choose a place with -o FILE");
}

/* Was a Python found that cannot be walked? The dump then holds what can be read without its
 * layout. */
static bool is_unknown(int walked)
{
	return walked == -TC_EUNKNOWN || walked == -TC_EPROBE || walked == -TC_ESTARTING;
}

/* The walker calls this before each task. It is needed as a sign of progress, because most of its
 * reads make no call of the reader. */
static bool note_progress(void *watch)
{
	((struct tc_watch *)watch)->beats++;
	return false;
}

static int walk(struct dump *d)
{
	struct tc_walk_options options = {
		.give_up = note_progress,
		.context = d->watch,
		.no_locals = d->options->no_locals,
		.no_values = d->options->no_values,
		.value_strings = d->options->value_strings,
		.now_ns = tc_sys_clock_ns(CLOCK_MONOTONIC),
	};

	if (getrandom(&options.seed, sizeof(options.seed), GRND_NONBLOCK) < 0)
		options.seed = options.now_ns;
	tc_watch_step(d->watch,
		      "reading its memory (a page behind a file system that does not answer?)");
	return tc_walk(&d->target.reader.mem, &d->core.rec, &d->arena, &options, &d->walk);
}

static volatile sig_atomic_t hurries;

/* End the real-time policy. Also the handler of SIGXCPU, which the kernel sends when we had the
 * processor for HURRY_US (RLIMIT_RTTIME, setrlimit(2)). */
static void end_hurry(int sig)
{
	const struct sched_param normal = { 0 };

	(void)sig;
	if (hurries)
		sched_setscheduler(0, SCHED_OTHER, &normal);
	hurries = 0;
}

/* While the target is stopped, we should not have to wait for a processor: on a busy machine that
 * was two thirds of the pause. So we take a real-time policy; nice values do not help where
 * sessions share the processors (sched(7), autogroup). Without the right to it we go on as we are.
 * Our helper process inherits it. */
static void hurry(void)
{
	const struct sched_param first = { .sched_priority = 1 };
	struct rlimit limit;

	if (sched_getscheduler(0) != SCHED_OTHER || getrlimit(RLIMIT_RTTIME, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < HURRY_US ? limit.rlim_max : HURRY_US;
	signal(SIGXCPU, end_hurry);
	if (setrlimit(RLIMIT_RTTIME, &limit) == 0)
		hurries = sched_setscheduler(0, SCHED_RR, &first) == 0;
}

static void thaw(struct dump *d)
{
	if (!d->stopped)
		return;
	d->stopped = false;
	d->target.reader.image_at_ns = 0;
	if (!tc_stop_end(&d->stop)) {
		d->frozen = false;
		/* the target was let go before the copy was whole: what is read is proven from here
		 * on, as of any that runs */
		d->target.reader.image = false;
	}
	end_hurry(0);
	d->pause_ns += d->stop.pause_ns;
	d->stopping_ns += d->stop.stopping_ns;
	d->releasing_ns += d->stop.releasing_ns;
	d->target.reader.mem.live = !d->target.reader.image;
	/* not before: on a busy machine it would take processor time from the walk */
	tc_fds_go(&d->fds);
}

static uint32_t crc_of_maps(const struct dump *d)
{
	const struct tc_maps *maps = &d->target.maps;

	return tc_crc32c(maps->regions, maps->n_regions * sizeof(*maps->regions));
}

/* Was target.maps overwritten? It lies in the arena beside what the walk writes, and that has
 * happened once. Everything that is read depends on it, so the dump must say so. */
static void check_maps(struct dump *d)
{
	if (crc_of_maps(d) != d->maps_crc)
		tc_notices_add(&d->walk.notices,
			       "a fault in taskcore: its map of the process was overwritten during "
			       "the walk; please report it");
}

/* The walk takes long: copy what it may still need, and let the target go. A read in the middle of
 * the walk calls this, so it must take nothing from the walk's arena, where the walk may be making
 * an array longer. */
static void take_image(void *context)
{
	struct dump *d = context;
	struct tc_arena arena;
	void *memory = d->watch->released ? NULL : reserve(MAPS_ARENA);

	if (!memory)
		return;
	tc_arena_init(&arena, memory, MAPS_ARENA); /* never unmapped: this process ends soon */
	if (tc_target_read_maps(&d->target, &arena, d->watch) < 0)
		return;
	d->maps_crc = crc_of_maps(d);
	if (tc_mem_pid_image(&d->target.reader))
		thaw(d);
}

/* Stop the target if --stop is given. 0, or -TC_E… with target.line set. It is no failure if not
 * all threads stopped in time: then the target is read while it runs. */
static int freeze(struct dump *d)
{
	struct tc_mem_pid *reader = &d->target.reader;

	d->frozen = false;
	if (!d->options->stop)
		return 0;
	tc_watch_step(d->watch, "stopping its threads");
	hurry();
	int r = tc_stop_begin(&d->stop, &d->target, d->options->stop_ms, d->watch);
	if (r != 0)
		end_hurry(0);
	if (r < 0)
		return r;
	d->stopped = true;
	d->frozen = r == 0;
	reader->mem.live = !d->frozen;
	tc_mem_pid_drop(reader);
	reader->context = d;
	reader->take_image = take_image;
	reader->image_at_ns = d->frozen ? tc_sys_clock_ns(CLOCK_MONOTONIC) + IMAGE_AFTER_NS : 0;
	return 0;
}

/* Write what the other process has found out about the descriptors. */
static void put_fds(struct dump *d)
{
	char notice[TC_NOTICE_SIZE];

	tc_fds_finish(&d->fds, &d->core.rec, d->watch, notice);
	if (notice[0])
		tc_notices_add(&d->walk.notices, notice);
}

/* Did the threads of event loops run while memory was read? If a --stop did not hold, we have
 * stopped and started the threads ourselves, and nothing can be said about them. */
static void look_again(struct dump *d)
{
	struct tc_target *target = &d->target;

	tc_look_choose(&d->looks, target->threads, target->n_threads, d->walk.python.loop_tids,
		       d->walk.python.n_loop_tids, d->walk.python.loops_ready);
	for (unsigned i = 0; i < d->looks.n; i++) {
		struct tc_os_thread *thread =
			&target->threads[d->looks.at[i].thread - target->threads];
		if (!d->options->stop)
			tc_look_last(target->proc, thread);
		else if (!d->frozen)
			thread->look = TC_LOOKED_NOT;
	}
}

/* Whoever wants no values wants none that lie on stacks. */
static void choose_stacks(struct dump *d)
{
	struct tc_stack_limits limits =
		tc_stack_limits(d->options->no_values ? 0 : d->options->stack_bytes);

	d->n_stacks_cut = tc_stacks_choose(d->target.threads, d->target.n_threads, &d->target.maps,
					   0, &limits);
}

/* One try: stop (which also gives the registers for the head), write the head, walk, let go.
 * Returns the result of the walk, or that of the step that failed. */
static int attempt(struct dump *d)
{
	struct tc_mem *mem = &d->target.reader.mem;

	tc_fds_start(&d->fds, &d->target);
	int r = freeze(d);

	if (r < 0)
		return r;
	if (!d->stopped)
		tc_fds_go(&d->fds);
	choose_stacks(d);
	tc_watch_step(d->watch, "writing the head of the dump");
	r = tc_core_begin(&d->core, d->out.fd, mem, &d->target.maps, &d->target.process, &d->arena);
	bool begun = r == 0;
	d->maps_crc = crc_of_maps(d);
	if (begun)
		r = walk(d);
	thaw(d);
	check_maps(d);
	if (begun)
		put_fds(d);
	tc_stacks_note(&d->walk.notices, d->n_stacks_cut, "--stack-bytes");
	d->frozen &= !d->target.reader.image_broken;
	look_again(d);
	return r;
}

/* Once more, with an empty file and the arena as it was. Used with --stop when counts disagree:
 * memory that stands still must not contradict itself. */
static int attempt_again(struct dump *d, struct tc_arena before, struct tc_maps maps)
{
	size_t used = (size_t)(d->arena.at - before.at);

	memset(before.at, 0, used);
	d->arena = before;
	d->target.maps = maps; /* maps that take_image has read are no longer valid */
	tc_mem_pid_drop(&d->target.reader);
	if (ftruncate(d->out.fd, 0) < 0 || lseek(d->out.fd, 0, SEEK_SET) < 0) {
		d->core.sys = errno;
		return -TC_EWRITE;
	}
	return attempt(d);
}

static uint32_t status_flags(const struct dump *d, int walked)
{
	uint32_t flags = 0;

	if (d->options->stop)
		flags |= d->frozen ? TC_STATUS_FROZEN : TC_STATUS_UNFROZEN;
	if (d->target.reader.mem.lost)
		flags |= TC_STATUS_REPLACED;
	if (is_unknown(walked))
		flags |= TC_STATUS_UNKNOWN_PYTHON;
	return flags;
}

static int seal(struct dump *d, int walked)
{
	const struct tc_mem *mem = &d->target.reader.mem;

	tc_watch_step(d->watch, "watching the threads of its loops");
	tc_look_watch(d->target.proc, &d->looks, &d->watch->beats);
	tc_look_put(&d->looks, &d->core.rec);
	struct tc_core_status status = {
		.walk = &d->walk,
		.flags = status_flags(d, walked),
		.pause_ns = d->pause_ns,
		.stopping_ns = d->stopping_ns,
		.releasing_ns = d->releasing_ns,
		.duration_ns = tc_sys_clock_ns(CLOCK_MONOTONIC) - d->began_ns,
		.pages_swapped = mem->pages_swapped,
		.bytes_read = mem->bytes_read,
	};

	tc_watch_step(d->watch, "writing the dump");
	return tc_core_seal(&d->core, &status);
}

/* The file is complete: give it its name, and say what is missing in it. */
static int commit(struct dump *d, int walked)
{
	int r = tc_output_commit(&d->out);

	if (r < 0)
		return end_output(d, -r);
	snprintf(d->watch->result, sizeof(d->watch->result), "%s", d->out.path);
	if (d->target.reader.mem.lost)
		return tc_watch_end(
			d->watch, TC_EXIT_GONE,
			"process %d ended, or started another program, while it was read: the dump "
			"holds what was read before",
			d->options->pid);
	char other[TC_OTHER_SIZE];
	tc_unsupported_name(walked, &d->target.reader.mem, &d->walk.python, other);
	if (other[0])
		return tc_watch_end(d->watch, TC_EXIT_INPUT,
				    "process %d runs %s, which is not supported (" TC_SUPPORTED
				    "): the dump holds its threads and modules",
				    d->options->pid, other);
	if (is_unknown(walked))
		return tc_watch_end(d->watch, TC_EXIT_INPUT,
				    "process %d: %s (%s): the dump holds its threads and modules",
				    d->options->pid, tc_strcode(walked),
				    d->walk.notices.n ? d->walk.notices.lines[0] :
							d->walk.python.layout);
	return TC_EXIT_OK;
}

static int finish(struct dump *d, int walked)
{
	bool lost = !tc_mem_pid_alive(&d->target.reader, 0);

	if (lost && d->walk.counts.read == 0) {
		tc_output_abort(&d->out);
		return tc_watch_end(
			d->watch, TC_EXIT_GONE,
			"process %d ended, or started another program, while it was read",
			d->options->pid);
	}
	if (walked == -TC_ENOPYTHON) {
		char other[TC_OTHER_SIZE];
		tc_output_abort(&d->out);
		tc_unsupported_name(walked, &d->target.reader.mem, &d->walk.python, other);
		if (other[0])
			return tc_watch_end(
				d->watch, TC_EXIT_INPUT,
				"process %d runs %s, which is not supported (" TC_SUPPORTED ")",
				d->options->pid, other);
		return tc_watch_end(d->watch, TC_EXIT_INPUT,
				    "no Python interpreter in process %d (%s)", d->options->pid,
				    d->target.exe[0] ? d->target.exe : d->target.stat.comm);
	}
	if (walked < 0 && !is_unknown(walked) && walked != -TC_EWRITE) {
		tc_output_abort(&d->out);
		return end_target(d, walked);
	}
	if (walked == -TC_EWRITE || seal(d, walked) < 0) {
		tc_output_abort(&d->out);
		return end_output(d, d->core.sys ? d->core.sys : EIO);
	}
	return commit(d, walked);
}

static int open_target(struct dump *d, uint64_t budget)
{
	int r = tc_target_open(&d->target, d->options->pid);

	if (r < 0)
		return r;
	if ((r = tc_target_read(&d->target, &d->arena, d->watch)) < 0)
		return r;
	if (d->options->stop) {
		d->target.process.flags |= TC_HEAD_STOP;
		if (d->target.tracer) {
			snprintf(d->target.line, sizeof(d->target.line),
				 "process %d is traced already (by process %d): --stop needs it "
				 "alone; without --stop it can be read",
				 d->target.pid, d->target.tracer);
			return -TC_EPERM;
		}
	}
	return tc_target_attach(&d->target, budget, &d->arena, d->watch);
}

/* In the child. */
static int job(struct tc_watch *watch, void *context)
{
	static struct dump dump; /* too big for the stack */
	struct dump *d = &dump;
	int r;

	d->options = context;
	d->watch = watch;
	d->began_ns = tc_sys_clock_ns(CLOCK_MONOTONIC);
	size_t size = (size_t)(d->options->max_memory - TC_MEM_PID_MIN);
	void *memory = reserve(size);
	if (!memory)
		return tc_watch_end(watch, TC_EXIT_INTERNAL, "no memory for the walk (%zu bytes)",
				    size);
	/* Huge pages make random access to large tables faster; but not for the part that small
	 * dumps use, where they would only take memory. */
	madvise((char *)memory + SMALL_ARENA, size - SMALL_ARENA, MADV_HUGEPAGE);
	tc_arena_init(&d->arena, memory, size);
	signal(SIGXFSZ,
	       SIG_IGN); /* a limit on the size of files makes write fail, and must not end us */
	tc_watch_step(watch, "opening /proc/PID");
	if ((r = open_target(d, d->options->max_memory)) < 0)
		return end_target(d, r);
	if (d->options->fd)
		tc_output_take(&d->out, d->options->fd, watch);
	else if ((r = tc_output_create(&d->out, d->options->file, d->options->replace,
				       &d->target.process, watch)) < 0)
		return end_output(d, -r);
	struct tc_arena before = d->arena;
	struct tc_maps maps = d->target.maps;
	r = attempt(d);
	if (d->options->stop && d->walk.counts.disagreed && !d->target.reader.mem.lost &&
	    (r == 0 || r == -TC_EWRITE))
		r = attempt_again(d, before, maps);
	return finish(d, r);
}

/* Copy the complete dump from fd to standard output. Returns the exit code. */
static int copy_out(int fd, int code)
{
	signal(SIGPIPE, SIG_IGN); /* makes write fail, so that we can say why */
	int r = tc_output_copy(fd);

	if (r < 0)
		fprintf(stderr, "taskcore: cannot write to the standard output: %s\n",
			strerror(-r));
	return r < 0 ? TC_EXIT_INPUT : code;
}

int tc_dump(const struct tc_dump_options *asked, const char **ret_path)
{
	struct tc_dump_options options = *asked;
	struct tc_watch *watch = NULL;

	*ret_path = NULL;
	if (options.file && strcmp(options.file, "-") == 0 &&
	    (options.fd = tc_output_unnamed()) < 0) {
		fprintf(stderr, "taskcore: no temporary file: %s\n", strerror(-options.fd));
		return TC_EXIT_INPUT;
	}
	int code = tc_watch_run(job, &options, SILENCE_MS, &watch);

	*ret_path = watch && watch->result[0] ? watch->result : NULL;
	if (watch && watch->line[0]) {
		tc_plain(watch->line);
		fprintf(stderr, "taskcore: %s\n", watch->line);
	}
	if (*ret_path && options.fd) {
		*ret_path = NULL;
		code = copy_out(options.fd, code);
	} else if (*ret_path) {
		puts(*ret_path);
	}
	if (options.fd)
		close(options.fd);
	return code;
}
