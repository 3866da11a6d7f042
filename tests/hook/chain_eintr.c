/* SPDX-License-Identifier: Apache-2.0
 * chain_eintr bare|hook|python N: which blocking calls give EINTR when SIGUSR1 comes N times while
 * they block. bare: a handler of its own with SA_RESTART; hook: nothing is set, the preloaded hook
 * takes the signal; python: the same, with an interpreter in the process and a dump awaited in
 * TASKCORE_DIR after each signal. One line for each call: its name, how many EINTR the signalled
 * thread saw, how many another thread saw that was in the same call. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LONG_S 1000

/* One thread that blocks again and again until it is told to end. */
struct sleeper {
	pthread_t thread;
	const struct way *way;
	void *with; /* what the call blocks on */
	_Atomic pid_t tid;
	_Atomic int eintr;
	_Atomic bool ends;
};

struct way {
	const char *name;
	int nr; /* of the system call that it stands in */
	void *(*make)(void);
	int (*block)(void *with); /* 0 or an errno */
	void (*release)(void *with);
};

static int result(long r)
{
	return r < 0 ? errno : 0;
}

static void nothing(void *with)
{
	(void)with;
}

static void *no_object(void)
{
	return malloc(1);
}

/* A pipe, read ends and all. */
struct ends {
	int read, write;
};

static void *make_pipe(void)
{
	int fds[2];
	struct ends *ends = malloc(sizeof(*ends));

	if (pipe(fds) < 0)
		abort();
	*ends = (struct ends){ fds[0], fds[1] };
	return ends;
}

static void write_byte(void *with)
{
	if (write(((struct ends *)with)->write, "", 1) < 0)
		abort();
}

static int block_read(void *with)
{
	char byte;

	return result(read(((struct ends *)with)->read, &byte, 1));
}

static void *make_pair(void)
{
	int fds[2];
	struct ends *ends = malloc(sizeof(*ends));

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		abort();
	*ends = (struct ends){ fds[0], fds[1] };
	return ends;
}

static void set_timeout(int fd)
{
	struct timeval long_time = { .tv_sec = LONG_S };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &long_time, sizeof(long_time));
}

static void *make_timed_pair(void)
{
	struct ends *ends = make_pair();

	set_timeout(ends->read);
	return ends;
}

static int block_recv(void *with)
{
	char byte;

	return result(recv(((struct ends *)with)->read, &byte, 1, 0));
}

static void *make_listener(void)
{
	struct ends *ends = malloc(sizeof(*ends));
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	ends->read = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(ends->read, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(ends->read, 5) < 0)
		abort();
	set_timeout(ends->read);
	return ends;
}

static int block_accept(void *with)
{
	return result(accept(((struct ends *)with)->read, NULL, NULL));
}

static void connect_to(void *with)
{
	struct ends *ends = with;
	struct sockaddr_in address;
	socklen_t size = sizeof(address);

	getsockname(ends->read, (struct sockaddr *)&address, &size);
	ends->write = socket(AF_INET, SOCK_STREAM, 0);
	connect(ends->write, (struct sockaddr *)&address, size);
}

static void *make_child(void)
{
	struct ends *ends = make_pipe();
	pid_t pid = fork();
	char byte;

	if (pid == 0) {
		close(ends->write);
		_exit(read(ends->read, &byte, 1) < 0);
	}
	close(ends->read);
	ends->read = pid;
	return ends;
}

static int block_waitpid(void *with)
{
	return result(waitpid(((struct ends *)with)->read, NULL, 0));
}

static void *make_lock(void)
{
	char path[] = "/tmp/chain_eintr.XXXXXX";
	struct ends *ends = malloc(sizeof(*ends));

	ends->write = mkstemp(path);
	ends->read = open(path, O_RDWR);
	unlink(path);
	if (ends->read < 0 || flock(ends->write, LOCK_EX) < 0)
		abort();
	return ends;
}

static int block_flock(void *with)
{
	return result(flock(((struct ends *)with)->read, LOCK_EX));
}

static void unlock(void *with)
{
	flock(((struct ends *)with)->write, LOCK_UN);
}

struct condition {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool set;
};

static void *make_condition(void)
{
	struct condition *c = malloc(sizeof(*c));

	pthread_mutex_init(&c->mutex, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->set = false;
	return c;
}

static int block_condition(void *with)
{
	struct condition *c = with;
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LONG_S;
	pthread_mutex_lock(&c->mutex);
	while (!c->set && r == 0)
		r = pthread_cond_timedwait(&c->changed, &c->mutex, &until);
	pthread_mutex_unlock(&c->mutex);
	return r;
}

static void set_condition(void *with)
{
	struct condition *c = with;

	pthread_mutex_lock(&c->mutex);
	c->set = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->mutex);
}

static int block_poll(void *with)
{
	struct pollfd fd = { .fd = ((struct ends *)with)->read, .events = POLLIN };

	return result(poll(&fd, 1, LONG_S * 1000));
}

