/* SPDX-License-Identifier: Apache-2.0
 * altstack_cases NAME: programs with threads and alternate signal stacks, one case each. Each runs
 * with the hook and without it. Those that overflow a stack end with 0 where a handler could run;
 * "says" cases print what the program sees, which must be the same with and without; the others
 * print what went wrong and end with 1; 77: the case cannot run here. */
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWN_SIZE (128 << 10)
#define SMALL (16 << 10)
#define AUTODISARM (1 << 31) /* SS_AUTODISARM of linux/signal.h */
#define CHECK(condition)                                                \
	do {                                                            \
		if (!(condition)) {                                     \
			printf("%d: not %s\n", __LINE__, #condition);   \
			failed = 1;                                     \
		}                                                       \
	} while (0)

typedef void *thread_fn(void *);

static int failed;
extern char **environ;

static void *nothing(void *argument)
{
	return argument;
}

static int start(pthread_t *thread, thread_fn *function, void *argument, size_t stack_size,
		 bool detached)
{
	pthread_attr_t attributes;
	pthread_t unused;

	pthread_attr_init(&attributes);
	if (stack_size)
		pthread_attr_setstacksize(&attributes, stack_size);
	if (detached)
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int r = pthread_create(thread ? thread : &unused, &attributes, function, argument);
	pthread_attr_destroy(&attributes);
	return r;
}

static void *joined(thread_fn *function, void *argument, size_t stack_size)
{
	pthread_t thread;
	void *result = NULL;

	if (start(&thread, function, argument, stack_size, false) != 0)
		abort();
	pthread_join(thread, &result);
	return result;
}

static void handle(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	if (sigaction(sig, &action, NULL) < 0)
		abort();
}

static int status_of(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + status;
}

/* Overflows: the handler needs a stack. */

static void leave(int sig)
{
	char here[20000]; /* more than a stack of the smallest size has */

	(void)sig;
	memset(here, 1, sizeof(here));
	__asm__ volatile("" : : "r"(here) : "memory");
	_exit(0);
}

static volatile unsigned depth;

__attribute__((noinline)) static unsigned recurse(unsigned n)
{
	volatile char here[512];

	here[0] = (char)n;
	depth = n;
	return (depth == n ? recurse(n + 1) : 0) + (unsigned)here[0];
}

static void *overflow(void *unused)
{
	(void)unused;
	recurse(0);
	return NULL;
}

static void case_overflow_main(void)
{
	handle(SIGSEGV, leave, SA_ONSTACK);
	overflow(NULL);
}

static void case_overflow_thread(void)
{
	handle(SIGSEGV, leave, SA_ONSTACK);
	joined(overflow, NULL, 0);
	failed = 1;
}

static void case_overflow_small(void)
{
	handle(SIGSEGV, leave, SA_ONSTACK);
	joined(overflow, NULL, (size_t)sysconf(_SC_THREAD_STACK_MIN) + SMALL);
	failed = 1;
}

static pthread_key_t at_end_key;

static void overflow_at_end(void *unused)
{
	overflow(unused);
}

static void *set_at_end(void *unused)
{
	pthread_setspecific(at_end_key, &at_end_key);
	return unused;
}

/* In a destructor of the program, which is called after the hook's own. */
static void case_overflow_at_end(void)
{
	pthread_key_create(&at_end_key, overflow_at_end);
	handle(SIGSEGV, leave, SA_ONSTACK);
	joined(set_at_end, NULL, 0);
	failed = 1;
}

static void *disable_and_overflow(void *unused)
{
	static char own[OWN_SIZE];
	stack_t set = { .ss_sp = own, .ss_size = sizeof(own) }, none = { .ss_flags = SS_DISABLE };

	sigaltstack(&set, NULL);
	sigaltstack(&none, NULL);
	return overflow(unused);
}

/* Ours comes back when the program disables its own. */
static void case_overflow_after_own(void)
{
	handle(SIGSEGV, leave, SA_ONSTACK);
	joined(disable_and_overflow, NULL, 0);
	failed = 1;
}

static void *fork_and_overflow(void *unused)
{
	pid_t pid = fork();

	if (pid == 0)
		overflow(unused);
	failed = status_of(pid) != 0;
	return unused;
}

static void case_overflow_forked(void)
{
	handle(SIGSEGV, leave, SA_ONSTACK);
	joined(fork_and_overflow, NULL, 0);
}

static void *fork_and_start(void *unused)
{
	pid_t pid = fork();

	if (pid == 0) {
		joined(overflow, NULL, 0);
		_exit(1);
	}
	failed = status_of(pid) != 0;
	return unused;
}

static void case_overflow_forked_thread(void)
{
	handle(SIGSEGV, leave, SA_ONSTACK);
	joined(fork_and_start, NULL, 0);
}

/* What a program sees of alternate stacks. */

static char own[OWN_SIZE];

static void say(const char *what, int r, const stack_t *at)
{
	int error = errno;

	printf("%s: %d", what, r);
	if (r < 0)
		printf(" %s", strerror(error));
	else if (at)
		printf(" sp %s flags %x size %zu",
		       !at->ss_sp                       ? "NULL" :
		       at->ss_sp == (void *)(own + 512) ? "own + 512" :
		       at->ss_sp == (void *)own         ? "own" :
							  "?",
		       (unsigned)at->ss_flags, at->ss_size);
	printf("\n");
}

static void call(const char *what, const stack_t *set, bool with_old)
{
	stack_t old = { .ss_sp = (void *)1, .ss_flags = 77, .ss_size = 77 };
	int r = sigaltstack(set, with_old ? &old : NULL);

	say(what, r, with_old ? &old : NULL);
}

static void query(const char *what)
{
	call(what, NULL, true);
}

static void on_own(int sig)
{
	char here = (char)sig;
	stack_t other = { .ss_sp = own + 512, .ss_size = OWN_SIZE - 512 };

	printf("handler on own: %d\n", &here >= own && &here < own + OWN_SIZE);
	query("in the handler");
	call("set in the handler", &other, true);
	call("disable in the handler", &(stack_t){ .ss_flags = SS_DISABLE }, true);
}

static void *see(void *unused)
{
	stack_t set = { .ss_sp = own, .ss_size = OWN_SIZE }, same, bad, *volatile old = &same;
	void *wrong = (void *)8;

	query("at first");
	call("disable without one", &(stack_t){ .ss_flags = SS_DISABLE }, true);
	query("then");
	call("too small", &(stack_t){ .ss_sp = own, .ss_size = 100 }, true);
	bad = set;
	bad.ss_flags = 0x40;
	call("bad flags", &bad, true);
	say("set unreadable", sigaltstack(wrong, NULL), NULL);
	say("old not writable", sigaltstack(NULL, wrong), NULL);
	query("after errors");
	call("set", &set, true);
	query("after set");
	handle(SIGUSR2, on_own, SA_ONSTACK);
	raise(SIGUSR2);
	query("after the handler");
	say("set, old not writable", sigaltstack(&set, wrong), NULL);
	query("after that");
	call("another", &(stack_t){ .ss_sp = own + 512, .ss_size = OWN_SIZE - 512 }, true);
	same = set;
	say("old is set", sigaltstack(&same, old), &same);
	query("after that");
	set.ss_flags = AUTODISARM;
	call("autodisarm", &set, true);
	raise(SIGUSR2);
	query("after that");
	call("disable with more", &(stack_t){ .ss_flags = SS_DISABLE | AUTODISARM }, true);
	query("after that");
	call("disable", &(stack_t){ .ss_flags = SS_DISABLE, .ss_sp = own, .ss_size = 7 }, true);
	query("after disable");
	say("disable, old not writable", sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, wrong),
	    NULL);
	query("at the end");
	return unused;
}

