/* SPDX-License-Identifier: Apache-2.0
 * A library to preload after the hook (or after unsafe.c): raises the signal where locks are held,
 * and ends the process when the handler calls what it must not call.
 *
 * inject_arm(signal, limit): from now on, at each place that was not seen yet, at most limit of
 * them. A place is a name given to inject_here (tests, inject_module.c), or, for the allocator, the
 * four addresses of code that lie next on the stack (its callers, mostly), so also all places in
 * libc that allocate under a lock of theirs. When the process ends, "inject: N places, M in the
 * allocator". inject_poison(signal): from now on the allocator and the functions of THUNKS below
 * end the process when the handler of the signal (and of all signals that have the same), or a
 * child of it, calls one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes" /* called by ctypes, or by everybody */

#define EXPORT __attribute__((visibility("default")))
#define PLACES 65536
#define OURS_EXIT 97 /* the handler did what it must not do */

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *at);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *at, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

/* Shared with forked children. */
static pid_t first;
static struct state {
	_Atomic int armed; /* the signal; 0: none */
	_Atomic long left; /* places still wanted */
	_Atomic unsigned long n_places, n_allocator, n_forked; /* n_forked: in forked children */
	_Atomic unsigned n_forks;
	_Atomic uintptr_t seen[PLACES];
} *state;

static _Atomic long allocator; /* tid that is inside the allocator; 0: nobody */
static __thread bool raising;  /* this thread is in inject_here */

static long own_tid(void)
{
	return syscall(SYS_gettid);
}

static void end(const char *what, const char *name)
{
	char line[160];
	size_t n = 0;

	for (const char *part[] = { "inject: the handler calls ", name, what, "\n" }, **p = part;
	     p < part + 4; p++)
		for (const char *c = *p; *c && n < sizeof(line); c++)
			line[n++] = *c;
	if (syscall(SYS_write, 2, line, n) < 0)
		syscall(SYS_exit_group, OURS_EXIT + 1);
	syscall(SYS_exit_group, OURS_EXIT);
}

/* True: this place is new. */
static bool is_new(uintptr_t place)
{
	for (unsigned i = (unsigned)(place * 0x9e3779b97f4a7c15u >> 40) % PLACES;;
	     i = (i + 1) % PLACES) {
		uintptr_t nothing = 0;
		if (state->seen[i] == place)
			return false;
		if (atomic_compare_exchange_strong(&state->seen[i], &nothing, place))
			return true;
		if (nothing == place)
			return false;
	}
}

