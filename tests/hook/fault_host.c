/* SPDX-License-Identifier: Apache-2.0
 * A C program that embeds Python, loaded late by dlopen, and looks at itself around a dump.
 * fault_host LIBPYTHON CODE MODE: runs CODE (which leaves a loop with tasks behind), then the mode;
 * each line that begins with "bad" is a failure. Python sets no signal action in it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <immintrin.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(holds, ...)    \
	((holds) ? (void)0 : \
		   (printf("bad: " __VA_ARGS__), printf(" (line %d)\n", __LINE__), (void)n_bad++))

static int n_bad;
static volatile int n_handled;

static void raise_now(int sig)
{
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig);
}

/* The last dump is made: the next one can be. */
static void settle(void)
{
	int (*wait)(int, char *, size_t) =
		(int (*)(int, char *, size_t))dlsym(RTLD_DEFAULT, "taskcore_wait");

	CHECK(wait && wait(60000, NULL, 0) == 0, "taskcore_wait: %s", strerror(errno));
}

/* The vector registers before and after a tgkill that is handled when it returns: nothing of ours
 * runs in between. */
static __attribute__((target("avx"))) void check_avx(void)
{
	static uint8_t in[16][32] __attribute__((aligned(32))),
		out[16][32] __attribute__((aligned(32)));
	long pid = getpid(), tid = syscall(SYS_gettid), ret = SYS_tgkill;

	for (int i = 0; i < 16 * 32; i++)
		in[i / 32][i % 32] = (uint8_t)(i * 37 + 11);
#define LOAD(n) "vmovdqa " #n "*32(%[in]), %%ymm" #n "\n\t"
#define STORE(n) "vmovdqa %%ymm" #n ", " #n "*32(%[out])\n\t"
#define ALL(do)                                                                                   \
	do                                                                                        \
	(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11) do(12) do(13) do( \
		14) do(15)
	__asm__ volatile(ALL(LOAD) "syscall\n\t" ALL(STORE) "vzeroupper"
			 : "+a"(ret)
			 : [in] "r"(in), [out] "r"(out), "D"(pid), "S"(tid), "d"((long)SIGUSR1)
			 : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
			   "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
			   "xmm14", "xmm15");
	CHECK(ret == 0, "tgkill: %ld", ret);
	CHECK(memcmp(in, out, sizeof(in)) == 0, "vector registers");
}

static void check_float(void)
{
	uint16_t x87, x87_after;
	uint32_t mxcsr = _mm_getcsr() ^ 0xa040,
		 mxcsr_before = _mm_getcsr(); /* rounding, flush to zero, denormals are zero */
	long double pi;

	__asm__ volatile("fnstcw %0" : "=m"(x87));
	uint16_t other = (uint16_t)((x87 & ~0x0f00) | 0x0500); /* less precision, other rounding */
	__asm__ volatile("fldcw %0" : : "m"(other));
	_mm_setcsr(mxcsr);
	__asm__ volatile("fldpi");
	raise_now(SIGUSR1);
	__asm__ volatile("fstpt %0" : "=m"(pi));
	__asm__ volatile("fnstcw %0" : "=m"(x87_after));
	CHECK(_mm_getcsr() == mxcsr, "MXCSR %x", _mm_getcsr());
	CHECK(x87_after == other, "x87 control word %x, was %x", x87_after, other);
	_mm_setcsr(mxcsr_before);
	__asm__ volatile("fldcw %0" : : "m"(x87));
	CHECK(pi > 3.14159265L && pi < 3.14159266L, "x87 stack");
	settle();
	errno = 4321;
	raise_now(SIGUSR1);
	CHECK(errno == 4321, "errno %d", errno);
}

