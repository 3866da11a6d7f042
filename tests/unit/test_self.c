/* SPDX-License-Identifier: Apache-2.0
 * Tests of reading our own memory: guarded copies, ways out of a fault, stacks, the decoding of an
 * interrupted system call. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/run_suite.h"
#include "lib/sys/arch_x86_64.h"
#include "lib/mem/mem_self.h"
#include "lib/sys/sys.h"

#define STACK 65536

static void *way_out;
static int faults;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	faults++;
	if (!tc_arch_fix(context))
		tc_arch_abandon(context, way_out);
}

static void guard(void)
{
	ck_assert_int_eq(tc_sys_action(SIGSEGV, (void *)on_fault, SA_SIGINFO, 0), 0);
	ck_assert_int_eq(tc_sys_action(SIGBUS, (void *)on_fault, SA_SIGINFO, 0), 0);
	faults = 0;
}

static uint8_t *pages(size_t n)
{
	return mmap(NULL, n * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

START_TEST(every_size_up_to_the_edge)
{
	uint8_t *memory = pages(2), to[4096];

	guard();
	for (size_t i = 0; i < 4096; i++)
		memory[i] = (uint8_t)(i * 7);
	munmap(memory + 4096, 4096);
	for (size_t size = 0; size <= 600; size++) {
		memset(to, 0xaa, sizeof(to));
		ck_assert_int_eq(tc_arch_copy(to, memory + 4096 - size, size), 0);
		ck_assert_int_eq(memcmp(to, memory + 4096 - size, size), 0);
		ck_assert_int_eq(to[size], 0xaa);
		if (size)
			ck_assert_int_eq(tc_arch_copy(to, memory + 4097 - size, size), -1);
	}
	ck_assert_int_eq(faults, 600);
}
END_TEST

START_TEST(addresses_that_are_none)
{
	static const tc_addr bad[] = { 0, 8, 1ul << 47, 0xdeadbeefdeadbeef, UINT64_MAX - 3 };
	static const uint64_t good = 7;
	struct tc_mem mem;
	uint64_t word;

	guard();
	for (int snapshot = 0; snapshot < 2; snapshot++) {
		tc_mem_self_init(&mem, snapshot);
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			ck_assert_int_eq(tc_get(&mem, bad[i], &word), -TC_EFAULT);
		ck_assert_int_eq(tc_get(&mem, (tc_addr)(uintptr_t)&good, &word), 0);
		ck_assert_int_eq(tc_get(&mem, (tc_addr)(uintptr_t)&good, &word), 0);
	}
}
END_TEST

START_TEST(a_file_that_was_cut_off)
{
	char name[] = "/tmp/test_self.XXXXXX";
	struct tc_mem mem;
	uint64_t word;
	int fd = mkstemp(name);

	guard();
	ck_assert_int_ge(fd, 0);
	unlink(name);
	ck_assert_int_eq(ftruncate(fd, 8192), 0);
	uint8_t *memory = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	tc_mem_self_init(&mem, false);
	ck_assert_int_eq(tc_get(&mem, (tc_addr)(uintptr_t)memory, &word), 0);
	ck_assert_int_eq(tc_get(&mem, (tc_addr)(uintptr_t)memory + 4096, &word), -TC_EFAULT);
	close(fd);
}
END_TEST

struct work {
	bool fault;
	uintptr_t stack;
};

static void work(void *argument)
{
	struct work *w = argument;
	volatile int *nowhere = (volatile int *)pages(1);

	w->stack = (uintptr_t)&w;
	munmap((void *)nowhere, 4096);
	if (w->fault)
		*nowhere = 1;
	w->fault = true;
}

START_TEST(a_call_on_another_stack_and_out_of_it)
{
	uint8_t *stack = pages(STACK / 4096);
	struct work w = { .fault = false };

	guard();
	ck_assert(tc_arch_call_on(stack + STACK, work, &w, &way_out));
	ck_assert(w.fault && w.stack > (uintptr_t)stack && w.stack < (uintptr_t)stack + STACK);
	ck_assert(!tc_arch_call_on(stack + STACK, work, &w, &way_out));
	ck_assert_int_eq(faults, 1);
}
END_TEST

static void write_byte(void *fd)
{
	tc_sys_write(*(int *)fd, "x", 1);
}

START_TEST(a_child_in_our_memory)
{
	uint8_t *stack = pages(STACK / 4096);
	int fds[2], status;
	char c = 0;

	ck_assert_int_eq(pipe(fds), 0);
	long child = tc_arch_spawn(0x100 /* CLONE_VM */, stack + STACK, write_byte, &fds[1]);
	ck_assert_int_gt(child, 0);
	ck_assert_int_eq(read(fds[0], &c, 1), 1);
	ck_assert_int_eq(waitpid(-1, &status, 0), -1); /* no stranger sees it */
	ck_assert_int_eq(errno, ECHILD);
	ck_assert_int_eq(waitpid((pid_t)child, &status, __WALL), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

static uint64_t seen_regs[TC_ARCH_N_REGS];
static struct tc_arch_context seen;

static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	seen = *(struct tc_arch_context *)context;
	tc_arch_context_regs(context, seen_regs);
	tc_arch_own_bases(seen_regs);
}

