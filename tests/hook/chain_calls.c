/* SPDX-License-Identifier: Apache-2.0
 * chain_calls SEED STEPS: calls sigaction and its relatives at random and prints all that the
 * program can see of it, until a signal ends it. With the hook's chain preloaded the output and the
 * end must be the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#pragma GCC diagnostic ignored "-Wcast-function-type"

typedef void handler_fn(int sig);
handler_fn *bsd_signal(int sig, handler_fn *handler);

static const int flag_bits[] = { SA_RESTART,   SA_NODEFER, SA_ONSTACK, SA_SIGINFO,
				 SA_RESETHAND, 0x400,	   0x20000000, SA_NOCLDSTOP };
static uint64_t state;
static int depth;

static unsigned chance(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

static uint64_t mask_now(void)
{
	uint64_t mask = 0;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8);
	return mask;
}

static bool ends_us(int sig)
{
	struct sigaction now;

	return sigaction(sig, NULL, &now) < 0 || now.sa_handler == SIG_DFL || sig == SIGKILL ||
	       (mask_now() >> (sig - 1) & 1 && !depth);
}

static void handled(int which, int sig, const siginfo_t *info)
{
	int saved = errno;

	printf("  handler %d signal %d mask %lx depth %d", which, sig, (unsigned long)mask_now(),
	       depth);
	if (which >= 2)
		printf(" code %d value %p", info->si_code, info->si_value.sival_ptr);
	printf("\n");
	depth++;
	if (depth < 3 && chance(4) == 0 && !ends_us(sig)) {
		printf("  again\n"); /* nested with SA_NODEFER, else after the return */
		raise(sig);
	}
	depth--;
	errno = saved;
}

static void handler0(int sig)
{
	handled(0, sig, NULL);
}

static void handler1(int sig)
{
	handled(1, sig, NULL);
}

static void handler2(int sig, siginfo_t *info, void *context)
{
	(void)context;
	handled(2, sig, info);
}

static const char *name_of(handler_fn *handler)
{
	static char other[32];

	if (handler == SIG_DFL)
		return "dfl";
	if (handler == SIG_IGN)
		return "ign";
	if (handler == SIG_ERR)
		return "err";
	if (handler == SIG_HOLD)
		return "hold";
	if (handler == handler0 || handler == handler1)
		return handler == handler0 ? "h0" : "h1";
	if (handler == (handler_fn *)handler2)
		return "h2";
	snprintf(other, sizeof(other), "other");
	return other;
}

static handler_fn *some_handler(void)
{
	handler_fn *const all[] = { handler0, handler1, handler0, handler1, SIG_DFL, SIG_IGN };

	return all[chance(6)];
}

static int some_signal(void)
{
	const int all[] = { SIGUSR1, SIGUSR1, SIGUSR1, SIGRTMAX - 3, SIGRTMAX - 3, SIGUSR2,
			    0,	     -1,      32,      33,	     65,	   SIGKILL };

	return all[chance(sizeof(all) / sizeof(all[0]))];
}

static void show(const char *what, int sig, int r, const struct sigaction *old)
{
	printf("%s %d: %d", what, sig, r);
	if (r < 0)
		printf(" errno %d", errno);
	if (r == 0 && old)
		printf(" %s flags %x mask %lx restorer %d", name_of(old->sa_handler),
		       (unsigned)old->sa_flags, old->sa_mask.__val[0], old->sa_restorer != NULL);
	printf("\n");
}

static void show_handler(const char *what, int sig, handler_fn *before)
{
	printf("%s %d: %s", what, sig, name_of(before));
	if (before == SIG_ERR)
		printf(" errno %d", errno);
	printf("\n");
}

