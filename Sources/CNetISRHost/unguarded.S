/*
 * unguarded.S - the calls of guard.S as plain ones: without a frame, without marks.
 *
 * A build with these, by NETISR_UNGUARDED, contains nothing: any fault of a
 * plugin ends the process, and whose packets are whose is not known.  It is
 * there to be measured against (make bench-containment).
 */
#ifdef NETISR_UNGUARDED

	.text

	.globl	netisr_host_call
	.type	netisr_host_call, @function
	.p2align 5
netisr_host_call:
	.cfi_startproc
	endbr64
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movq	(%rdi), %rax
	movq	%rsi, %rdi
	callq	*%rax
	movl	$1, %eax
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	netisr_host_call, . - netisr_host_call

	.globl	netisr_host_call_batch
	.type	netisr_host_call_batch, @function
	.p2align 5
netisr_host_call_batch:
	.cfi_startproc
	endbr64
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
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movq	%rdx, %r14
	movq	(%rdi), %r12
	movq	%rsi, %rbx
	leaq	(%rsi,%rdx,8), %r13
	testq	%rdx, %rdx
	jz	3f
	testb	$1, %dl
	jnz	2f
	.p2align 4
1:	movq	(%rbx), %rdi
	callq	*%r12
	addq	$8, %rbx
2:	movq	(%rbx), %rdi
	callq	*%r12
	addq	$8, %rbx
	cmpq	%r13, %rbx
	jne	1b
3:	movq	%r14, %rax
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r14
	.cfi_adjust_cfa_offset -8
	popq	%r13
	.cfi_adjust_cfa_offset -8
	popq	%r12
	.cfi_adjust_cfa_offset -8
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	netisr_host_call_batch, . - netisr_host_call_batch

	.globl	netisr_host_call_function
	.type	netisr_host_call_function, @function
	.p2align 5
netisr_host_call_function:
	.cfi_startproc
	endbr64
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movq	%rsi, %rax
	movq	%rdx, %rdi
	movq	%rcx, %rsi
	movq	%r8, %rdx
	callq	*%rax
	movl	$1, %edx
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	netisr_host_call_function, . - netisr_host_call_function

#endif

	.section .note.GNU-stack, "", @progbits
