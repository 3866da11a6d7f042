/* SPDX-License-Identifier: Apache-2.0
 * chain_cases NAME [ARGUMENT]: programs that use signals, one case each; with the chain's test library
 * preloaded. A case prints what went wrong and ends with 1; 0: all is as it should be; 77: it cannot
 * run here. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int failed;

#define CHECK(condition)                                                   \
	do {                                                               \
		if (!(condition)) {                                        \
			printf("line %d: not %s\n", __LINE__, #condition); \
			failed = 1;                                        \
		}                                                          \
	} while (0)

/* Of the preloaded library. */
static int (*dumps)(void), (*nested)(void), (*faults)(void), (*in_front)(int sig);
static void (*guard)(int on), (*guarded_call)(void (*function)(void));

static volatile sig_atomic_t calls;
static int *volatile nowhere = (int *)8;

static void count(int sig)
{
	(void)sig;
	calls++;
}

static void set(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	if (sigaction(sig, &action, NULL) < 0)
		abort();
}

/* Is the bit of SIGUSR1 set in SigIgn of the program that is started? Ends with 1 if so, else 0. */
static char probe[4096];
#define PROBE_ARGUMENTS (char *)"chain_cases", (char *)"probe", NULL

static int run_probe(void)
{
	struct sigaction now;

	return sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static char *clean_env[] = { NULL };

static void start_by(const char *how)
{
	char *argv[] = { PROBE_ARGUMENTS };

	if (!strcmp(how, "execve"))
		execve(probe, argv, clean_env);
	else if (!strcmp(how, "execv"))
		execv(probe, argv);
	else if (!strcmp(how, "execvp"))
		execvp(probe, argv);
	else if (!strcmp(how, "execvpe"))
		execvpe(probe, argv, clean_env);
	else if (!strcmp(how, "execl"))
		execl(probe, PROBE_ARGUMENTS);
	else if (!strcmp(how, "execlp"))
		execlp(probe, PROBE_ARGUMENTS);
	else if (!strcmp(how, "execle"))
		execle(probe, PROBE_ARGUMENTS, clean_env);
	else if (!strcmp(how, "execveat"))
		execveat(AT_FDCWD, probe, argv, clean_env, 0);
	else if (!strcmp(how, "fexecve"))
		fexecve(open(probe, O_RDONLY | O_CLOEXEC), argv, clean_env);
}

static int status_of(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + status;
}

/* Start the probe; its answer. */
static int ask(const char *how, bool vforked)
{
	char *argv[] = { PROBE_ARGUMENTS }, command[5000];
	pid_t pid;

	snprintf(command, sizeof(command), "exec '%s' probe", probe);
	if (!strcmp(how, "posix_spawn"))
		return posix_spawn(&pid, probe, NULL, NULL, argv, clean_env) ? -1 : status_of(pid);
	if (!strcmp(how, "posix_spawnp"))
		return posix_spawnp(&pid, probe, NULL, NULL, argv, clean_env) ? -1 : status_of(pid);
	if (!strcmp(how, "popen"))
		return WEXITSTATUS(pclose(popen(command, "r")));
	if (!strcmp(how, "system"))
		return WEXITSTATUS(system(command));
	pid = vforked ? vfork() : fork();
	if (pid == 0) {
		start_by(how);
		_exit(99);
	}
	return status_of(pid);
}

static void test_exec(void)
{
	const char *const ways[] = { "execve",	     "execv",  "execvp",   "execvpe", "execl",
				     "execlp",	     "execle", "execveat", "fexecve", "posix_spawn",
				     "posix_spawnp", "popen",  "system" };

	unsetenv("LD_PRELOAD");
	for (unsigned i = 0; i < 2 * sizeof(ways) / sizeof(ways[0]); i++) {
		const char *how = ways[i / 2];
		bool vforked = i % 2;
		for (int ignored = 0; ignored < 3; ignored++) {
			set(SIGUSR1, ignored == 0 ? SIG_DFL : ignored == 1 ? SIG_IGN : count, 0);
			int answer = ask(how, vforked);
			if (answer != (ignored == 1)) {
				printf("%s%s: %d for %d\n", how, vforked ? " vfork" : "", answer,
				       ignored);
				failed = 1;
			}
			if (in_front && !in_front(SIGUSR1)) {
				printf("%s: not in front any more\n", how);
				failed = 1;
			}
		}
	}
}

/* A program that cannot be started leaves all as it was, in a vfork child too. */
static void test_exec_fails(void)
{
	char *argv[] = { "nothing", NULL };
	pid_t pid;

	set(SIGUSR1, SIG_IGN, 0);
	CHECK(execve("/nonexistent", argv, clean_env) == -1 && errno == ENOENT);
	CHECK(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, clean_env) == ENOENT);
	pid = vfork();
	if (pid == 0) {
		execve("/nonexistent", argv, clean_env);
		execvp("nonexistent", argv);
		struct sigaction now;
		sigaction(SIGUSR1, NULL, &now);
		_exit(now.sa_handler == SIG_IGN ? 3 : 4);
	}
	CHECK(status_of(pid) == 3);
	CHECK(in_front(SIGUSR1));
	raise(SIGUSR1);
	CHECK(dumps() == 1);
}

