/* SPDX-License-Identifier: Apache-2.0
 * Ways for a process to crash, for tests of crash dumps: a library for ctypes, a preloaded one and,
 * of the stable ABI, an extension module of every Python (its one function is now(KIND)). Faults
 * that an instruction raises happen with known words in the registers (KNOWN), so that a core can
 * be compared with them. crash_now() returns where the kind is unknown. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096
#define MOST_THREADS 64
#define MOST_RANGES 4096

/* What crash_lab.py expects in rbx, rbp and r12 to r15. The fault follows in the same statement:
 * nothing is restored, for nobody comes back. */
#define KNOWN                                  \
	"movabs $0xb0b0b0b0b0b0b0b0, %%rbx\n\t" \
	"movabs $0xb1b1b1b1b1b1b1b1, %%rbp\n\t" \
	"movabs $0xb2b2b2b2b2b2b2b2, %%r12\n\t" \
	"movabs $0xb3b3b3b3b3b3b3b3, %%r13\n\t" \
	"movabs $0xb4b4b4b4b4b4b4b4, %%r14\n\t" \
	"movabs $0xb5b5b5b5b5b5b5b5, %%r15\n\t"
#define FAULT(instructions) __asm__ volatile(KNOWN instructions ::: "memory")

int crash_now(const char *kind);

static void by_null(void)
{
	FAULT("xor %%eax, %%eax\n\tmov 0x18(%%rax), %%eax");
}

static void by_write(void)
{
	FAULT("mov $0x2000, %%eax\n\tmovl $1, (%%rax)");
}

/* No canonical address: the kernel does not tell which it was. */
static void by_garbage(void)
{
	FAULT("movabs $0x4141414141414141, %%rax\n\tmov (%%rax), %%eax");
}

static void by_jump(void)
{
	FAULT("movabs $0x6a6a6a6a6a00, %%rax\n\tjmp *%%rax");
}

static void by_stack_pointer(void)
{
	FAULT("mov $0x5150, %%rsp\n\tpush %%rax");
}

static void by_division(void)
{
	FAULT("mov $1, %%eax\n\txor %%edx, %%edx\n\txor %%ecx, %%ecx\n\tdiv %%ecx");
}

static void by_instruction(void)
{
	FAULT("ud2");
}

/* A file that was cut behind our back. */
static void by_truncated_mapping(void)
{
	int fd = memfd_create("crash", 0);
	char *at;

	if (fd < 0 || ftruncate(fd, PAGE) < 0)
		_exit(99);
	at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED || ftruncate(fd, 0) < 0)
		_exit(99);
	__asm__ volatile(KNOWN "mov (%%rax), %%eax" ::"a"(at) : "memory");
}

static void by_abort(void)
{
	abort();
}

static char *volatile twice;

static void by_heap(void)
{
	twice = malloc(64);
	free(twice);
	free(twice); /* the C library sees it, and aborts */
}

/* Volatile: the compiler must not see what is wrong here. */
static void *(*volatile fill_memory)(void *, int, size_t) = memset;
static volatile int most_deep = INT32_MAX;

static __attribute__((noinline)) void smash(void)
{
	char room[16];

	fill_memory(room, 'x', 200);
}

static __attribute__((noinline)) int deep(int n)
{
	volatile char room[1000];

	room[n % 1000] = (char)n;
	return n == most_deep ? 0 : deep(n + 1) + room[n % 1000];
}

static void by_recursion(void)
{
	deep(0);
}

/* Signals that are sent: no instruction raises them. */
static void by_sent(int sig)
{
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig);
}

static void by_queue(void)
{
	union sigval value = { .sival_int = 4711 };

	sigqueue(getpid(), SIGBUS, value);
	pause();
}

/* For a signal from outside; "kept": with whatever lock the caller holds. */
static void by_others(void)
{
	if (write(1, "READY\n", 6) < 0)
		_exit(99);
	for (;;)
		pause();
}

/* The addresses in a line of maps; 1: it is the heap, 2: other anonymous memory, 0: neither. */
static int fillable(const char *line, char **ret_start, char **ret_end)
{
	unsigned long start, end;
	char access[8] = "", name[256] = "";

	if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &start, &end, access, name) < 3)
		return 0;
	*ret_start = (char *)start;
	*ret_end = (char *)end;
	if (strcmp(access, "rw-p") != 0)
		return 0;
	return strcmp(name, "[heap]") == 0 ? 1 : name[0] ? 0 : 2;
}

