/* SPDX-License-Identifier: Apache-2.0
 * What needs assembly on x86-64: copies that may fault, changes of the stack. System V ABI, AMD64
 * supplement, sections 3.2.2 and A.2.1. */
#include "lib/sys/arch_x86_64.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "lib/base/safe.h"

/* Long copies use "rep movsb", short ones single words. The function puts nothing on the stack, so
 * that after a fault at any instruction between begin and end it can return by a jump to end. */
__asm__(".text\n"
	".hidden tc_arch_copy\n"
	".globl tc_arch_copy\n"
	".type tc_arch_copy, @function\n"
	"tc_arch_copy:\n"
	"	.cfi_startproc\n"
	"tc_arch_copy_begin:\n"
	"	cmp $256, %rdx\n"
	"	jae 5f\n"
	"	sub $8, %rdx\n"
	"	jb 2f\n"
	"1:	mov (%rsi), %rax\n"
	"	mov %rax, (%rdi)\n"
	"	add $8, %rsi\n"
	"	add $8, %rdi\n"
	"	sub $8, %rdx\n"
	"	jae 1b\n"
	"2:	add $8, %rdx\n"
	"	jz 4f\n"
	"3:	movzbl (%rsi), %eax\n"
	"	mov %al, (%rdi)\n"
	"	inc %rsi\n"
	"	inc %rdi\n"
	"	dec %rdx\n"
	"	jnz 3b\n"
	"4:	xor %eax, %eax\n"
	"	ret\n"
	"5:	mov %rdx, %rcx\n"
	"	rep movsb\n"
	"	xor %eax, %eax\n"
	"	ret\n"
	"tc_arch_copy_end:\n"
	"	mov $-1, %eax\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size tc_arch_copy, . - tc_arch_copy\n");

extern const char tc_arch_copy_begin[] __attribute__((visibility("hidden")));
extern const char tc_arch_copy_end[] __attribute__((visibility("hidden")));

bool tc_arch_fix(struct tc_arch_context *context)
{
	if (context->rip < (uint64_t)(uintptr_t)tc_arch_copy_begin ||
	    context->rip >= (uint64_t)(uintptr_t)tc_arch_copy_end)
		return false;
	context->rip = (uint64_t)(uintptr_t)tc_arch_copy_end;
	return true;
}

/* *way_out is the stack pointer after the callee-saved registers were pushed. Both the normal
 * return and tc_arch_abandon set the stack pointer to it and go on at tc_arch_call_out. */
__asm__(".text\n"
	".hidden tc_arch_call_on\n"
	".globl tc_arch_call_on\n"
	".type tc_arch_call_on, @function\n"
	"tc_arch_call_on:\n"
	"	.cfi_startproc\n"
	"	push %rbp\n"
	"	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset %rbp, -16\n"
	"	mov %rsp, %rbp\n"
	"	.cfi_def_cfa_register %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	.cfi_offset %rbx, -24\n"
	"	.cfi_offset %r12, -32\n"
	"	.cfi_offset %r13, -40\n"
	"	.cfi_offset %r14, -48\n"
	"	.cfi_offset %r15, -56\n"
	"	mov %rsp, (%rcx)\n"
	"	mov %rdi, %rsp\n"
	"	mov %rdx, %rdi\n"
	"	call *%rsi\n"
	"	mov $1, %eax\n"
	"	lea -40(%rbp), %rsp\n"
	"tc_arch_call_out:\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	.cfi_def_cfa %rsp, 8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size tc_arch_call_on, . - tc_arch_call_on\n");

extern const char tc_arch_call_out[] __attribute__((visibility("hidden")));

void tc_arch_abandon(struct tc_arch_context *context, void *way_out)
{
	context->rsp = (uint64_t)(uintptr_t)way_out;
	context->rip = (uint64_t)(uintptr_t)tc_arch_call_out;
	context->rax = 0;
}

/* The segments are cs, gs, fs and ss of 16 bits each: struct sigcontext_64 of
 * arch/x86/include/uapi/asm/sigcontext.h. The order of the result is that of struct
 * user_regs_struct in arch/x86/include/asm/user_64.h. */
void tc_arch_context_regs(const struct tc_arch_context *context, uint64_t regs[TC_ARCH_N_REGS])
{
	const uint64_t segments = context->segments;
	const uint64_t all[TC_ARCH_N_REGS] = {
		context->r15, context->r14, context->r13, context->r12, context->rbp, context->rbx,
		context->r11, context->r10, context->r9,  context->r8,	context->rax, context->rcx,
		context->rdx, context->rsi, context->rdi,
		UINT64_MAX, /* orig_rax: no system call */
		context->rip, segments & 0xffff, context->eflags, context->rsp, segments >> 48,
		0, 0, 0, 0, /* fs_base, gs_base, ds, es */
		segments >> 32 & 0xffff, segments >> 16 & 0xffff,
	};
	memcpy(regs, all, sizeof(all));
}