static void do_sigaction(int sig)
{
	struct sigaction set = { .sa_handler = some_handler() }, old;
	bool give = chance(4), take = chance(4);

	memset(&old, 0x55, sizeof(old));
	for (unsigned i = 0; i < sizeof(flag_bits) / sizeof(flag_bits[0]); i++)
		if (chance(3) == 0)
			set.sa_flags |= flag_bits[i];
	if (set.sa_flags & SA_SIGINFO && set.sa_handler != SIG_DFL && set.sa_handler != SIG_IGN)
		set.sa_handler = (handler_fn *)handler2;
	for (int i = 1; i < 65; i++)
		if (chance(8) == 0)
			sigaddset(&set.sa_mask, i);
	errno = 0;
	int r = sigaction(sig, give ? &set : NULL, take ? &old : NULL);
	show("sigaction", sig, r, take ? &old : NULL);
}

/* Send it, when it does not end us. */
static void do_raise(int sig)
{
	if (ends_us(sig))
		return;
	if (chance(2)) {
		printf("raise %d\n", sig);
		errno = 77;
		raise(sig);
		printf("  errno %d\n", errno);
	} else {
		printf("sigqueue %d\n", sig);
		sigqueue(getpid(), sig,
			 (union sigval){ .sival_ptr = (void *)(uintptr_t)chance(99) });
	}
}

/* While it is blocked: what is pending is dropped by SIG_IGN. */
static void do_blocked(int sig)
{
	sigset_t one, before, pending;
	struct sigaction now;

	if (sig <= 0 || sig == SIGKILL || sigaction(sig, NULL, &now) < 0)
		return;
	sigemptyset(&one);
	sigaddset(&one, sig);
	sigprocmask(SIG_BLOCK, &one, &before);
	if (now.sa_handler == SIG_DFL)
		signal(sig, handler1);
	raise(sig);
	if (chance(2))
		signal(sig, SIG_IGN);
	sigpending(&pending);
	printf("pending %d: %d\n", sig, sigismember(&pending, sig));
	if (chance(2))
		signal(sig, handler0);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

static void step(void);

static void do_child(bool vforked)
{
	unsigned n = 1 + chance(6);
	uint64_t before = state;
	int status;

	printf("%s\n", vforked ? "vfork" : "fork");
	fflush(stdout);
	pid_t pid = vforked ? vfork() : fork();
	if (pid == 0) {
		for (unsigned i = 0; i < n; i++) {
			int sig = some_signal();
			do_sigaction(sig);
			show_handler("  child signal", sig, signal(sig, some_handler()));
			do_raise(sig);
		}
		fflush(stdout);
		_exit(0);
	}
	state = before; /* vfork: the child's steps are ours no less */
	waitpid(pid, &status, 0);
	printf("child %x\n", status);
}

static void step(void)
{
	int sig = some_signal();

	switch (chance(14)) {
	case 0:
	case 1:
	case 2:
		do_sigaction(sig);
		break;
	case 3:
		errno = 0;
		show_handler("signal", sig, signal(sig, chance(20) ? some_handler() : SIG_ERR));
		break;
	case 4:
		show_handler("sigset", sig, sigset(sig, chance(3) ? some_handler() : SIG_HOLD));
		printf("  mask %lx\n", (unsigned long)mask_now());
		break;
	case 5:
		show_handler("sysv_signal", sig, sysv_signal(sig, some_handler()));
		break;
	case 6:
		show("siginterrupt", sig, siginterrupt(sig, chance(2)), NULL);
		break;
	case 7:
		show("sigignore", sig, chance(3) ? 0 : sigignore(sig), NULL);
		break;
	case 8:
		show_handler("bsd_signal", sig, bsd_signal(sig, some_handler()));
		break;
	case 9:
		show_handler("ssignal", sig, ssignal(sig, some_handler()));
		break;
	case 10:
		do_blocked(sig);
		break;
	case 11:
		if (chance(4) == 0)
			do_child(chance(2));
		break;
	default:
		do_raise(sig);
		break;
	}
}

int main(int argc, char **argv)
{
	int steps = argc > 2 ? atoi(argv[2]) : 100;

	setlinebuf(stdout);
	state = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	for (int i = 0; i < steps; i++) {
		printf("%d ", i);
		step();
	}
	printf("end\n");
	return 0;
}
