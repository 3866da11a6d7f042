/* SPDX-License-Identifier: Apache-2.0
 * A C program that loads Python late, and crashes. crash_host LIBPYTHON MODULE WHEN KIND CODE: runs
 * CODE in a Python that sets no signal action, and crashes by KIND of crash_module.c: before that
 * (before), after it, with the interpreter still there (after), when it has been finalized
 * (finalized), in another thread meanwhile (thread), or not at all, because CODE does (never). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int (*crash_now)(const char *kind);
static const char *kind;
static void *python;

static void *function(void *library, const char *name)
{
	void *found = dlsym(library, name);

	if (!found) {
		fprintf(stderr, "no %s\n", name);
		exit(96);
	}
	return found;
}

static void *crash(void *unused)
{
	(void)unused;
	crash_now(kind);
	return NULL;
}

static void run(const char *code)
{
	((void (*)(int))function(python, "Py_InitializeEx"))(0);
	if (((int (*)(const char *))function(python, "PyRun_SimpleString"))(code) != 0)
		exit(95);
}

int main(int argc, char **argv)
{
	pthread_t thread;
	void *module = argc == 6 ? dlopen(argv[2], RTLD_LAZY) : NULL;

	if (!module)
		return 94;
	crash_now = (int (*)(const char *))function(module, "crash_now");
	kind = argv[4];
	if (strcmp(argv[3], "before") == 0)
		crash(NULL);
	python = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
	if (!python)
		return 93;
	run(argv[5]);
	if (strcmp(argv[3], "after") == 0)
		crash(NULL);
	if (strcmp(argv[3], "thread") == 0) {
		pthread_create(&thread, NULL, crash, NULL);
		pthread_join(thread, NULL);
	}
	((int (*)(void))function(python, "Py_FinalizeEx"))();
	if (strcmp(argv[3], "finalized") == 0)
		crash(NULL);
	return 0;
}