/* Indexes of struct user_regs_struct. The selectors of 64-bit programs are 0x33 for code and 0x2b
 * for the stack: arch/x86/include/asm/segment.h. The first word at fs is its own address: ELF
 * Handling for Thread-Local Storage, section 3.4.6. */
START_TEST(all_registers_of_a_context)
{
	enum { R15, R12 = 3, RBP, RBX, R8 = 9, RAX, RCX, RDX, RDI = 14, CALL, RIP, CS, FLAGS, RSP,
	       SS, FS_BASE, GS_BASE, DS, GS = 26 };
	uint64_t own, begin, sp, rbx = 0x1122334455667788, r12 = 42;

	ck_assert_int_eq(tc_sys_action(SIGTRAP, (void *)on_trap, SA_SIGINFO, 0), 0);
	__asm__ volatile("mov %%fs:0, %0" : "=r"(own));
	__asm__ volatile("mov %3, %%rbx; mov %4, %%r12; mov %%rsp, %1; lea 1f(%%rip), %0; std\n\t"
			 "int3\n"
			 "1:	cld"
			 : "=&r"(begin), "=&r"(sp)
			 : "m"(own), "r"(rbx), "r"(r12)
			 : "rbx", "r12", "cc", "memory");
	ck_assert_uint_eq(seen_regs[RIP], begin);
	ck_assert_uint_eq(seen_regs[RSP], sp);
	ck_assert_uint_eq(seen_regs[RBX], rbx);
	ck_assert_uint_eq(seen_regs[R12], r12);
	ck_assert_uint_eq(seen_regs[FS_BASE], own);
	ck_assert_uint_eq(seen_regs[GS_BASE], 0);
	ck_assert_uint_eq(seen_regs[CALL], UINT64_MAX);
	ck_assert_uint_eq(seen_regs[CS], 0x33);
	ck_assert_uint_eq(seen_regs[SS], 0x2b);
	ck_assert_uint_eq(seen_regs[DS], 0);
	ck_assert_uint_eq(seen_regs[GS], 0);
	ck_assert(seen_regs[FLAGS] & 0x400); /* the direction flag */
	const uint64_t others[][2] = { { R15, seen.r15 }, { RBP, seen.rbp }, { R8, seen.r8 },
				       { RAX, seen.rax }, { RCX, seen.rcx }, { RDX, seen.rdx },
				       { RDI, seen.rdi } };
	for (int i = 0; i < ROWS(others); i++)
		ck_assert_uint_eq(seen_regs[others[i][0]], others[i][1]);
}
END_TEST

