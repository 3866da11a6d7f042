/* SPDX-License-Identifier: Apache-2.0
 * thread_cost [N]: looks like Python to the hook, which then takes the fatal signals as the program
 * starts. Without N it ends at once; with it, makes N threads, one after the other, joins each, and
 * prints the ns that one took. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* The name by which the hook knows Python (hook_python.c). */
__attribute__((visibility("default"))) int Py_IsInitialized(void);
__attribute__((visibility("default"))) int Py_IsInitialized(void)
{
	return 0;
}

static long long now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void *run(void *argument)
{
	return argument;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0;
	long long start = now_ns();
	pthread_t thread;

	for (int i = 0; i < n; i++)
		if (pthread_create(&thread, NULL, run, NULL) != 0 ||
		    pthread_join(thread, NULL) != 0)
			return 1;
	if (n > 0)
		printf("%lld\n", (now_ns() - start) / n);
	return 0;
}