static void test_long_list(void)
{
	unsetenv("LD_PRELOAD");
	set(SIGUSR1, SIG_IGN, 0);
#define TEN "a", "a", "a", "a", "a", "a", "a", "a", "a", "a"
	pid_t pid = vfork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit $#", "sh", TEN, TEN, TEN, TEN, TEN, TEN, TEN,
		      TEN, TEN, TEN, TEN, TEN, TEN, TEN, TEN, NULL);
		_exit(0);
	}
	CHECK(status_of(pid) == 150);
}

/* With TEST_DIE: SIG_DFL ends the process as without us, whatever it is doing. */
static sigjmp_buf back;

static void jump(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static void *raise_there(void *unused)
{
	(void)unused;
	raise(SIGUSR1);
	return NULL;
}

static void die_by(const char *how)
{
	sigset_t none, one;
	pthread_t thread;

	sigemptyset(&none);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	if (!strcmp(how, "suspend")) {
		sigprocmask(SIG_BLOCK, &one, NULL);
		raise(SIGUSR1);
		sigsuspend(&none);
	} else if (!strcmp(how, "unblock")) {
		sigprocmask(SIG_BLOCK, &one, NULL);
		raise(SIGUSR1);
		sigprocmask(SIG_UNBLOCK, &one, NULL);
	} else if (!strcmp(how, "thread")) {
		pthread_create(&thread, NULL, raise_there, NULL);
		pthread_join(thread, NULL);
	} else if (!strcmp(how, "reset")) {
		set(SIGUSR1, count, SA_RESETHAND);
		raise(SIGUSR1);
		raise(SIGUSR1);
	} else if (!strcmp(how, "vfork")) { /* the child alone */
		pid_t pid = vfork();
		if (pid == 0) {
			raise(SIGUSR1);
			_exit(0);
		}
		CHECK(status_of(pid) == 256 + SIGUSR1);
		raise(SIGUSR1);
	} else {
		raise(SIGUSR1);
	}
}

static void test_die(void)
{
	const char *const ways[] = { "raise", "suspend", "unblock", "thread", "reset", "vfork" };

	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		pid_t pid = fork();
		if (pid == 0) {
			set(SIGUSR1, SIG_DFL, 0);
			die_by(ways[i]);
			_exit(0);
		}
		int status = status_of(pid);
		if (status != 256 + SIGUSR1) {
			printf("%s: status %d\n", ways[i], status);
			failed = 1;
		}
	}
}

/* The first process of a pid namespace cannot die of it: it lives on with the hook in front. */
static void test_pid_1(void)
{
	if (unshare(CLONE_NEWPID) < 0)
		exit(77);
	pid_t pid = fork();
	if (pid == 0) {
		raise(SIGUSR1);
		raise(SIGUSR1);
		_exit(getpid() == 1 && dumps() == 2 && in_front(SIGUSR1) ? 5 : 6);
	}
	CHECK(status_of(pid) == 5);
}

/* Out of the handler by a jump: the next signals are new ones. */
static void __attribute__((noinline)) deeper(int levels)
{
	volatile char room[256];

	memset((void *)room, levels, sizeof(room));
	if (levels)
		deeper(levels - 1);
	else
		raise(SIGUSR1);
	(void)room[0];
}