static void *fork_and_see(void *unused)
{
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		see(unused);
		fflush(stdout);
		_exit(0);
	}
	CHECK(status_of(pid) == 0);
	return unused;
}

static void *vfork_and_see(void *unused)
{
	stack_t old;
	pid_t pid = vfork();

	if (pid == 0) {
		sigaltstack(&(stack_t){ .ss_sp = own, .ss_size = OWN_SIZE }, NULL);
		sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL);
		sigaltstack(NULL, &old);
		say("vfork child", 0, &old);
		_exit(0);
	}
	CHECK(status_of(pid) == 0);
	query("after vfork");
	return unused;
}

/* A program that takes the stack it finds in force, and gives back what was there. */
static void *save_and_restore(void *unused)
{
	stack_t old;

	sigaltstack(&(stack_t){ .ss_sp = own, .ss_size = OWN_SIZE }, &old);
	query("saved");
	call("restore", &old, true);
	query("restored");
	return unused;
}

static void case_says_altstacks(void)
{
	see(NULL);
	joined(see, NULL, 0);
	joined(see, NULL, (size_t)sysconf(_SC_THREAD_STACK_MIN) + SMALL);
	joined(fork_and_see, NULL, 0);
	joined(vfork_and_see, NULL, 0);
	joined(save_and_restore, NULL, 0);
	fork_and_see(NULL);
}