START_TEST(an_interrupted_system_call)
{
	uint8_t before[16] = { 0 }, after[2] = { 0x0f, 0x05 };
	struct tc_arch_context context = {
		.rax = 0, .rdi = 3, .r9 = 9, .rip = 0x1000, .rcx = 0x1002
	};
	unsigned a = 0, b, c, d;
	uint64_t args[6];

	/* read, about to be made again */
	ck_assert_int_eq(tc_arch_syscall(&context, before, after, args), 0);
	ck_assert_uint_eq(args[0], 3);
	ck_assert_uint_eq(args[5], 9);
	/* the same instruction, not executed yet; with FRED that cannot be told */
	context.rcx = 7;
	bool fred = __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 17 & 1;
	ck_assert_int_eq(tc_arch_syscall(&context, before, after, args), fred ? 0 : -1);
	/* mov $232, %eax; syscall: epoll_wait, which failed with EINTR */
	memcpy(before + 9, "\xb8\xe8\0\0\0\x0f\x05", 7);
	after[0] = 0;
	context.rax = (uint64_t)-EINTR;
	ck_assert_int_eq(tc_arch_syscall(&context, before, after, args), 232);
	/* an argument is loaded in between, as in glibc's epoll_pwait */
	memcpy(before + 5, "\xb8\x19\x01\0\0\x8b\x7c\x24\x04\x0f\x05", 11);
	ck_assert_int_eq(tc_arch_syscall(&context, before, after, args), 281);
	context.rax = 5; /* it returned something else: the signal came later */
	ck_assert_int_eq(tc_arch_syscall(&context, before, after, args), -1);
}
END_TEST

/* Write "call function" so that it returns to the returned address. */
static uint64_t put_call(uint8_t code[5], const uint8_t *function)
{
	int32_t by = (int32_t)(function - (code + 5));

	code[0] = 0xe8;
	memcpy(code + 1, &by, sizeof(by));
	return (uint64_t)(uintptr_t)(code + 5);
}

/* glibc from 2.41 on: the number is the seventh argument of the function that is under way. */
START_TEST(a_system_call_whose_number_stands_on_the_stack)
{
	static uint8_t code[4096];
	const uint8_t before[16] = "\0\0\0\0\0\0\0\0\0\x4c\x89\x5c\x24\x08\x0f\x05";
	uint64_t stack[32] = { 0 }, args[6];
	struct tc_arch_context context = { .rax = (uint64_t)-EINTR, .rdi = 6 };

	context.rsp = (uint64_t)(uintptr_t)stack;
	context.rip = (uint64_t)(uintptr_t)(code + 3000);
	ck_assert_int_eq(tc_arch_syscall(&context, before, before, args), TC_ARCH_SOME_SYSCALL);
	stack[0] = (uint64_t)(uintptr_t)(code + 1100); /* in the function at 1000 */
	stack[2] = (uint64_t)(uintptr_t)(code + 2000); /* no call is before it */
	stack[3] = 7;
	ck_assert_int_eq(tc_arch_syscall(&context, before, before, args), TC_ARCH_SOME_SYSCALL);
	stack[4] =
		put_call(code + 2100, code + 200); /* an old return address: of another function */
	stack[5] = 8;
	ck_assert_int_eq(tc_arch_syscall(&context, before, before, args), TC_ARCH_SOME_SYSCALL);
	stack[6] = put_call(code + 2200, code + 1000);
	stack[7] = 232;
	ck_assert_int_eq(tc_arch_syscall(&context, before, before, args), 232);
	ck_assert_uint_eq(args[0], 6);
	stack[0] = 0;
	context.rip = (uint64_t)(uintptr_t)(code + 1100); /* it makes the call itself */
	ck_assert_int_eq(tc_arch_syscall(&context, before, before, args), 232);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("self");
	TCase *one = tcase_create("self");

	tcase_add_test(one, every_size_up_to_the_edge);
	tcase_add_test(one, addresses_that_are_none);
	tcase_add_test(one, a_file_that_was_cut_off);
	tcase_add_test(one, a_call_on_another_stack_and_out_of_it);
	tcase_add_test(one, a_child_in_our_memory);
	tcase_add_test(one, all_registers_of_a_context);
	tcase_add_test(one, an_interrupted_system_call);
	tcase_add_test(one, a_system_call_whose_number_stands_on_the_stack);
	suite_add_tcase(suite, one);
	return run_suite(suite);
}