static struct {
	char *start, *end;
} ranges[MOST_RANGES];
static char text[1 << 20];

/* What lies between start and end, or below a file's data, is somebody's whom we need. */
static int needed(const char *start, const char *end)
{
	const char *here = (const char *)&start, *thread = (const char *)pthread_self();

	return (start <= here && here < end) || (start <= thread && thread < end);
}

/* Overwrites the heap: the C library's, and with all of it every anonymous mapping but this
 * thread's stack, its variables, and data of libraries. */
static void fill(int all)
{
	int fd = open("/proc/self/maps", O_RDONLY), n = 0;
	size_t used = 0;
	ssize_t got;
	char *before = NULL, *start, *end;

	while ((got = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)got;
	close(fd);
	for (char *line = text; line && *line; line = strchr(line, '\n') + 1) {
		int kind = fillable(line, &start, &end);
		if (n < MOST_RANGES && !needed(start, end) &&
		    (kind == 1 || (all && kind == 2 && start != before))) {
			ranges[n].start = start;
			ranges[n++].end = end;
		} else {
			before = end;
		}
	}
	for (int i = 0; i < n; i++)
		memset(ranges[i].start, 0xa5, (size_t)(ranges[i].end - ranges[i].start));
}

static void by_filled_heap(void)
{
	fill(0);
	by_null();
}

static void by_filled_memory(void)
{
	fill(1);
	by_null();
}

static void by_segv(void)
{
	by_sent(SIGSEGV);
}

static void by_fpe_sent(void)
{
	by_sent(SIGFPE);
}

static const struct {
	const char *name;
	void (*function)(void);
} ways[] = {
	{ "null", by_null },
	{ "write", by_write },
	{ "garbage", by_garbage },
	{ "jump", by_jump },
	{ "stack-pointer", by_stack_pointer },
	{ "division", by_division },
	{ "instruction", by_instruction },
	{ "truncated", by_truncated_mapping },
	{ "abort", by_abort },
	{ "heap", by_heap },
	{ "smash", smash },
	{ "recursion", by_recursion },
	{ "raised-segv", by_segv },
	{ "raised-fpe", by_fpe_sent },
	{ "queued", by_queue },
	{ "others", by_others },
	{ "filled-heap", by_filled_heap },
	{ "filled-memory", by_filled_memory },
};

int crash_now(const char *kind)
{
	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(kind, ways[i].name) == 0)
			ways[i].function();
	fprintf(stderr, "still here after %s\n", kind);
	return -1;
}

/* Where it crashes. */

static void *crash_there(void *kind)
{
	crash_now(kind);
	return NULL;
}

/* In a thread that Python knows nothing of. */
int crash_thread(const char *kind)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, crash_there, (void *)kind) != 0)
		return -1;
	return pthread_join(thread, NULL);
}

static pthread_barrier_t barrier;

static void *crash_together(void *kind)
{
	pthread_barrier_wait(&barrier);
	crash_now(kind);
	return NULL;
}

/* In n threads at the same moment. */
int crash_threads(const char *kind, int n)
{
	pthread_t threads[MOST_THREADS];

	if (n > MOST_THREADS || pthread_barrier_init(&barrier, NULL, (unsigned)n) != 0)
		return -1;
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, crash_together, (void *)kind) != 0)
			return -1;
	return pthread_join(threads[0], NULL);
}

static const char *kind_later;

static void on_signal(int sig)
{
	(void)sig;
	crash_now(kind_later);
}

/* In a handler of the program's for another signal; flags as for sigaction. */
int crash_in_handler(const char *kind, int flags)
{
	static char stack[1 << 16];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	kind_later = kind;
	if ((flags & SA_ONSTACK && sigaltstack(&alternate, NULL) < 0) ||
	    sigaction(SIGUSR2, &action, NULL) < 0)
		return -1;
	by_sent(SIGUSR2);
	return -1;
}

/* With the signal blocked: the kernel then ends the process whatever its handler is. */
int crash_blocked(const char *kind)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	return crash_now(kind);
}