static void test_jump(void)
{
	const int flags[] = { 0, SA_NODEFER, SA_ONSTACK, SA_ONSTACK | SA_NODEFER };
	stack_t stack = { .ss_size = 65536 };
	volatile int n = 0;

	stack.ss_sp = mmap(NULL, stack.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	sigaltstack(&stack, NULL);
	for (volatile int i = 0; i < 4000; i++) {
		set(SIGUSR1, jump, flags[i % 4]);
		if (!sigsetjmp(back, 1))
			deeper(i / 4 % 50);
		n++;
		CHECK(dumps() == n);
	}
	CHECK(nested() == 0);
	/* The stack of the handler that was left is gone. */
	set(SIGUSR1, jump, SA_ONSTACK);
	if (!sigsetjmp(back, 1))
		raise(SIGUSR1);
	sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL);
	munmap(stack.ss_sp, stack.ss_size);
	set(SIGUSR1, count, 0);
	raise(SIGUSR1);
	CHECK(dumps() == n + 2 && calls == 1);
}

/* What faulthandler.register(chain=True) does. */
static struct sigaction previous;
static void chained(int sig);

static void register_chained(void)
{
	struct sigaction action = { .sa_handler = chained, .sa_flags = SA_RESTART | SA_NODEFER };

	sigaction(SIGUSR1, &action, NULL);
}

static int n_chained;

static void chained(int sig)
{
	if (n_chained++ > 10)
		_exit(9); /* a loop */
	sigaction(sig, &previous, NULL);
	raise(sig);
	register_chained();
}

static void test_reraise(void)
{
	set(SIGUSR1, count, 0);
	sigaction(SIGUSR1, NULL, &previous);
	register_chained();
	for (int i = 1; i <= 5; i++) {
		raise(SIGUSR1);
		CHECK(dumps() == i && n_chained == i && calls == i && nested() == i);
	}
}

/* sigwait and signalfd see a blocked signal as they always did. */
static void test_blocked(void)
{
	sigset_t one;
	int sig = 0;

	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigprocmask(SIG_BLOCK, &one, NULL);
	kill(getpid(), SIGUSR1);
	CHECK(sigwait(&one, &sig) == 0 && sig == SIGUSR1);
	set(SIGUSR1, SIG_IGN, 0);
	kill(getpid(), SIGUSR1);
	CHECK(sigwait(&one, &sig) == 0 && sig == SIGUSR1);
	CHECK(dumps() == 0);
}

/* Guarded reads: a bad address is found, and the thread's state is as before. */
static void test_guard(void)
{
	stack_t stack = { .ss_size = 65536, .ss_sp = malloc(65536) }, after;
	struct sigaction now;

	set(SIGSEGV, count, SA_ONSTACK);
	for (int on_it = 0; on_it < 2; on_it++) {
		if (on_it)
			sigaltstack(&stack, NULL);
		set(SIGUSR1, count, SA_ONSTACK);
		guard(1);
		calls = 0;
		raise(SIGUSR1);
		guard(0);
		CHECK(faults() == on_it + 1 && calls == 1);
		sigaltstack(NULL, &after);
		CHECK(on_it ? after.ss_sp == stack.ss_sp && after.ss_flags == 0 :
			      after.ss_flags == SS_DISABLE);
	}
	sigaction(SIGSEGV, NULL, &now);
	CHECK(now.sa_handler == count && now.sa_flags & SA_ONSTACK);
	calls = 0;
	raise(SIGSEGV);
	CHECK(calls == 1);
}

/* What happens to SIGSEGV and SIGBUS while another thread's dump is guarded. */
static void segv_found(int sig)
{
	(void)sig;
	calls += 100;
	siglongjmp(back, 1);
}