/* What a program sees of threads. */

static void *describe(void *argument)
{
	pthread_attr_t attributes;
	void *at, *frames[64];
	size_t stack_size, guard;
	int detached, found[2] = { -1, -1 };
	char name[16];

	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstack(&attributes, &at, &stack_size);
	pthread_attr_getguardsize(&attributes, &guard);
	pthread_attr_getdetachstate(&attributes, &detached);
	pthread_attr_destroy(&attributes);
	pthread_getname_np(pthread_self(), name, sizeof(name));
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &found[0]);
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &found[1]);
	printf("stack %zu guard %zu detached %d name %s\n", stack_size, guard, detached, name);
	printf("cancel %d %d frames %d\n", found[0], found[1], backtrace(frames, 64));
	return argument;
}

static void say_error(const char *what, int error)
{
	printf("%s: %s\n", what, strerror(error));
}

static void say_refusals(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	say_error("huge stack", start(&thread, nothing, NULL, (size_t)1 << 46, false));
	pthread_attr_init(&attributes);
	pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
	pthread_attr_setschedparam(&attributes, &(struct sched_param){ 0 });
	say_error("bad priority", pthread_create(&thread, &attributes, nothing, NULL));
	pthread_attr_destroy(&attributes);
}

static int n_rounds;

/* The memory of a stack of ours is given back in an earlier round than the last one: the kernel
 * must not use it any more. */
static void again(void *value)
{
	stack_t now;

	if (++n_rounds == PTHREAD_DESTRUCTOR_ITERATIONS)
		CHECK(syscall(SYS_sigaltstack, NULL, &now) == 0 && now.ss_flags == SS_DISABLE);
	pthread_setspecific(at_end_key, value);
}

static void *exit_by_call(void *argument)
{
	pthread_exit(argument);
}

static void *sleep_for_ever(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static void *cancelled(void *unused)
{
	pthread_t thread;
	void *result;

	if (start(&thread, sleep_for_ever, NULL, 0, false) != 0)
		abort();
	pthread_cancel(thread);
	pthread_join(thread, &result);
	CHECK(result == PTHREAD_CANCELED);
	return unused;
}

static void on_mask(int sig)
{
	(void)sig;
}

static void *say_mask(void *unused)
{
	sigset_t mask;

	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	printf("mask:");
	for (int i = 1; i < SIGRTMIN; i++)
		if (sigismember(&mask, i))
			printf(" %d", i);
	printf("\n");
	return unused;
}

static void case_says_threads(void)
{
	sigset_t mask;

	printf("result %d\n", joined(describe, &failed, 0) == &failed);
	printf("result %d\n", joined(describe, &failed, 300000) == &failed);
	printf("pthread_exit %d\n", joined(exit_by_call, &failed, 0) == &failed);
	cancelled(NULL);
	say_refusals();
	pthread_key_create(&at_end_key, again);
	joined(set_at_end, NULL, 0);
	printf("destructor called %d times\n", n_rounds);
	handle(SIGUSR1, on_mask, 0);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	joined(say_mask, NULL, 0);
}

/* Memory: nothing is left of threads that have ended. */

static int n_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int n = 0, c;

	while ((c = getc(maps)) != EOF)
		n += c == '\n';
	fclose(maps);
	return n;
}