/* In a child that has the memory of its parent, which goes on. */
int crash_vfork(const char *kind)
{
	int status = -1;
	pid_t pid = vfork();

	if (pid == 0)
		crash_now(kind);
	waitpid(pid, &status, 0);
	return status;
}

static void crash_later(void)
{
	crash_now(kind_later);
}

/* When the interpreter is gone. */
int crash_at_exit(const char *kind)
{
	kind_later = strdup(kind); /* Python frees its own */
	return atexit(crash_later);
}

/* Another thread asks for dumps all the time, while this one crashes at no moment in particular. */
static void *ask_for_dumps(void *unused)
{
	struct timespec moment = { .tv_nsec = 500000 }; /* or this one would only handle signals */

	for (;;) {
		kill(getpid(), SIGUSR1);
		nanosleep(&moment, NULL);
	}
	return unused;
}

int crash_among_dumps(const char *kind, int ask)
{
	pthread_t thread;
	struct timespec until;

	if (ask && pthread_create(&thread, NULL, ask_for_dumps, NULL) != 0)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += 20000000 + getpid() % 64 * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
		;
	return crash_now(kind);
}

/* After so many microseconds: in a thread of its own, or in whatever the first thread does then. */
static long delay_us;

static void *crash_soon(void *kind)
{
	struct timespec delay = { delay_us / 1000000, delay_us % 1000000 * 1000 };

	nanosleep(&delay, NULL);
	crash_now(kind);
	return NULL;
}

int crash_after(const char *kind, long us)
{
	pthread_t thread;

	delay_us = us;
	return pthread_create(&thread, NULL, crash_soon, strdup(kind));
}

int crash_by_timer(const char *kind, long us)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct itimerval at = { .it_value = { us / 1000000, us % 1000000 } };

	kind_later = strdup(kind);
	if (sigaction(SIGALRM, &action, NULL) < 0)
		return -1;
	return setitimer(ITIMER_REAL, &at, NULL);
}

/* A handler that mends what was wrong: the program goes on. */
static volatile int n_mended;

static void mend(int sig, siginfo_t *info, void *context)
{
	ucontext_t *at = context;

	(void)sig;
	(void)info;
	n_mended++;
	at->uc_mcontext.gregs[REG_RIP] += 2; /* the length of ud2 */
}

int crash_survived(int n)
{
	struct sigaction action = { .sa_sigaction = mend, .sa_flags = SA_SIGINFO };

	if (sigaction(SIGILL, &action, NULL) < 0)
		return -1;
	n_mended = 0;
	for (int i = 0; i < n; i++)
		__asm__ volatile("ud2" ::: "memory");
	return n_mended;
}

/* Preloaded: before there is an interpreter. */
static __attribute__((constructor)) void crash_early(void)
{
	const char *kind = getenv("CRASH_EARLY");

	if (kind)
		crash_now(kind);
}

/* The extension module, of the stable ABI (CPython, Include/object.h, Include/moduleobject.h). */

struct object {
	intptr_t refcount;
	void *type;
};

struct method {
	const char *name;
	void *(*function)(void *module, void *argument);
	int flags;
	const char *text;
};

struct module {
	struct object base;
	void *(*init)(void);
	intptr_t index;
	void *copy;
	const char *name, *text;
	intptr_t size;
	const struct method *methods;
	void *slots, *traverse, *clear, *free;
};

#define METH_O 8
#define STABLE_ABI 3

extern void *PyModule_Create2(struct module *module, int version);
extern const char *PyUnicode_AsUTF8(void *text);
extern void *PyLong_FromLong(long value);
void *PyInit_crash_module(void);

static void *now(void *module, void *kind)
{
	(void)module;
	return PyLong_FromLong(crash_now(PyUnicode_AsUTF8(kind)));
}

static const struct method methods[] = {
	{ "now", now, METH_O, NULL },
	{ NULL, NULL, 0, NULL },
};

void *PyInit_crash_module(void)
{
	static struct module module = { .base = { .refcount = 1 },
					.name = "crash_module",
					.size = -1,
					.methods = methods };

	return PyModule_Create2(&module, STABLE_ABI);
}
