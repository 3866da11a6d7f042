/* SPDX-License-Identifier: Apache-2.0
 * A library to dlopen: its constructor and destructor run under the loader's lock. */
extern void inject_here(const char *place) __attribute__((weak));

__attribute__((constructor)) static void construct(void)
{
	if (inject_here)
		inject_here("constructor of a library");
}

__attribute__((destructor)) static void destruct(void)
{
	if (inject_here)
		inject_here("destructor of a library");
}

__attribute__((visibility("default"))) long inject_module(long a, long b);
long inject_module(long a, long b)
{
	return a * b;
}