#define ARCH_GET_FS 0x1003 /* arch/x86/include/uapi/asm/prctl.h */
#define ARCH_GET_GS 0x1004

void tc_arch_own_bases(uint64_t regs[TC_ARCH_N_REGS])
{
	tc_syscall2(SYS_arch_prctl, ARCH_GET_FS, (long)&regs[TC_ARCH_REG_FS_BASE]);
	tc_syscall2(SYS_arch_prctl, ARCH_GET_GS, (long)&regs[TC_ARCH_REG_GS_BASE]);
}

/* 15 is rt_sigreturn. Unwinders recognise a signal frame by its unwind information or by exactly
 * these instructions (gcc's config/i386/linux-unwind.h, gdb's amd64-linux-tdep.c). Both are the
 * same here as in glibc's __restore_rt (sysdeps/unix/sysv/linux/x86_64/libc_sigaction.c). The stack
 * pointer points to the struct tc_arch_context. The nop is needed because unwinders look up the
 * address before the return address. */
#define SAVED(reg, at) \
	"	.cfi_escape 0x10, " #reg ", 3, 0x77, (" #at " & 0x7f) | 0x80, " #at " >> 7\n"
__asm__(".text\n"
	".hidden tc_arch_restore\n"
	".globl tc_arch_restore\n"
	".type tc_arch_restore, @function\n"
	"	.cfi_startproc simple\n"
	"	.cfi_signal_frame\n"
	"	.cfi_escape 0x0f, 4, 0x77, (160 & 0x7f) | 0x80, 160 >> 7, 0x06\n"
	SAVED(8, 40) SAVED(9, 48) SAVED(10, 56) SAVED(11, 64) SAVED(12, 72) SAVED(13, 80)
	SAVED(14, 88) SAVED(15, 96) SAVED(5, 104) SAVED(4, 112) SAVED(6, 120) SAVED(3, 128)
	SAVED(1, 136) SAVED(0, 144) SAVED(2, 152) SAVED(16, 168)
	"	nop\n"
	"tc_arch_restore:\n"
	"	mov $15, %rax\n"
	"	syscall\n"
	"	.cfi_endproc\n"
	".size tc_arch_restore, . - tc_arch_restore\n");

void tc_arch_enter(void *handler, int sig, void *info, struct tc_arch_context *context,
		   void (*restorer)(void))
{
	uint64_t *frame = (uint64_t *)context - 1;

	if (*frame != (uint64_t)(uintptr_t)restorer)
		return;
	__asm__ volatile("mov %0, %%rsp\n\t"
			 "jmp *%1"
			 :
			 : "r"(frame), "r"(handler), "D"((long)sig), "S"(info), "d"(context)
			 : "memory");
	__builtin_unreachable();
}

/* 56 is clone, 231 is exit_group. Without CLONE_THREAD the child is a process of its own, so
 * exit_group ends only the child. */
__asm__(".text\n"
	".hidden tc_arch_spawn\n"
	".globl tc_arch_spawn\n"
	".type tc_arch_spawn, @function\n"
	"tc_arch_spawn:\n"
	"	.cfi_startproc\n"
	"	sub $16, %rsi\n"
	"	mov %rcx, (%rsi)\n"
	"	mov %rdx, 8(%rsi)\n"
	"	xor %edx, %edx\n"
	"	xor %r10d, %r10d\n"
	"	xor %r8d, %r8d\n"
	"	mov $56, %eax\n"
	"	syscall\n"
	"	test %rax, %rax\n"
	"	jz 1f\n"
	"	ret\n"
	"1:	.cfi_undefined %rip\n"
	"	xor %ebp, %ebp\n"
	"	pop %rdi\n"
	"	pop %rax\n"
	"	call *%rax\n"
	"	xor %edi, %edi\n"
	"	mov $231, %eax\n"
	"	syscall\n"
	"	hlt\n"
	"	.cfi_endproc\n"
	".size tc_arch_spawn, . - tc_arch_spawn\n");

#define WRAPPER_SIZE 512u /* bytes; more than __internal_syscall_cancel has */

static bool is_syscall(const uint8_t *code)
{
	return code[0] == 0x0f && code[1] == 0x05;
}

/* Does the call that returns to this address call the function that holds one of the places? */
static bool calls_around(uint64_t to, uint64_t one, uint64_t other)
{
	uint8_t call[5]; /* call rel32 */
	int32_t by;

	if (to < TC_ARCH_PAGE ||
	    tc_arch_copy(call, (const void *)(uintptr_t)(to - 5), sizeof(call)) < 0 ||
	    call[0] != 0xe8)
		return false;
	memcpy(&by, call + 1, sizeof(by));
	uint64_t function = to + (uint64_t)(int64_t)by;
	return one - function < WRAPPER_SIZE || other - function < WRAPPER_SIZE;
}