/* Masks, pending signals with their data, the alternate stack. */
static void check_signals(void)
{
	static uint8_t memory[65536];
	stack_t stack = { .ss_sp = memory, .ss_size = sizeof(memory) }, stack_after;
	struct timespec now = { 0, 0 };
	sigset_t some, before, after;
	siginfo_t info;

	sigaltstack(&stack, NULL);
	sigemptyset(&before);
	sigemptyset(&after);
	sigemptyset(&some);
	sigaddset(&some, SIGUSR2);
	sigaddset(&some, SIGRTMIN + 5);
	sigprocmask(SIG_SETMASK, &some, NULL);
	sigprocmask(SIG_BLOCK, NULL, &before);
	raise_now(SIGUSR2);
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN + 5, (union sigval){ .sival_int = 100 + i });
	raise_now(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &after);
	CHECK(memcmp(&before, &after, 8) == 0, "mask %lx, was %lx", *(unsigned long *)&after,
	      *(unsigned long *)&before);
	sigaltstack(NULL, &stack_after);
	CHECK(stack_after.ss_sp == stack.ss_sp && stack_after.ss_size == stack.ss_size &&
		      stack_after.ss_flags == 0,
	      "alternate stack");
	for (int i = 0; i < 3; i++)
		CHECK(sigtimedwait(&some, &info, &now) > 0 && (i == 0 || info.si_signo != SIGUSR2),
		      "a pending signal was lost");
	CHECK(sigtimedwait(&some, &info, &now) == SIGRTMIN + 5 && info.si_value.sival_int == 102,
	      "data of a pending signal");
	CHECK(sigtimedwait(&some, &info, &now) < 0, "a signal too many");
	sigprocmask(SIG_UNBLOCK, &some, NULL);
}

static void mode_state(void)
{
	for (int i = 0; i < 3; i++) {
		if (__builtin_cpu_supports("avx"))
			check_avx(), settle();
		check_float();
		settle();
		check_signals();
		settle();
	}
}

static void disturb(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	errno = 1;
	uc->uc_mcontext.fpregs->mxcsr ^= 0x0040;
	uc->uc_mcontext.fpregs->cwd ^= 0x0100;
	uc->uc_mcontext.fpregs->_xmm[0].element[0] ^= 1;
	sigaddset(&uc->uc_sigmask, SIGWINCH);
}

/* The control: a handler that does what ours must not is noticed. */
static void mode_control(void)
{
	struct sigaction action = { .sa_sigaction = disturb, .sa_flags = SA_SIGINFO };
	int expected = __builtin_cpu_supports("avx") ? 5 : 4;

	sigaction(SIGUSR1, &action, NULL);
	mode_state();
	n_bad = n_bad < 3 * expected;
}

/* Blocked in every thread: pending, taken by sigwait and by signalfd, never by a dump. */
static void mode_blocked(void)
{
	struct signalfd_siginfo info;
	struct timespec now = { 0, 0 };
	sigset_t set, pending;
	int sig = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	sigpending(&pending);
	CHECK(sigismember(&pending, SIGUSR1), "not pending");
	CHECK(sigwait(&set, &sig) == 0 && sig == SIGUSR1, "sigwait gave %d", sig);
	int fd = signalfd(-1, &set, SFD_NONBLOCK);
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_int = 77 });
	CHECK(read(fd, &info, sizeof(info)) == sizeof(info) && info.ssi_int == 77, "signalfd");
	CHECK(sigtimedwait(&set, NULL, &now) < 0, "a signal too many");
	close(fd);
	puts("blocked");
	fflush(stdout);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise_now(SIGUSR1); /* the control: unblocked it dumps */
}

static sigjmp_buf way_out;

static void jump(int sig)
{
	n_handled++;
	siglongjmp(way_out, sig);
}

/* Out of the handler by a jump, on the thread's stack and on the alternate one. */
static void mode_jump(void)
{
	static uint8_t memory[65536];
	stack_t stack = { .ss_sp = memory, .ss_size = sizeof(memory) };
	struct sigaction action = { .sa_handler = jump };

	sigaltstack(&stack, NULL);
	for (volatile int i = 0; i < 4; i++) {
		action.sa_flags = i & 1 ? SA_ONSTACK : 0;
		sigaction(SIGUSR1, &action, NULL);
		if (sigsetjmp(way_out, 1) == 0) {
			raise_now(SIGUSR1);
			CHECK(false, "the handler came back");
		}
		CHECK(n_handled == i + 1, "handled %d times", n_handled);
		settle();
	}
}