static void use_segv(void)
{
	struct sigaction now;

	sigaction(SIGSEGV, NULL, &now);
	CHECK(now.sa_handler == count);
	raise(SIGSEGV); /* sent: the program's handler */
	CHECK(calls == 1);
	CHECK(signal(SIGSEGV, segv_found) == count);
	if (!sigsetjmp(back, 1))
		*nowhere = 1;
	CHECK(calls == 101);
	/* A fault of another thread must find that at once: its stack, its mask. */
	struct sigaction on_stack = { .sa_handler = segv_found, .sa_flags = SA_ONSTACK | SA_NODEFER };
	uint64_t kernel_side[4]; /* handler, flags, restorer, mask */
	sigaddset(&on_stack.sa_mask, SIGUSR2);
	CHECK(sigaction(SIGSEGV, &on_stack, &now) == 0 && now.sa_handler == segv_found);
	syscall(SYS_rt_sigaction, SIGSEGV, NULL, kernel_side, 8);
	CHECK(kernel_side[0] != (uint64_t)(uintptr_t)segv_found);
	CHECK(kernel_side[1] & SA_ONSTACK && kernel_side[1] & SA_NODEFER);
	CHECK(kernel_side[3] == 1u << (SIGUSR2 - 1));
	CHECK(sigaction(SIGSEGV, &now, NULL) == 0);
	CHECK(signal(SIGBUS, count) == SIG_DFL);
	CHECK(signal(SIGBUS, SIG_IGN) == count);
	raise(SIGBUS);
	CHECK(calls == 101);
	pid_t pid = fork(); /* the child is not guarded */
	if (pid == 0) {
		sigaction(SIGSEGV, NULL, &now);
		uint64_t kernel[4];
		syscall(SYS_rt_sigaction, SIGSEGV, NULL, kernel, 8);
		_exit(now.sa_handler == segv_found && kernel[0] == (uint64_t)(uintptr_t)segv_found ?
			      7 :
			      8);
	}
	CHECK(status_of(pid) == 7);
}

static void test_guard_shared(void)
{
	struct sigaction now;

	set(SIGSEGV, count, 0);
	guarded_call(use_segv);
	sigaction(SIGSEGV, NULL, &now);
	CHECK(now.sa_handler == segv_found && now.sa_flags & SA_RESTART);
	sigaction(SIGBUS, NULL, &now);
	CHECK(now.sa_handler == SIG_IGN);
}

/* A true fault of another's is what it is without us. */
static void fault(void)
{
	*nowhere = 1;
}

static void send_fault(void)
{
	raise(SIGSEGV);
}

static void overflow(unsigned levels)
{
	volatile char room[4096];

	memset((void *)room, 1, sizeof(room));
	if (levels)
		overflow(levels - 1);
	(void)room[0];
}

static void on_altstack(int sig)
{
	(void)sig;
	_exit(21);
}

static void *overflow_there(void *unused)
{
	stack_t stack = { .ss_size = 65536, .ss_sp = malloc(65536) };

	(void)unused;
	sigaltstack(&stack, NULL);
	overflow(100000);
	return NULL;
}

static void wait_for_overflow(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, overflow_there, NULL);
	pthread_join(thread, NULL);
}

static int status_under_guard(void (*function)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		guarded_call(function);
		_exit(0);
	}
	return status_of(pid) & ~0x80; /* with or without a core */
}

static void test_guard_faults(void)
{
	set(SIGSEGV, SIG_DFL, 0);
	CHECK(status_under_guard(fault) == 256 + SIGSEGV);
	CHECK(status_under_guard(send_fault) == 256 + SIGSEGV);
	set(SIGSEGV, SIG_IGN, 0);
	CHECK(status_under_guard(fault) == 256 + SIGSEGV);
	CHECK(status_under_guard(send_fault) == 0);
	set(SIGSEGV, on_altstack, SA_ONSTACK);
	CHECK(status_under_guard(fault) == 21);
	CHECK(status_under_guard(wait_for_overflow) == 21);
}

/* An alternate stack with no room for the kernel's frame does not kill a program that never asked for
 * handlers on it. */
static void test_small_altstack(void)
{
	unsigned long needed = getauxval(AT_MINSIGSTKSZ);
	stack_t stack = { .ss_size = 2048, .ss_sp = malloc(65536) };

	if (sigaltstack(&stack, NULL) < 0)
		exit(77);
	printf("AT_MINSIGSTKSZ is %lu\n", needed);
	raise(SIGUSR1);
	set(SIGUSR1, count, 0);
	raise(SIGUSR1);
	set(SIGUSR1, SIG_DFL, 0);
	raise(SIGUSR1);
	CHECK(dumps() == 3 && calls == 1);
}

/* Threads that set, a thread that is hit, children that are forked meanwhile. */
#define N_KINDS 5
#define N_SETTERS 3
static _Atomic int setters_end, shots, shots_set, n_torn;

