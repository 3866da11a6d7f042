/* SPDX-License-Identifier: Apache-2.0
 * The positive control of altstack.py: what a hook does that gives threads an alternate stack, and
 * thinks of nothing else. Programs see it, and it is never given back. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SIZE (64 << 10)

struct job {
	void *(*start)(void *);
	void *argument;
};

static void give(void)
{
	stack_t set = { .ss_size = SIZE };

	set.ss_sp = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&set, NULL);
}

static void *run(void *given)
{
	struct job job = *(struct job *)given;

	free(given);
	give();
	return job.start(job.argument);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
		   void *argument)
{
	__typeof__(pthread_create) *next = dlsym(RTLD_NEXT, "pthread_create");
	struct job *job = malloc(sizeof(*job));

	*job = (struct job){ start, argument };
	return next(thread, attributes, run, job);
}

__attribute__((constructor)) static void construct(void)
{
	give();
}