static volatile bool on_stack, in_signal, at_end;
static volatile long n_faults, n_during, n_elsewhere;
static uint8_t *alternate, *page;

static void mend(int sig, siginfo_t *info, void *context)
{
	uint8_t here, *at = &here;

	(void)sig;
	(void)info;
	(void)context;
	n_elsewhere += (at >= alternate && at < alternate + 65536) != on_stack;
	n_faults++;
	n_during += in_signal;
	mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static void *fault(void *unused)
{
	stack_t stack = { .ss_sp = alternate, .ss_size = 65536 };

	sigaltstack(&stack, NULL);
	while (!at_end) {
		mprotect(page, 4096, PROT_NONE);
		*(volatile uint8_t *)page = 1;
	}
	return unused;
}

/* A thread that has nothing but faults, and an alternate stack, which the handler wants or not.
 * Dumps until a hundred of them came during one. */
static void mode_faults(void)
{
	struct sigaction action = { .sa_sigaction = mend };
	stack_t none = { .ss_flags = SS_DISABLE };
	pthread_t thread;

	/* That of faulthandler in Python 3.8: a dump by a thread that stands on one cannot lend
	 * SA_ONSTACK to the others. */
	sigaltstack(&none, NULL);
	alternate = malloc(65536);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 2; i++) {
		on_stack = i;
		at_end = false;
		n_faults = n_during = n_elsewhere = 0;
		action.sa_flags = SA_SIGINFO | (i ? SA_ONSTACK : 0);
		sigaction(SIGSEGV, &action, NULL);
		pthread_create(&thread, NULL, fault, NULL);
		for (int n = 0; n < 4 || (n < 50 && n_during < 100); n++) {
			for (long before = n_faults; n_faults == before;)
				sched_yield();
			in_signal = true;
			raise_now(SIGUSR1);
			in_signal = false;
			settle();
		}
		at_end = true;
		pthread_join(thread, NULL);
		CHECK(n_elsewhere == 0, "%ld of %ld handlers not on the %s stack", n_elsewhere,
		      n_faults, i ? "alternate" : "own");
	}
}

/* A vfork child dies of the signal as without us, and so does nobody else. */
static void mode_vfork(void)
{
	int status = 0;
	pid_t child = vfork();

	if (child == 0) {
		raise(SIGUSR1);
		_exit(33);
	}
	CHECK(waitpid(child, &status, 0) == child, "waitpid");
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1, "the vfork child ended with %x",
	      status);
	child = fork();
	if (child == 0) {
		raise(SIGUSR1);
		poll(NULL, 0, 50);
		_exit(34);
	}
	printf("fork %d\n", child);
	CHECK(waitpid(child, &status, 0) == child, "waitpid");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 34, "the forked child ended with %x",
	      status);
	CHECK(waitpid(-1, &status, 0) < 0 && errno == ECHILD, "a child of somebody else");
	raise_now(SIGUSR1);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = { { "state", mode_state },	   { "control", mode_control },
		      { "blocked", mode_blocked }, { "jump", mode_jump },
		      { "vfork", mode_vfork },	   { "faults", mode_faults } };

	void *lib = argc > 3 ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
	if (!lib)
		return 9;
	((void (*)(int))dlsym(lib, "Py_InitializeEx"))(0);
	if (((int (*)(const char *))dlsym(lib, "PyRun_SimpleString"))(argv[2]))
		return 8;
	puts("READY");
	fflush(stdout);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, argv[3]) == 0)
			modes[i].run();
	puts(n_bad ? "BAD" : "GOOD");
	fflush(stdout);
	getchar();
	return 0;
}