/* The contents of a file, without libc; "" when there is none. */
static void read_file(const char *path, char *to, size_t size)
{
	long fd = syscall(SYS_open, path, O_RDONLY | O_CLOEXEC);
	long n = fd >= 0 ? syscall(SYS_read, fd, to, size - 1) : 0;

	to[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		syscall(SYS_close, fd);
}

/* Whether a child that this thread made is at work: not one that waits to be reaped. */
static bool has_child(void)
{
	char path[64], pids[512], stat[256];

	snprintf(path, sizeof(path), "/proc/self/task/%ld/children", own_tid());
	read_file(path, pids, sizeof(pids));
	for (char *at = pids; *at; at++) {
		char *end = strchr(at, ' ');
		if (!end)
			break;
		snprintf(path, sizeof(path), "/proc/%.*s/stat", (int)(end - at), at);
		read_file(path, stat, sizeof(stat));
		const char *name_end = strrchr(stat, ')');
		if (name_end && name_end[1] && name_end[2] != 'Z' && name_end[2] != 'X')
			return true;
		at = end;
	}
	return false;
}

/* Until the child that the hook made has ended: the next place then gets a dump, not a refusal. */
static void await_child(void)
{
	struct timespec wait = { 0, 200000 };

	for (int i = 0; i < 10000 && has_child(); i++)
		syscall(SYS_nanosleep, &wait, NULL);
}

static bool raise_at(uintptr_t place)
{
	int error = errno, sig = state ? state->armed : 0;

	if (!sig || raising || state->left <= 0 || !is_new(place) ||
	    atomic_fetch_sub(&state->left, 1) <= 0)
		return false;
	raising = true;
	state->n_places++;
	state->n_forked += syscall(SYS_getpid) != first;
	syscall(SYS_tgkill, syscall(SYS_getpid), own_tid(), sig);
	await_child();
	raising = false;
	errno = error;
	return true;
}

EXPORT void inject_here(const char *place)
{
	raise_at((uintptr_t)place);
}

static struct {
	uintptr_t start, end;
} code[256];
static unsigned n_code;

static int add_code(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size, (void)unused;
	for (int i = 0; i < info->dlpi_phnum && n_code < 256; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
			code[n_code].start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			code[n_code].end = code[n_code].start + info->dlpi_phdr[i].p_memsz;
			n_code++;
		}
	return 0;
}

static bool is_code(uintptr_t at)
{
	for (unsigned i = 0; i < n_code; i++)
		if (at >= code[i].start && at < code[i].end)
			return true;
	return false;
}

static uintptr_t callers(const uintptr_t *stack)
{
	uintptr_t place = 1;

	for (unsigned i = 0, n = 0; i < 64 && n < 4; i++)
		if (is_code(stack[i])) {
			place = (place ^ stack[i]) * 0x9e3779b97f4a7c15u;
			n++;
		}
	return place;
}

EXPORT void inject_arm(int sig, long limit)
{
	n_code = 0;
	dl_iterate_phdr(add_code, NULL);
	state->left = limit;
	state->armed = sig;
}

EXPORT unsigned long inject_places(void)
{
	return state->n_places;
}

EXPORT unsigned long inject_places_forked(void)
{
	return state->n_forked;
}

/* The allocator, with a lock of its own, as those of jemalloc or glibc's arenas. */

static bool lock(const char *name)
{
	struct timespec wait = { 0, 20000 };
	long tid = own_tid(), nobody = 0;

	if (allocator == tid) {
		if (!raising)
			return false;
		end(" while this thread is inside the allocator: a deadlock", name);
	}
	while (!atomic_compare_exchange_strong(&allocator, &nobody, tid)) {
		nobody = 0;
		syscall(SYS_nanosleep, &wait, NULL);
	}
	return true;
}

static void unlock(bool locked, const void *stack)
{
	if (locked && state && state->armed && stack && raise_at(callers(stack)))
		state->n_allocator++;
	if (locked)
		allocator = 0;
}

static void poisoned(const char *name);

#define STACK __builtin_frame_address(0)

EXPORT void *malloc(size_t size)
{
	poisoned("malloc");
	bool locked = lock("malloc");
	void *at = __libc_malloc(size);
	unlock(locked, STACK);
	return at;
}

EXPORT void free(void *at)
{
	poisoned("free");
	bool locked = lock("free");
	__libc_free(at);
	unlock(locked, STACK);
}

EXPORT void *calloc(size_t n, size_t size)
{
	poisoned("calloc");
	bool locked = lock("calloc");
	void *at = __libc_calloc(n, size);
	unlock(locked, STACK);
	return at;
}

EXPORT void *realloc(void *old, size_t size)
{
	poisoned("realloc");
	bool locked = lock("realloc");
	void *at = __libc_realloc(old, size);
	unlock(locked, STACK);
	return at;
}

EXPORT void *memalign(size_t alignment, size_t size)
{
	poisoned("memalign");
	bool locked = lock("memalign");
	void *at = __libc_memalign(alignment, size);
	unlock(locked, STACK);
	return at;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

EXPORT int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *at = memalign(alignment, size);

	if (!at)
		return ENOMEM;
	*ret = at;
	return 0;
}

/* Fork. glibc's own allocator is made safe by its fork; ours by these, which are places too. */

static void fork_prepare(void)
{
	inject_here("fork prepare");
	lock("fork");
}

static void fork_parent(void)
{
	unlock(true, NULL);
	inject_here("fork parent");
}

static pid_t home; /* the process whose children, if it did not fork them, are the hook's */

static void fork_child(void)
{
	static const char *const places[] = { "fork child 1", "fork child 2", "fork child 3" };

	home = (pid_t)syscall(SYS_getpid);
	allocator = 0;
	inject_here(places[state->n_forks++ % 3]);
}

/* Poison. */

typedef void handler_fn(int sig, siginfo_t *info, void *context);
struct kernel_action {
	handler_fn *handler;
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};
static handler_fn *handlers[65];
static __thread int in_handler;
static _Atomic bool poison;

static void enter_handler(int sig, siginfo_t *info, void *context)
{
	in_handler++;
	handlers[sig](sig, info, context);
	in_handler--;
}

EXPORT int inject_poison(int sig)
{
	struct kernel_action action;
	handler_fn *handler;
	int n = 0;

	if (syscall(SYS_rt_sigaction, sig, NULL, &action, 8) < 0 || (uintptr_t)action.handler < 2)
		return 0;
	handler = action.handler;
	for (int i = 1; i < 65; i++)
		if (syscall(SYS_rt_sigaction, i, NULL, &action, 8) == 0 &&
		    action.handler == handler) {
			handlers[i] = handler;
			action.handler = enter_handler;
			n += syscall(SYS_rt_sigaction, i, &action, NULL, 8) == 0;
		}
	poison = true;
	return n;
}

/* The hook's children are processes that nobody forked. */
static void poisoned(const char *name)
{
	if (poison && (in_handler || syscall(SYS_getpid) != home))
		end("", name);
}

#define THUNKS(X)                                                                                  \
	X(0, pthread_mutex_lock)                                                                   \
	X(1, pthread_mutex_trylock) X(2, dlopen) X(3, dlclose) X(4, dlsym) X(                      \
		5, dl_iterate_phdr) X(6, getenv) X(7, setenv) X(8, printf) X(9, fprintf)           \
		X(10, snprintf) X(11, vsnprintf) X(12, sprintf) X(13, puts) X(14, fputs) X(        \
			15, fwrite) X(16, fopen) X(17, fclose) X(18, fflush) X(19, localtime_r)    \
			X(20, localtime) X(21, strftime) X(22, syslog) X(23, pthread_cond_wait) X( \
				24, pthread_cond_signal) X(25, pthread_create) X(26, getaddrinfo)  \
				X(27, sem_wait) X(28, sem_post) X(29, write) X(30, open)           \
					X(31, close) X(32, mmap) X(33, strtod) X(34, qsort)        \
						X(35, pthread_rwlock_rdlock) X(36, __snprintf_chk) \
							X(37, fork) X(38, pthread_getspecific)     \
								X(39, fputc) X(40, sigaction)      \
									X(41, pthread_sigmask)
#define NAME(i, function) [i] = #function,
static const char *const thunk_names[] = { THUNKS(NAME) };
#define N_THUNKS (sizeof(thunk_names) / sizeof(thunk_names[0]))
static void *real[N_THUNKS];

__attribute__((used, visibility("hidden"))) void *inject_thunk(unsigned i);

void *inject_thunk(unsigned i)
{
	static void *(*look_up)(void *, const char *);

	poisoned(thunk_names[i]);
	if (!look_up) /* dlsym itself is a thunk */
		look_up = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34") ?:
			  dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
	if (!real[i])
		real[i] = look_up(RTLD_NEXT, thunk_names[i]);
	if (!real[i])
		end(", which libc has not", thunk_names[i]);
	return real[i];
}

/* Any function of any arguments: all registers of a call are kept, the caller's address stays. */
#define THUNK(i, function)                                            \
	__asm__(".text\n"                                             \
		".globl " #function "\n"                              \
		".type " #function ", @function\n" #function ":\n"    \
		"	push %rax\n	push %rdi\n	push %rsi\n	push %rdx\n"    \
		"	push %rcx\n	push %r8\n	push %r9\n"                  \
		"	sub $128, %rsp\n"                                   \
		"	movups %xmm0, (%rsp)\n	movups %xmm1, 16(%rsp)\n"    \
		"	movups %xmm2, 32(%rsp)\n	movups %xmm3, 48(%rsp)\n"  \
		"	movups %xmm4, 64(%rsp)\n	movups %xmm5, 80(%rsp)\n"  \
		"	movups %xmm6, 96(%rsp)\n	movups %xmm7, 112(%rsp)\n" \
		"	mov $" #i ", %edi\n"                          \
		"	call inject_thunk\n"                                \
		"	mov %rax, %r11\n"                                   \
		"	movups (%rsp), %xmm0\n	movups 16(%rsp), %xmm1\n"    \
		"	movups 32(%rsp), %xmm2\n	movups 48(%rsp), %xmm3\n"  \
		"	movups 64(%rsp), %xmm4\n	movups 80(%rsp), %xmm5\n"  \
		"	movups 96(%rsp), %xmm6\n	movups 112(%rsp), %xmm7\n" \
		"	add $128, %rsp\n"                                   \
		"	pop %r9\n	pop %r8\n	pop %rcx\n"                     \
		"	pop %rdx\n	pop %rsi\n	pop %rdi\n	pop %rax\n"        \
		"	jmp *%r11\n"                                        \
		".size " #function ", . - " #function "\n");
THUNKS(THUNK)

/* Other places that only C reaches. */

static ssize_t cookie_write(void *cookie, const char *text, size_t size)
{
	(void)cookie, (void)text;
	inject_here("fopencookie write");
	return (ssize_t)size;
}

static ssize_t cookie_read(void *cookie, char *to, size_t size)
{
	(void)cookie;
	inject_here("fopencookie read");
	memset(to, 'x', size);
	return (ssize_t)size;
}

static int cookie_seek(void *cookie, off64_t *offset, int whence)
{
	(void)cookie, (void)whence;
	inject_here("fopencookie seek");
	*offset = 0;
	return 0;
}

static int cookie_close(void *cookie)
{
	(void)cookie;
	inject_here("fopencookie close");
	return 0;
}

/* Something to check of stdio: 3 x 1000 bytes through a stream whose lock is held in the
 * callbacks. */
EXPORT long inject_stdio(void)
{
	FILE *file = fopencookie(NULL, "w+", (cookie_io_functions_t){ cookie_read, cookie_write,
								      cookie_seek, cookie_close });
	long n = 0;

	if (!file)
		return -1;
	for (int i = 0; i < 1000; i++)
		n += fprintf(file, "%03d", i % 1000);
	fflush(file);
	fseek(file, 0, SEEK_SET);
	n += fgetc(file) == 'x';
	fclose(file);
	return n;
}

static pthread_key_t key;

static void key_end(void *value)
{
	(void)value;
	inject_here("destructor of a thread's own data");
}

static void *in_thread(void *argument)
{
	inject_here("start of a thread");
	pthread_setspecific(key, argument);
	return argument;
}

static void once(void)
{
	inject_here("pthread_once");
}

/* Threads on the smallest stacks, with data of their own. */
EXPORT long inject_threads(void)
{
	static pthread_once_t done = PTHREAD_ONCE_INIT;
	pthread_t threads[4];
	pthread_attr_t attributes;
	void *result;
	long n = 0;

	pthread_once(&done, once);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 32768);
	for (long i = 0; i < 4; i++)
		if (pthread_create(&threads[i], &attributes, in_thread, (void *)(i + 1)) != 0)
			return -1;
	for (int i = 0; i < 4; i++)
		if (pthread_join(threads[i], &result) == 0)
			n += (long)result;
	pthread_attr_destroy(&attributes);
	return n;
}

/* For a forged heap: a word of memory is another one while the signal is handled. Without its
 * thread leaving C, nobody else can meet it as long as the caller holds the GIL. */
EXPORT void inject_forged(int sig, uint64_t *word, uint64_t value)
{
	uint64_t was = *word;

	*word = value;
	syscall(SYS_tgkill, syscall(SYS_getpid), own_tid(), sig);
	*word = was;
	await_child();
}

__attribute__((destructor)) static void destruct(void)
{
	char line[80];

	if (!state || !state->armed || syscall(SYS_getpid) != first)
		return;
	state->armed = 0;
	int n = snprintf(line, sizeof(line), "inject: %lu places, %lu in the allocator\n",
			 state->n_places, state->n_allocator);
	syscall(SYS_write, 2, line, n);
}

__attribute__((constructor)) static void construct(void)
{
	void *memory = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	home = first = (pid_t)syscall(SYS_getpid);
	state = memory == MAP_FAILED ? NULL : memory;
	pthread_key_create(&key, key_end);
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}