static unsigned mapped_mb(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	unsigned n_pages = 0;

	CHECK(fscanf(statm, "%u", &n_pages) == 1);
	fclose(statm);
	return n_pages / 256;
}

#define N_AT_ONCE 64

static void burst(thread_fn *function, bool cancel)
{
	pthread_t threads[N_AT_ONCE];

	for (int i = 0; i < N_AT_ONCE; i++)
		CHECK(start(&threads[i], function, NULL, 64 << 10, false) == 0);
	for (int i = 0; i < N_AT_ONCE; i++) {
		if (cancel)
			pthread_cancel(threads[i]);
		pthread_join(threads[i], NULL);
	}
}

static _Atomic unsigned n_detached;

static void *count_detached(void *unused)
{
	n_detached++;
	return unused;
}

static void one_round(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		joined(i % 2 ? nothing : exit_by_call, NULL, 64 << 10);
	for (unsigned i = 0; i < 20; i++) {
		burst(nothing, false);
		burst(sleep_for_ever, true);
	}
	for (unsigned i = 0; i < n; i++) {
		while (start(NULL, count_detached, NULL, 64 << 10, true) == EAGAIN)
			sched_yield();
		while (i % N_AT_ONCE == 0 && n_detached < i)
			sched_yield();
	}
}

/* The number of threads, without the one that has ended but is not gone. */
static void settle(void)
{
	int n = 0;

	for (int i = 0; i < 2000 && n != 1; i++) {
		FILE *status = fopen("/proc/self/status", "r");
		char line[200];
		while (fgets(line, sizeof(line), status))
			sscanf(line, "Threads: %d", &n);
		fclose(status);
		usleep(1000);
	}
}

/* Kept stacks, ours and libc's, are few: 16, and 40 MB. */
static void case_maps(void)
{
	one_round(200);
	settle();
	int before = n_maps();
	unsigned mb_before = mapped_mb();

	n_detached = 0;
	one_round(10000);
	settle();
	int after = n_maps();
	printf("%d mappings, %u MB; then %d, %u MB\n", before, mb_before, after, mapped_mb());
	CHECK(after < before + 100);
	CHECK(mapped_mb() < mb_before + 50);
}

/* The end of a thread inside a handler on our stack: cancelled, by pthread_exit, by a jump. */
static sigjmp_buf jump;

static void exit_in_handler(int sig)
{
	(void)sig;
	pthread_exit(NULL);
}

static void jump_in_handler(int sig)
{
	siglongjmp(jump, sig);
}

static void *raise_once(void *unused)
{
	if (sigsetjmp(jump, 1) == 0)
		raise(SIGUSR2);
	return unused;
}

static void case_handlers(void)
{
	for (int i = 0; i < 2; i++) {
		handle(SIGUSR2, i ? jump_in_handler : exit_in_handler, SA_ONSTACK);
		for (int n = 0; n < 100; n++)
			joined(raise_once, NULL, 64 << 10);
		int before = n_maps();
		for (int n = 0; n < 1000; n++)
			joined(raise_once, NULL, 64 << 10);
		CHECK(n_maps() < before + 20);
	}
}

/* Signals on alternate stacks all the time, while threads begin and end. */
static _Atomic bool storm_ends;
static _Atomic unsigned n_storm;

static void on_storm(int sig)
{
	char here[4096];

	memset(here, sig, sizeof(here));
	__asm__ volatile("" : : "r"(here) : "memory");
	n_storm++;
}

static void *signal_all(void *unused)
{
	while (!storm_ends) {
		kill(getpid(), SIGUSR2);
		sched_yield();
	}
	return unused;
}

static void *use_own(void *unused)
{
	char *mine = malloc(OWN_SIZE);

	for (int i = 0; i < 20; i++) {
		stack_t old, set = { .ss_sp = mine, .ss_size = OWN_SIZE };
		CHECK(sigaltstack(&set, &old) == 0 && old.ss_flags == SS_DISABLE);
		raise(SIGUSR2);
		CHECK(sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, &old) == 0);
		CHECK(old.ss_sp == (void *)mine);
		raise(SIGUSR2);
	}
	free(mine);
	return unused;
}