static void one_shot(int sig)
{
	(void)sig;
	shots++;
}

static void ignore_it(int sig)
{
	(void)sig;
}

static void kind_of(int kind, struct sigaction *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->sa_handler = kind == 0 ? count :
			  kind == 1 ? ignore_it :
			  kind == 2 ? SIG_IGN :
			  kind == 3 ? one_shot :
				      SIG_DFL;
	ret->sa_flags = kind == 0 ? SA_RESTART :
			kind == 1 ? SA_NODEFER :
			kind == 3 ? (int)SA_RESETHAND :
				    0;
	sigaddset(&ret->sa_mask, 40 + kind);
}

static bool is_whole(const struct sigaction *action)
{
	struct sigaction kind;

	for (int i = 0; i < N_KINDS; i++) {
		kind_of(i, &kind);
		bool same = action->sa_handler == kind.sa_handler ||
			    (i == 3 && action->sa_handler == SIG_DFL);
		if (same && (action->sa_flags & ~0x04000000) == kind.sa_flags &&
		    action->sa_mask.__val[0] == kind.sa_mask.__val[0])
			return true;
	}
	return action->sa_handler == SIG_DFL && action->sa_flags == 0;
}

static void *setter(void *seed)
{
	unsigned n = (unsigned)(uintptr_t)seed;
	struct sigaction action, old;

	while (!setters_end) {
		int kind = (int)(n = n * 1103515245 + 12345) >> 16 & 7;
		if (kind >= N_KINDS)
			kind = 0;
		kind_of(kind, &action);
		if (kind == 3)
			shots_set++;
		sigaction(SIGUSR1, n & 0x100 ? NULL : &action, &old);
		if (!is_whole(&old))
			n_torn++;
		if (n & 0x100 && kind == 3)
			shots_set--;
	}
	return NULL;
}

static int child_of_storm(void)
{
	struct sigaction now;
	uint64_t kernel[4];

	alarm(60); /* a hang is an end by SIGALRM */
	int before = dumps();
	set(SIGUSR1, count, 0);
	calls = 0;
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &now);
	syscall(SYS_rt_sigaction, SIGUSR1, NULL, kernel, 8);
	return calls == 1 && dumps() == before + 1 && now.sa_handler == count && in_front(SIGUSR1) ?
		       5 :
		       6;
}

static void test_storm(void)
{
	pthread_t threads[N_SETTERS];
	struct sigaction action, kernel_side;
	uint64_t kernel[4];

	kind_of(2, &action);
	sigaction(SIGUSR1, &action, NULL);
	for (uintptr_t i = 0; i < N_SETTERS; i++)
		pthread_create(&threads[i], NULL, setter, (void *)(i + 1));
	for (int i = 0; i < 20000; i++) {
		raise(SIGUSR1);
		if (i % 100 == 0) {
			pid_t pid = fork();
			if (pid == 0)
				_exit(child_of_storm());
			CHECK(status_of(pid) == 5);
		}
	}
	setters_end = 1;
	for (int i = 0; i < N_SETTERS; i++)
		pthread_join(threads[i], NULL);
	CHECK(n_torn == 0);
	CHECK(shots <= shots_set);
	CHECK(in_front(SIGUSR1));
	kind_of(0, &action);
	sigaction(SIGUSR1, &action, NULL);
	syscall(SYS_rt_sigaction, SIGUSR1, NULL, kernel, 8);
	CHECK(kernel[3] == action.sa_mask.__val[0] && kernel[1] & SA_RESTART);
	sigaction(SIGUSR1, NULL, &kernel_side);
	CHECK(kernel_side.sa_handler == count);
	printf("%d one-shot calls of %d settings\n", (int)shots, (int)shots_set);
}

/* Spawns in several threads while the signal is ignored. */
static void *spawner(void *unused)
{
	char *argv[] = { PROBE_ARGUMENTS };
	intptr_t wrong = 0;

	(void)unused;
	for (int i = 0; i < 100; i++) {
		pid_t pid;
		if (posix_spawn(&pid, probe, NULL, NULL, argv, clean_env) || status_of(pid) != 1)
			wrong++;
	}
	return (void *)wrong;
}

