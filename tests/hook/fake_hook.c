/* SPDX-License-Identifier: Apache-2.0
 * "fake_hook MODE DIR [HOW [PUBLISHED]]": a process that says it has the hook and behaves as MODE
 * says; for what taskcore signal does with hooks that are busy, silent or gone. HOW is p or i,
 * PUBLISHED what it says in place of DIR. Prints READY and its private signal, then a line for each
 * request. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/core.h"
#include "lib/core/dump_name.h"
#include "tests/unit/fake_mem.h"

#define SIGNAL (SIGRTMAX - 5)
#define ARENA (16u << 20)

/* What an interpreter is known by (lib/python/find_python.c): nothing is sent to what has none. */
extern char _PyRuntime[64];
char _PyRuntime[64] = { 0 };

static int requests[2];
static const char *dir;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	uint64_t cookie = (uintptr_t)info->si_value.sival_ptr;

	(void)sig;
	(void)context;
	if (info->si_code != SI_QUEUE || cookie >> 40 != 0x744301 ||
	    write(requests[1], &cookie, sizeof(cookie)) != sizeof(cookie))
		abort();
}

/* As dumper/hook/hook.c does it. */
static void publish(const char *how, const char *published)
{
	char name[250];

	snprintf(name, sizeof(name), "taskcore:1:%d:%d:%s:%s", SIGUSR1, SIGNAL, how, published);
	int fd = memfd_create(name, MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 4096) < 0 ||
	    mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
		abort();
	close(fd);
}

/* A dump without threads and tasks, its temporary file first; tail ends its name. The path goes to
 * *to. */
static void write_dump(uint64_t cookie, const char *tail, char *to, size_t size)
{
	static struct tc_core core;
	static const struct tc_walk_result walk;
	const struct tc_core_status status = { .walk = &walk };
	struct timespec now;
	struct fake_mem fake;
	struct tc_arena arena;
	char temporary[4096], name[TC_DUMP_NAME_MAX];

	clock_gettime(CLOCK_REALTIME, &now);
	struct tc_process process = {
		.pid = (uint32_t)getpid(),
		.pid_ns = (uint32_t)getpid(),
		.reason = "request",
		.signal = (uint32_t)SIGNAL,
		.exe = "/usr/bin/fake",
		.args = "",
		.host = "",
		.release = "",
		.cgroup = "",
		.state = 'R',
		.cookie = cookie,
		.wall_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
	};
	fake_mem_init(&fake, 0, NULL, 0);
	void *memory = malloc(ARENA);
	tc_arena_init(&arena, memory, ARENA);
	snprintf(temporary, sizeof(temporary), "%s/.taskcore.%d.1.tmp", dir, getpid());
	int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || tc_core_begin(&core, fd, &fake.mem, NULL, &process, &arena) < 0 ||
	    tc_core_seal(&core, &status) < 0)
		abort();
	close(fd);
	free(memory);
	/* The name counts milliseconds. */
	do {
		tc_dump_name(process.exe, process.pid, process.wall_ns, process.reason, name);
		snprintf(to, size, "%s/%s%s", dir, name, tail);
		process.wall_ns += 1000000;
	} while (renameat2(AT_FDCWD, temporary, AT_FDCWD, to, RENAME_NOREPLACE) < 0);
}

/* The request number n, counted from 1. */
static void answer(const char *mode, int n, uint64_t cookie)
{
	char path[4096], link[4200];

	printf("request %llx\n", (unsigned long long)cookie);
	fflush(stdout);
	if (strcmp(mode, "exit") == 0)
		_exit(0);
	if (strcmp(mode, "silent") == 0 || (strcmp(mode, "not-dumpable") == 0 && n <= 1))
		return;
	if (strcmp(mode, "other-first") == 0 && n == 1)
		cookie ^= 1;
	bool linked = strcmp(mode, "symlink") == 0; /* only a link to it has the name of a dump */
	write_dump(cookie, linked ? ".hidden" : "", path, sizeof(path));
	if (linked) {
		snprintf(link, sizeof(link), "%s/taskcore.x.1.y.request.tcore", dir);
		if (symlink(path, link) < 0 && n == 1)
			abort();
	}
}

static void block(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	pthread_sigmask(how, &set, NULL);
}

static void *serve(void *mode)
{
	uint64_t cookie;

	if (strcmp(mode, "blocked-shortly") == 0) {
		usleep(20000);
		block(SIG_UNBLOCK);
	}
	for (int n = 1; read(requests[0], &cookie, sizeof(cookie)) == sizeof(cookie); n++)
		answer(mode, n, cookie);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_RESTART };
	const char *mode = argc > 2 ? argv[1] : "";
	pthread_t thread;

	if (argc < 3 || pipe(requests) < 0)
		return 2;
	dir = argv[2];
	if (strncmp(mode, "blocked", 7) == 0)
		block(SIG_BLOCK);
	sigaction(SIGUSR1, &action, NULL);
	if (strcmp(mode, "uncaught") != 0)
		sigaction(SIGNAL, &action, NULL);
	if (strcmp(mode, "hookless") != 0)
		publish(argc > 3 ? argv[3] : "p", argc > 4 ? argv[4] : dir);
	if (strcmp(mode, "not-dumpable") == 0)
		prctl(PR_SET_DUMPABLE, 0);
	pthread_create(&thread, NULL, serve, (void *)mode);
	printf("READY %d\n", SIGNAL);
	fflush(stdout);
	if (strcmp(mode, "leader-gone") == 0)
		pthread_exit(NULL);
	pthread_join(thread, NULL);
	return 0;
}
