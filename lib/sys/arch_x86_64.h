/* SPDX-License-Identifier: Apache-2.0
 * What is specific to x86-64 Linux: system calls without libc, and the register layout of core
 * files. Facts from the System V ABI (AMD64, A.2.1) and the kernel's
 * arch/x86/include/asm/{elf,user_64}.h. */
#ifndef TC_ARCH_X86_64_H
#define TC_ARCH_X86_64_H

#ifndef __x86_64__
#error "taskcore runs on x86-64 only: another processor needs its own arch_*.h"
#endif

#include <cpuid.h>
#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TC_ARCH_MACHINE EM_X86_64
#define TC_ARCH_PAGE 4096u
#define TC_ARCH_USER_HZ 100 /* clock ticks a second in /proc: include/asm-generic/param.h */

/* struct elf_prstatus of core files (include/linux/elfcore.h): its size, and the offsets of the
 * fields that we fill in. */
#define TC_ARCH_PRSTATUS_SIZE 336
#define TC_ARCH_PRSTATUS_SIGNO 0
#define TC_ARCH_PRSTATUS_CODE 4
#define TC_ARCH_PRSTATUS_CURSIG 12 /* 2 bytes */
#define TC_ARCH_PRSTATUS_PID 32
#define TC_ARCH_PRSTATUS_REGS 112
/* Indexes into struct user_regs_struct, in 8-byte words. */
#define TC_ARCH_N_REGS 27
#define TC_ARCH_REG_PC 16
#define TC_ARCH_REG_RESULT 10 /* rax */
#define TC_ARCH_REG_CALL 15 /* orig_rax */
#define TC_ARCH_REG_SP 19
#define TC_ARCH_REG_FS_BASE 21
#define TC_ARCH_REG_GS_BASE 22
/* Bytes below the stack pointer that a function may use: System V ABI, AMD64 supplement, section
 * 3.2.2. */
#define TC_ARCH_RED_ZONE 128u

/* System calls without libc. They return the kernel's result, which is -errno on failure, do not
 * touch errno, and are no cancellation points. Everything in this header may run in a signal
 * handler. */
