/*
 * guard.S - the guarded calls of guard.h, x86-64, System V.
 *
 * Each pushes the six registers that belong to its caller and five words of
 * its own, which makes a struct netisr_host_frame, and publishes the stack
 * pointer.  Eleven words, so that the stack is aligned at the calls.
 *
 * A handler's calls write the subject's mark into each packet, which the
 * handler holds from then on: into the line that it is about to read anyway.
 *
 * With NETISR_UNGUARDED defined, those of unguarded.S stand in their place.
 */
#if !defined(__x86_64__)
#error "guard.S: guarded calls are written for x86-64 only"
#endif

#define CURSOR	0
#define OUTER	8
#define SUBJECT	16
#define LIST	24
#define OWN	40	/* bytes of the five words */

#define MARK	8	/* of a struct netisr_host_subject */
#define ISPARE	36	/* of a struct mbuf: m_ispare */

/* The thread's innermost frame.  The host is a program: so its place is known. */
#define FRAME	%fs:netisr_host_frame@tpoff

	.text
	.globl	netisr_host_guard_begin
netisr_host_guard_begin:

/*
 * argument, list, subject, cursor: registers or 0.  A handler's cursor begins as the list, another's frame has the
 * function there.  With is_own the list is in %rax, and the argument is its only entry.
 */
.macro	ENTER argument, list, subject, cursor, is_own=0
	.cfi_startproc
	endbr64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	pushq	\argument
	.cfi_adjust_cfa_offset 8
.if \is_own
	movq	%rsp, %rax
.endif
	pushq	\list
	.cfi_adjust_cfa_offset 8
	pushq	\subject
	.cfi_adjust_cfa_offset 8
	pushq	FRAME
	.cfi_adjust_cfa_offset 8
	pushq	\cursor
	.cfi_adjust_cfa_offset 8
.endm

/* Returns, with what is in %rax and %rdx. */
.macro	LEAVE
	movq	OUTER(%rsp), %rcx
	movq	%rcx, FRAME
	addq	$OWN, %rsp
	.cfi_adjust_cfa_offset -OWN
	popq	%r15
	.cfi_adjust_cfa_offset -8
	popq	%r14
	.cfi_adjust_cfa_offset -8
	popq	%r13
	.cfi_adjust_cfa_offset -8
	popq	%r12
	.cfi_adjust_cfa_offset -8
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
.endm

#ifndef NETISR_UNGUARDED

	.globl	netisr_host_call
	.type	netisr_host_call, @function
	.p2align 5
netisr_host_call:
	ENTER	%rsi, %rax, %rdi, %rax, 1
	movq	%rsp, FRAME
	movl	MARK(%rdi), %ecx
	movl	%ecx, ISPARE(%rsi)
	movq	(%rdi), %rax
	movq	%rsi, %rdi
	callq	*%rax
	movl	$1, %eax
	LEAVE
	.size	netisr_host_call, . - netisr_host_call

	.globl	netisr_host_call_batch
	.type	netisr_host_call_batch, @function
	.p2align 5
netisr_host_call_batch:
	ENTER	%rdx, %rsi, %rdi, %rsi
	movq	%rsp, FRAME
	movq	(%rdi), %r12
	movl	MARK(%rdi), %r14d
	movq	%rsi, %rbx
	leaq	(%rsi,%rdx,8), %r13
	testq	%rdx, %rdx
	jz	3f
	/* By two, so that the end is looked for half as often: an odd one first. */
	testb	$1, %dl
	jnz	2f
	.p2align 4
1:	movq	%rbx, CURSOR(%rsp)
	movq	(%rbx), %rdi
	movl	%r14d, ISPARE(%rdi)
	callq	*%r12
	addq	$8, %rbx
2:	movq	%rbx, CURSOR(%rsp)
	movq	(%rbx), %rdi
	movl	%r14d, ISPARE(%rdi)
	callq	*%r12
	addq	$8, %rbx
	cmpq	%r13, %rbx
	jne	1b
3:	movq	%rbx, %rax
	subq	LIST(%rsp), %rax
	shrq	$3, %rax
	LEAVE
	.size	netisr_host_call_batch, . - netisr_host_call_batch

	.globl	netisr_host_call_function
	.type	netisr_host_call_function, @function
	.p2align 5
netisr_host_call_function:
	ENTER	%rdx, $0, %rdi, %rsi
	movq	%rsp, FRAME
	movq	%rsi, %rax
	movq	%rdx, %rdi
	movq	%rcx, %rsi
	movq	%r8, %rdx
	callq	*%rax
	movl	$1, %edx
	LEAVE
	.size	netisr_host_call_function, . - netisr_host_call_function

#endif

/*
 * Reached from the signal handler, with %rsp at a frame: returns from its call.
 * A handler's: how many returned is how far the cursor came.  Another's: value
 * and returned are 0.
 */
	.globl	netisr_host_recover
	.type	netisr_host_recover, @function
	.p2align 5
netisr_host_recover:
	.cfi_startproc
	.cfi_def_cfa %rsp, OWN + 56
	.cfi_offset %rbp, -16
	.cfi_offset %rbx, -24
	.cfi_offset %r12, -32
	.cfi_offset %r13, -40
	.cfi_offset %r14, -48
	.cfi_offset %r15, -56
	endbr64
	cld
	movq	CURSOR(%rsp), %rax
	subq	LIST(%rsp), %rax
	shrq	$3, %rax
	xorl	%edx, %edx
	cmpq	$0, LIST(%rsp)
	cmoveq	%rdx, %rax
	LEAVE
	.size	netisr_host_recover, . - netisr_host_recover

/*
 * Where the plugin's call of a lost thread returns to: the thread ends (lost.c), without
 * a look at anything.  Nobody is its caller any more, which unwinders look up by
 * the byte before.
 */
	.p2align 5
	.cfi_startproc
	.cfi_undefined %rip
	nop
	.globl	netisr_host_lost
	.type	netisr_host_lost, @function
netisr_host_lost:
	endbr64
	callq	netisr_host_end_lost
	ud2
	.cfi_endproc
	.size	netisr_host_lost, . - netisr_host_lost

	.globl	netisr_host_guard_end
netisr_host_guard_end:

	.section .note.GNU-stack, "", @progbits