static void test_spawn_storm(void)
{
	pthread_t threads[N_SETTERS];
	void *wrong;

	set(SIGUSR1, SIG_IGN, 0);
	for (int i = 0; i < N_SETTERS; i++)
		pthread_create(&threads[i], NULL, spawner, NULL);
	for (int i = 0; i < N_SETTERS; i++) {
		pthread_join(threads[i], &wrong);
		CHECK(wrong == NULL);
	}
	CHECK(in_front(SIGUSR1));
	int before = dumps();
	raise(SIGUSR1);
	CHECK(dumps() == before + 1);
}

/* A thread that starts programs is held up at any instant of that while another one starts one. */
#define N_STARTS 1000
static unsigned (*start_begin)(void);
static void (*start_end)(unsigned ignored);
static _Atomic bool is_held;

static void hold_up(int sig)
{
	(void)sig;
	is_held = true;
	usleep(100);
}

static void *start_always(void *unused)
{
	while (!setters_end)
		start_end(start_begin());
	return unused;
}

static void test_start_held_up(void)
{
	pthread_t thread;
	uint64_t kernel[4];

	start_begin = (unsigned (*)(void))dlsym(RTLD_DEFAULT, "test_start_begin");
	start_end = (void (*)(unsigned))dlsym(RTLD_DEFAULT, "test_start_end");
	set(SIGUSR1, SIG_IGN, 0);
	set(SIGUSR2, hold_up, 0);
	pthread_create(&thread, NULL, start_always, NULL);
	for (int i = 0; i < N_STARTS && !failed; i++) {
		is_held = false;
		pthread_kill(thread, SIGUSR2);
		while (!is_held)
			sched_yield();
		unsigned ignored = start_begin();
		usleep(200);
		syscall(SYS_rt_sigaction, SIGUSR1, NULL, kernel, 8);
		CHECK(kernel[0] == (uint64_t)(uintptr_t)SIG_IGN);
		start_end(ignored);
	}
	setters_end = 1;
	pthread_join(thread, NULL);
	CHECK(in_front(SIGUSR1));
}

/* Many children, each with its own page, a vfork first. */
static void test_forks(void)
{
	set(SIGUSR1, count, 0);
	for (int i = 0; i < 300; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			pid_t inner = vfork();
			if (inner == 0) {
				signal(SIGUSR1, SIG_DFL);
				_exit(0);
			}
			status_of(inner);
			struct sigaction now;
			sigaction(SIGUSR1, NULL, &now);
			int before = dumps();
			raise(SIGUSR1);
			_exit(now.sa_handler == count && calls == 1 && dumps() == before + 1 &&
					      in_front(SIGUSR1) ?
				      5 :
				      6);
		}
		CHECK(status_of(pid) == 5);
	}
}

/* errno, mask and the floating-point control words are what they were. */
static void test_state(void)
{
	uint64_t mask[2];
	unsigned mxcsr[2];
	unsigned short control[2];

	guard(1);
	set(SIGUSR1, SIG_IGN, 0);
	errno = 1234;
	for (int i = 0; i < 2; i++) {
		syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask[i], 8);
		__asm__ volatile("stmxcsr %0" : "=m"(mxcsr[i]));
		__asm__ volatile("fnstcw %0" : "=m"(control[i]));
		if (i == 0)
			syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
	}
	CHECK(errno == 1234 && mask[0] == mask[1] && mxcsr[0] == mxcsr[1] &&
	      control[0] == control[1]);
	CHECK(dumps() == 1);
}

/* Unwinders pass through our frames: from the program's handler to the code that was interrupted. */
static volatile int n_frames_of_caller; /* syscall is declared as one that calls nothing of ours */
#define RAISER_BYTES 128		/* it has no more */
static void __attribute__((noinline)) raiser(void);

static void look_back(int sig)
{
	void *frames[64];
	int n = backtrace(frames, 64);

	(void)sig;
	calls++;
	for (int i = 1; i < n; i++) /* 0 is this function */
		if ((size_t)((char *)frames[i] - (char *)raiser) < RAISER_BYTES)
			n_frames_of_caller++;
}

static void __attribute__((noinline)) raiser(void)
{
	syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
	__asm__ volatile("");
}