static inline long tc_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline long tc_syscall3(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline long tc_syscall4(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline long tc_syscall5(long nr, long a, long b, long c, long d, long e)
{
	return tc_syscall6(nr, a, b, c, d, e, 0);
}

static inline long tc_syscall2(long nr, long a, long b)
{
	return tc_syscall3(nr, a, b, 0);
}

static inline long tc_syscall1(long nr, long a)
{
	return tc_syscall3(nr, a, 0, 0);
}

static inline long tc_syscall0(long nr)
{
	return tc_syscall3(nr, 0, 0, 0);
}

/* To be called in a loop that waits for another processor to write to memory. */
static inline void tc_arch_pause(void)
{
	__builtin_ia32_pause();
}

/* Does this processor have the CRC-32C instruction? CPUID leaf 1, Intel SDM volume 2A. */
static inline bool tc_arch_has_crc32c(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c & bit_SSE4_2;
}

/* Continue the CRC-32C crc (not inverted) over size bytes. Only where tc_arch_has_crc32c is
 * true. */
__attribute__((target("sse4.2"))) static inline uint32_t
tc_arch_crc32c(uint32_t crc, const uint8_t *p, size_t size)
{
	uint64_t wide = crc, word;

	for (; size >= 8; p += 8, size -= 8) {
		memcpy(&word, p, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; size; p++, size--)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return crc;
}

/* Does valgrind run this code? This is its client request RUNNING_ON_VALGRIND (0x1001), as
 * valgrind.h 3.19 writes it for amd64: four rotations, by 128 bits in all, and an exchange of a
 * register with itself. A processor runs them without any effect. */
static inline bool tc_arch_on_valgrind(void)
{
	volatile uint64_t request[6] = { 0x1001 };
	volatile uint64_t result;

	__asm__ volatile("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "=d"(result)
			 : "a"(request), "0"(0L)
			 : "cc", "memory");
	return result != 0;
}

/* Is this processor emulated by QEMU's translator (TCG)? CPUID leaf 0x40000000, QEMU
 * target/i386/cpu.c. It is also true in a virtual machine that uses TCG, where everything works as
 * on a processor. */
static inline bool tc_arch_by_qemu(void)
{
	unsigned highest, b, c, d;

	__cpuid(0x40000000, highest, b, c, d);
	return b == 0x54474354 && c == 0x43544743 && d == 0x47435447; /* TCGTCGTCGTCG */
}

/* Copy size bytes from memory that may not be mapped. 0, or -1 after a fault. During the copy
 * SIGSEGV and SIGBUS must not be blocked, and their handler must call tc_arch_fix. */
int tc_arch_copy(void *to, const void *from, size_t size);

/* The registers in the third argument of a signal handler with SA_SIGINFO: struct ucontext of
 * arch/x86/include/uapi/asm/{ucontext,sigcontext}.h. */
struct tc_arch_context {
	uint64_t flags, link, stack[3];
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
	uint64_t eflags, segments;
	uint64_t error, trap; /* of the last fault: TC_ARCH_TRAP_… */
	uint64_t other[11];   /* an old mask, the address, the floating-point state */
	uint64_t mask;	    /* of signals blocked at the interruption */
};

/* The exception of a fault of memory, and bits of its error code: Intel SDM volume 3A, section
 * 6.15, #PF. */
#define TC_ARCH_TRAP_PAGE 14u
#define TC_ARCH_ERROR_WRITE 2u
#define TC_ARCH_ERROR_FETCH 16u

/* In a handler of SIGSEGV for a general protection fault: was it raised by the instruction hlt? */
static inline bool tc_arch_at_halt(const struct tc_arch_context *context)
{
	return *(const uint8_t *)(uintptr_t)context->rip == 0xf4;
}

/* All registers of the thread that a signal has interrupted, in the order of struct
 * user_regs_struct; those of data segments and the bases of fs and gs are 0, and no system call is
 * told. The context does not have the bases: the thread itself can ask for them, in its handler or
 * elsewhere; they stay 0 where the kernel does not tell them. */
void tc_arch_context_regs(const struct tc_arch_context *context, uint64_t regs[TC_ARCH_N_REGS]);
void tc_arch_own_bases(uint64_t regs[TC_ARCH_N_REGS]);

/* In a handler of SIGSEGV or SIGBUS: make the tc_arch_copy that faulted return -1. False: something
 * else faulted, and context is not changed. */
bool tc_arch_fix(struct tc_arch_context *context);

/* Call function(argument) on the stack whose highest address is top (16-byte aligned). True: it
 * returned. False: a signal handler ended it by tc_arch_abandon(context, *way_out). *way_out is set
 * before function is called, and is valid until this returns. */
bool tc_arch_call_on(void *top, void (*function)(void *argument), void *argument, void **way_out);

/* In a handler of a signal that interrupted such a call, in the same thread: make tc_arch_call_on
 * return false as soon as the handler returns. What function had opened or mapped is not given
 * back. */
void tc_arch_abandon(struct tc_arch_context *context, void *way_out);

/* clone(2) with these flags. The child runs function(argument) on the stack whose highest address
 * is top, then ends with status 0. The child's pid, or -errno. */
long tc_arch_spawn(unsigned long flags, void *top, void (*function)(void *argument),
		   void *argument);

enum { TC_ARCH_NO_SYSCALL = -1, TC_ARCH_SOME_SYSCALL = -2 };
/* The number of the system call that a thread slept in when ptrace stopped it, from its registers
 * (NT_PRSTATUS); its six arguments go to args. TC_ARCH_NO_SYSCALL: it did not sleep in one; a
 * thread that is just leaving a system call counts as running. */
int64_t tc_arch_slept_in(const uint64_t regs[TC_ARCH_N_REGS], uint64_t args[6]);

/* The number of the system call that a signal interrupted, from the thread's registers; its six
 * arguments go to args. TC_ARCH_NO_SYSCALL: none was interrupted; one that was about to be made
 * does not count. TC_ARCH_SOME_SYSCALL: one was,
 * but its number cannot be found out. before is the code in front of PC, after the code at PC. When
 * the code does not show the number, the stack is read by tc_arch_copy. */
int64_t tc_arch_syscall(const struct tc_arch_context *context, const uint8_t before[16],
			const uint8_t after[2], uint64_t args[6]);

/* struct kernel_sigaction of arch/x86/include/asm/signal.h, which rt_sigaction(2) takes and
 * returns; its mask has 8 bytes. */
struct tc_arch_action {
	void *handler;
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};
#define TC_ARCH_SA_RESTORER 0x04000000ul

/* In a handler that the kernel has called with this restorer: end it, and enter another one for the
 * same signal, as if the kernel had called that one. The context is the second field of the
 * kernel's frame, behind the address of the restorer (struct rt_sigframe of
 * arch/x86/include/asm/sigframe.h). Returns if the frame is not so, as where somebody else has
 * called us: then the handler was not entered. */
void tc_arch_enter(void *handler, int sig, void *info, struct tc_arch_context *context,
		   void (*restorer)(void));

/* The address that a handler returns to (sa_restorer): calls rt_sigreturn(2). Never called from
 * C. */
void tc_arch_restore(void);

#endif