static int block_select(void *with)
{
	int fd = ((struct ends *)with)->read;
	struct timeval time = { .tv_sec = LONG_S };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return result(select(fd + 1, &set, NULL, NULL, &time));
}

static int block_epoll(void *with)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(0);

	epoll_ctl(fd, EPOLL_CTL_ADD, ((struct ends *)with)->read, &event);
	int r = result(epoll_wait(fd, &event, 1, LONG_S * 1000));
	close(fd);
	return r;
}

/* A sleep cannot be woken by anything but a signal: the last one ends it. */
static int block_nanosleep(void *with)
{
	struct timespec time = { .tv_sec = LONG_S };

	(void)with;
	return result(nanosleep(&time, NULL));
}

static int block_clock_nanosleep(void *with)
{
	struct timespec until;

	(void)with;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LONG_S;
	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static int block_usleep(void *with)
{
	(void)with;
	return result(usleep(LONG_S * 1000000u));
}

static void *make_semaphore(void)
{
	sem_t *semaphore = malloc(sizeof(*semaphore));

	sem_init(semaphore, 0, 0);
	return semaphore;
}

static int block_semaphore(void *with)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LONG_S;
	return result(sem_timedwait(with, &until));
}

static void post(void *with)
{
	sem_post(with);
}

static void *make_futex(void)
{
	return calloc(1, sizeof(int));
}

static int block_futex(void *with)
{
	struct timespec time = { .tv_sec = LONG_S };

	int r = result(syscall(SYS_futex, with, FUTEX_WAIT, 0, &time, NULL, 0));
	return r == EAGAIN ? 0 : r;
}

static void wake(void *with)
{
	*(_Atomic int *)with = 1;
	syscall(SYS_futex, with, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static int block_sigtimedwait(void *with)
{
	struct timespec time = { .tv_sec = LONG_S };
	sigset_t set;

	(void)with;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 5);
	return result(sigtimedwait(&set, NULL, &time));
}

static void *make_sysv_semaphore(void)
{
	int *id = malloc(sizeof(*id));

	*id = semget(IPC_PRIVATE, 1, 0600);
	return id;
}

static int block_semtimedop(void *with)
{
	struct sembuf take = { .sem_op = -1 };
	struct timespec time = { .tv_sec = LONG_S };

	return result(semtimedop(*(int *)with, &take, 1, &time));
}

static void remove_semaphore(void *with)
{
	semctl(*(int *)with, 0, IPC_RMID);
}

static void *make_queue(void)
{
	int *id = malloc(sizeof(*id));

	*id = msgget(IPC_PRIVATE, 0600);
	return id;
}

static int block_msgrcv(void *with)
{
	struct {
		long type;
		char text[8];
	} message;

	return result(msgrcv(*(int *)with, &message, sizeof(message.text), 0, 0));
}

static void remove_queue(void *with)
{
	msgctl(*(int *)with, IPC_RMID, NULL);
}

static const struct way ways[] = {
	{ "read", SYS_read, make_pipe, block_read, write_byte },
	{ "recv", SYS_recvfrom, make_pair, block_recv, write_byte },
	{ "waitpid", SYS_wait4, make_child, block_waitpid, write_byte },
	{ "flock", SYS_flock, make_lock, block_flock, unlock },
	{ "pthread_cond_timedwait", SYS_futex, make_condition, block_condition, set_condition },
	{ "poll", SYS_poll, make_pipe, block_poll, write_byte },
	{ "select", SYS_pselect6, make_pipe, block_select, write_byte },
	{ "epoll_wait", SYS_epoll_wait, make_pipe, block_epoll, write_byte },
	{ "nanosleep", SYS_clock_nanosleep, no_object, block_nanosleep, nothing },
	{ "clock_nanosleep", SYS_clock_nanosleep, no_object, block_clock_nanosleep, nothing },
	{ "usleep", SYS_clock_nanosleep, no_object, block_usleep, nothing },
	{ "sem_timedwait", SYS_futex, make_semaphore, block_semaphore, post },
	{ "futex", SYS_futex, make_futex, block_futex, wake },
	{ "sigtimedwait", SYS_rt_sigtimedwait, no_object, block_sigtimedwait, nothing },
	{ "semtimedop", SYS_semtimedop, make_sysv_semaphore, block_semtimedop, remove_semaphore },
	{ "msgrcv", SYS_msgrcv, make_queue, block_msgrcv, remove_queue },
	{ "recv+SO_RCVTIMEO", SYS_recvfrom, make_timed_pair, block_recv, write_byte },
	{ "accept+SO_RCVTIMEO", SYS_accept, make_listener, block_accept, connect_to },
};

static void on_usr2(int sig) /* ends a sleep that nothing else can end */
{
	(void)sig;
}

static _Atomic int n_handled;

static void on_usr1(int sig)
{
	(void)sig;
	n_handled++;
}

static void *sleep_on(void *argument)
{
	struct sleeper *sleeper = argument;

	sleeper->tid = gettid();
	while (!sleeper->ends)
		if (sleeper->way->block(sleeper->with) == EINTR && !sleeper->ends)
			sleeper->eintr++;
	sleeper->tid = -1;
	return NULL;
}

/* Until the thread stands in its system call, as the kernel tells it; false: it has ended. */
static bool wait_blocked(struct sleeper *sleeper)
{
	char path[64], text[64];

	while (sleeper->tid == 0)
		sched_yield();
	for (;;) {
		pid_t tid = sleeper->tid;
		if (tid < 0)
			return false;
		snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
		FILE *file = fopen(path, "r");
		char *line = file ? fgets(text, sizeof(text), file) : NULL;
		if (file)
			fclose(file);
		if (line && atoi(line) == sleeper->way->nr && strncmp(line, "running", 7))
			return true;
		sched_yield();
	}
}

static void start(struct sleeper *sleeper, const struct way *way)
{
	memset(sleeper, 0, sizeof(*sleeper));
	sleeper->way = way;
	sleeper->with = way->make();
	pthread_create(&sleeper->thread, NULL, sleep_on, sleeper);
}

static void end(struct sleeper *sleeper)
{
	wait_blocked(sleeper);
	sleeper->ends = true;
	sleeper->way->release(sleeper->with);
	while (sleeper->way->release == nothing && wait_blocked(sleeper))
		syscall(SYS_tgkill, getpid(), sleeper->tid, SIGUSR2);
	pthread_join(sleeper->thread, NULL);
}

/* How often the kernel has let the thread go: a signal it has handled counts. */
static unsigned long switches(pid_t tid)
{
	char path[64], line[256];
	unsigned long n = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	FILE *file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "voluntary_ctxt_switches: %lu", &n);
	if (file)
		fclose(file);
	return n;
}