static void test_backtrace(void)
{
	void *frames[4];

	backtrace(frames, 4); /* it loads a library at its first call */
	set(SIGUSR1, look_back, 0);
	for (int i = 1; i <= 3; i++) {
		raiser();
		CHECK(n_frames_of_caller == i && calls == i);
	}
}

/* A thread ends in the handler: by pthread_exit, by being cancelled. */
static _Atomic int n_cleaned;

static void clean(void *unused)
{
	(void)unused;
	n_cleaned++;
}

static void end_thread(int sig)
{
	(void)sig;
	calls++;
	if (calls % 2)
		pthread_exit(NULL);
	pthread_cancel(pthread_self());
	pthread_testcancel();
}

static void *hit_thread(void *unused)
{
	(void)unused;
	pthread_cleanup_push(clean, NULL);
	raiser();
	pthread_cleanup_pop(0);
	return NULL;
}

static void test_cancel(void)
{
	pthread_t thread;

	set(SIGUSR1, end_thread, 0);
	for (int i = 1; i <= 100; i++) {
		pthread_create(&thread, NULL, hit_thread, NULL);
		pthread_join(thread, NULL);
		CHECK(calls == i && n_cleaned == i && dumps() == i && nested() == 0);
	}
}

/* With the whole hook: what its entry takes of the stack it comes on, beside the kernel's frame. It must leave an
 * alternate stack of the smallest size alone (ENTRY_BYTES of dumper/hook_names.c). */
static size_t stack_used(stack_t *stack, int sig)
{
	unsigned char *bytes = stack->ss_sp;
	size_t untouched = 0;

	memset(bytes, 0xa5, stack->ss_size);
	raise(sig);
	while (untouched < stack->ss_size && bytes[untouched] == 0xa5)
		untouched++;
	return stack->ss_size - untouched;
}

static void test_entry_stack(void)
{
	stack_t stack = { .ss_size = 131072, .ss_sp = malloc(131072) };
	void *python = dlopen("libpython3.11.so.1.0", RTLD_NOW | RTLD_GLOBAL);

	if (!python)
		exit(77);
	((void (*)(int))dlsym(python, "Py_InitializeEx"))(0);
	sigaltstack(&stack, NULL);
	set(SIGUSR2, count, SA_ONSTACK);
	set(SIGUSR1, count, SA_ONSTACK);
	size_t without = stack_used(&stack, SIGUSR2), with = stack_used(&stack, SIGUSR1);
	CHECK(calls == 2);
	CHECK(with < without + 2048);
	printf("%zu bytes more than a handler without the hook\n", with - without);
}

static const struct {
	const char *name;
	void (*function)(void);
} cases[] = {
	{ "exec", test_exec },
	{ "exec-fails", test_exec_fails },
	{ "long-list", test_long_list },
	{ "die", test_die },
	{ "pid-1", test_pid_1 },
	{ "jump", test_jump },
	{ "reraise", test_reraise },
	{ "blocked", test_blocked },
	{ "guard", test_guard },
	{ "guard-shared", test_guard_shared },
	{ "guard-faults", test_guard_faults },
	{ "small-altstack", test_small_altstack },
	{ "storm", test_storm },
	{ "spawn-storm", test_spawn_storm },
	{ "start-held-up", test_start_held_up },
	{ "forks", test_forks },
	{ "state", test_state },
	{ "backtrace", test_backtrace },
	{ "cancel", test_cancel },
	{ "entry-stack", test_entry_stack },
};

static void find_library(void)
{
	dumps = (int (*)(void))dlsym(RTLD_DEFAULT, "test_dumps");
	nested = (int (*)(void))dlsym(RTLD_DEFAULT, "test_nested");
	faults = (int (*)(void))dlsym(RTLD_DEFAULT, "test_faults");
	in_front = (int (*)(int))dlsym(RTLD_DEFAULT, "test_in_front");
	guard = (void (*)(int))dlsym(RTLD_DEFAULT, "test_guard");
	guarded_call = (void (*)(void (*)(void)))dlsym(RTLD_DEFAULT, "test_guarded_call");
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "probe"))
		return run_probe();
	if (readlink("/proc/self/exe", probe, sizeof(probe) - 1) < 0)
		return 1;
	find_library();
	for (unsigned i = 0; argc > 1 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(argv[1], cases[i].name)) {
			cases[i].function();
			return failed;
		}
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		puts(cases[i].name);
	return 2;
}