static void case_storm(void)
{
	pthread_t sender;

	handle(SIGUSR2, on_storm, SA_ONSTACK | SA_RESTART);
	if (start(&sender, signal_all, NULL, 0, false) != 0)
		abort();
	for (int i = 0; i < 30; i++)
		burst(use_own, false);
	for (int i = 0; i < 2000; i++)
		joined(nothing, NULL, 64 << 10);
	storm_ends = true;
	pthread_join(sender, NULL);
	printf("%u signals\n", n_storm);
}

/* More threads than stacks are given to, all at once. */
static pthread_barrier_t all_there;

static void *wait_for_all(void *unused)
{
	pthread_barrier_wait(&all_there);
	return unused;
}

#define N_MANY 5000

static void case_many(void)
{
	static pthread_t threads[N_MANY];
	int n = 0, before = n_maps(), during;

	pthread_barrier_init(&all_there, NULL, N_MANY + 1);
	while (n < N_MANY && start(&threads[n], wait_for_all, NULL, 32 << 10, false) == 0)
		n++;
	if (n < N_MANY) {
		printf("only %d threads are possible\n", n);
		_exit(77);
	}
	during = n_maps();
	pthread_barrier_wait(&all_there);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("%d mappings, %d with %d threads, then %d\n", before, during, n, n_maps());
	CHECK(during < 2 * n + 2 * 4096 + 300);
	CHECK(n_maps() < before + 3000);
}

/* No memory for a stack of ours: the thread is made all the same. */
static void case_no_memory(void)
{
	static char stack[1 << 20] __attribute__((aligned(4096)));
	pthread_attr_t attributes;
	pthread_t thread;
	void *result = NULL;

	joined(nothing, NULL, 64 << 10); /* what libc loads at the first thread */
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, sizeof(stack));
	setrlimit(RLIMIT_AS, &(struct rlimit){ 1 << 20, 1 << 20 });
	CHECK(mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	CHECK(pthread_create(&thread, &attributes, nothing, &failed) == 0);
	pthread_join(thread, &result);
	CHECK(result == &failed);
}

/* posix_spawn and vfork with exec in threads. */
static void *spawn(void *unused)
{
	char *argv[] = { "true", NULL };
	pid_t pid;

	CHECK(posix_spawnp(&pid, "true", NULL, NULL, argv, environ) == 0);
	CHECK(status_of(pid) == 0);
	pid = vfork();
	if (pid == 0) {
		execvp("true", argv);
		_exit(1);
	}
	CHECK(status_of(pid) == 0);
	return unused;
}

static void case_spawn(void)
{
	for (int i = 0; i < 20; i++)
		joined(spawn, NULL, 64 << 10);
}

/* altstack_cases time N: makes and joins N threads. */
static int run_timed(unsigned n)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (unsigned i = 0; i < n; i++)
		joined(nothing, NULL, 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.3f\n", (double)(end.tv_sec - begin.tv_sec) +
				 (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
	return 0;
}

static const struct {
	const char *name;
	void (*function)(void);
} cases[] = {
	{ "overflow-main", case_overflow_main },
	{ "overflow-thread", case_overflow_thread },
	{ "overflow-small", case_overflow_small },
	{ "overflow-at-end", case_overflow_at_end },
	{ "overflow-after-own", case_overflow_after_own },
	{ "overflow-forked", case_overflow_forked },
	{ "overflow-forked-thread", case_overflow_forked_thread },
	{ "says-altstacks", case_says_altstacks },
	{ "says-threads", case_says_threads },
	{ "maps", case_maps },
	{ "handlers", case_handlers },
	{ "storm", case_storm },
	{ "many", case_many },
	{ "no-memory", case_no_memory },
	{ "spawn", case_spawn },
};

/* Threads get alternate stacks where the process counts as Python: where the program has this. */
__attribute__((visibility("default"))) int Py_IsInitialized(void);
int Py_IsInitialized(void)
{
	return 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 4096);
	if (argc > 2 && !strcmp(argv[1], "time"))
		return run_timed((unsigned)atoi(argv[2]));
	for (unsigned i = 0; argc > 1 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(argv[1], cases[i].name)) {
			cases[i].function();
			return failed;
		}
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		puts(cases[i].name);
	return 2;
}