/* The dump directory, to see when a dump is over: whole, and its child gone. */
static DIR *dumps;

static int count_dumps(void)
{
	int n = 0;

	rewinddir(dumps);
	for (struct dirent *entry; (entry = readdir(dumps)) != NULL;)
		n += strstr(entry->d_name, ".tcore") && entry->d_name[0] != '.';
	return n;
}

/* Has every child that the thread made ended? Not those that are waited for: zombies have. */
static bool children_have_ended(pid_t tid)
{
	char path[64], line[512], state;
	bool ended = true;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", tid);
	FILE *list = fopen(path, "r");
	while (list && fscanf(list, "%d", &pid) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		FILE *file = fopen(path, "r");
		if (file && fgets(line, sizeof(line), file) && strrchr(line, ')') &&
		    sscanf(strrchr(line, ')'), ") %c", &state) == 1 && state != 'Z' && state != 'X')
			ended = false;
		if (file)
			fclose(file);
	}
	if (list)
		fclose(list);
	return ended;
}

static void start_python(void)
{
	const char *directory = getenv("TASKCORE_DIR");
	void *python = dlopen("libpython3.11.so.1.0", RTLD_NOW | RTLD_GLOBAL);

	dumps = directory ? opendir(directory) : NULL;
	if (!python || !dumps) {
		printf("no libpython3.11 or no directory\n");
		exit(77);
	}
	((void (*)(int))dlsym(python, "Py_InitializeEx"))(0);
	((void *(*)(void))dlsym(python, "PyEval_SaveThread"))();
}

/* Signal the thread and wait until all that comes of it is over. */
static void hit_once(struct sleeper *hit, bool bare)
{
	unsigned long before = switches(hit->tid);
	int handled = n_handled, n = dumps ? count_dumps() : 0;

	syscall(SYS_tgkill, getpid(), hit->tid, SIGUSR1);
	/* It has been through the handler when it sleeps again. */
	while (bare ? n_handled == handled : switches(hit->tid) == before)
		sched_yield();
	while (dumps && (count_dumps() == n || !children_have_ended(hit->tid)))
		sched_yield();
}

static void try(const struct way *way, int n, bool bare)
{
	struct sleeper hit, other;

	start(&hit, way);
	start(&other, way);
	for (int i = 0; i < n; i++) {
		wait_blocked(&hit);
		wait_blocked(&other);
		hit_once(&hit, bare);
	}
	wait_blocked(&hit);
	printf("%s %d %d\n", way->name, hit.eintr, other.eintr);
	fflush(stdout);
	end(&hit);
	end(&other);
}

int main(int argc, char **argv)
{
	bool bare = argc > 1 && !strcmp(argv[1], "bare");
	int n = argc > 2 ? atoi(argv[2]) : 10;

	sigaction(SIGUSR2, &(struct sigaction){ .sa_handler = on_usr2 }, NULL);
	if (bare)
		signal(SIGUSR1, on_usr1);
	if (argc > 1 && !strcmp(argv[1], "python"))
		start_python();
	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		try(&ways[i], n, bare);
	return 0;
}