/* From 2.41 on glibc makes all system calls that are cancellation points in one function,
 * __internal_syscall_cancel (nptl/cancellation.c), itself or by another one that it calls. The
 * number is its seventh argument, which lies right above its return address (System V ABI, section
 * 3.2.3). The return address is known by the call before it, whose target must be the function that
 * is under way: pc, or the return address at the top of the stack, lies in it. */
static int64_t number_on_stack(uint64_t pc, uint64_t rsp)
{
	uint64_t words[24];

	if (tc_arch_copy(words, (const void *)(uintptr_t)rsp, sizeof(words)) < 0)
		return TC_ARCH_SOME_SYSCALL;
	for (unsigned i = 0; i + 1 < sizeof(words) / sizeof(words[0]); i++)
		if (words[i + 1] < 1024 && calls_around(words[i], pc, words[0]))
			return (int64_t)words[i + 1];
	return TC_ARCH_SOME_SYSCALL;
}

/* The "mov $number, %eax" that loads the number is right before the syscall instruction, or one or
 * two other loads are between them. */
static int64_t number_in_code(const uint8_t before[16])
{
	for (unsigned i = 9; i < 16; i--)
		if (before[i] == 0xb8 && before[i + 2] < 4 && !before[i + 3] && !before[i + 4])
			return before[i + 1] | before[i + 2] << 8;
	return TC_ARCH_SOME_SYSCALL;
}

/* Was a sleep interrupted? These results show it, and only ptrace sees the first: ERESTARTSYS to
 * ERESTART_RESTARTBLOCK of include/linux/errno.h, and EINTR of calls that are not restarted, as
 * epoll_wait. Measured on 1,551 stopped threads: this agreed with their memory in all, the answer
 * of /proc/PID/syscall disagreed in 210. */
static bool is_interrupted(int64_t result)
{
	return (result <= -512 && result >= -516) || result == -EINTR;
}

int64_t tc_arch_slept_in(const uint64_t regs[TC_ARCH_N_REGS], uint64_t args[6])
{
	static const uint8_t indexes[6] = { 14, 13, 12, 7, 9, 8 }; /* rdi rsi rdx r10 r8 r9 */
	int64_t number = (int64_t)regs[TC_ARCH_REG_CALL];

	if (number < 0 || !is_interrupted((int64_t)regs[TC_ARCH_REG_RESULT]))
		return TC_ARCH_NO_SYSCALL;
	for (int i = 0; i < 6; i++)
		args[i] = regs[indexes[i]];
	return number;
}

/* The kernel of a processor with FRED leaves rcx as it is at a system call (Linux,
 * tools/testing/selftests/x86/sysret_rip.c). CPUID leaf 7, subleaf 1; asked once, because in a
 * virtual machine it takes some 20 µs. */
static bool has_fred(void)
{
	static _Atomic int known; /* 1: no, 2: yes */
	unsigned a = 0, b, c, d;

	if (!known)
		known = __get_cpuid_count(7, 1, &a, &b, &c, &d) && a >> 17 & 1 ? 2 : 1;
	return known == 2;
}

/* PC is at a syscall instruction. Was it executed before, and is to be executed again? Or was the
 * thread interrupted before it, by a timer say, and does not sleep? The instruction puts the
 * address behind itself into rcx (Intel SDM volume 2B, SYSCALL), where it stays. */
static bool is_made_again(const struct tc_arch_context *context)
{
	return context->rcx == context->rip + 2 || has_fred();
}

/* After a signal, PC is before the syscall instruction where the call will be restarted (then its
 * number is in rax), and behind it where the call fails with EINTR (then rax no longer holds the
 * number): arch/x86/kernel/signal.c, handle_signal. */
int64_t tc_arch_syscall(const struct tc_arch_context *context, const uint8_t before[16],
			const uint8_t after[2], uint64_t args[6])
{
	int64_t number;

	if (is_syscall(after) && context->rax < 1024) {
		if (!is_made_again(context))
			return TC_ARCH_NO_SYSCALL;
		number = (int64_t)context->rax;
	} else {
		if (!is_syscall(before + 14) || context->rax != (uint64_t)-EINTR)
			return TC_ARCH_NO_SYSCALL;
		number = number_in_code(before);
		if (number < 0)
			number = number_on_stack(context->rip, context->rsp);
	}
	if (number < 0)
		return number;
	const uint64_t registers[6] = { context->rdi, context->rsi, context->rdx,
					context->r10, context->r8,  context->r9 };
	for (int i = 0; i < 6; i++)
		args[i] = registers[i];
	return number;
}
