/*
 * fault.c - the signals of faults, and the way back to the innermost guarded call.
 */
#define _GNU_SOURCE
#include "fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "guard.h"
#include "interruption.h"
#include "plugin_code.h"

extern void __asan_handle_no_return(void) __attribute__((weak));

/* For the handler and the unwinder; measured use: under 20 KiB. */
#define STACK_SIZE ((size_t)64 << 10)

/* The pair of _Thread_local words that the handler writes and its own thread reads. */
static _Thread_local struct netisr_host_fault last;
static _Thread_local volatile sig_atomic_t pending;
/* The name of the image whose constructors this thread may be in. */
static _Thread_local const char *volatile loading;

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))
static struct sigaction before[SIGNALS];

static void
pass_on(int signal, siginfo_t *info, void *context)
{
	for (size_t i = 0; i < SIGNALS; i++) {
		if (signals[i] != signal)
			continue;
		if ((before[i].sa_flags & SA_SIGINFO) != 0 && before[i].sa_sigaction != NULL) {
			before[i].sa_sigaction(signal, info, context);
			return;
		}
		if (before[i].sa_handler != SIG_DFL && before[i].sa_handler != SIG_IGN) {
			before[i].sa_handler(signal);
			return;
		}
	}
	/* As if we had never been: the instruction is tried again, or the signal sent again. */
	struct sigaction standard = {.sa_handler = SIG_DFL};

	sigaction(signal, &standard, NULL);
	if (signal == SIGABRT || info->si_code <= 0)
		raise(signal);
}

/* Has the thread go on at a frame, with the fault that was written down. */
static void
recover(ucontext_t *context, struct netisr_host_frame *frame)
{
	last.subject = frame->subject;
	netisr_host_note_packet(&last, frame);
	pending = 1;
#if defined(__x86_64__)
	context->uc_mcontext.gregs[REG_RSP] = (greg_t)(uintptr_t)frame;
	context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)&netisr_host_recover;
#endif
}

static void
on_signal(int signal, siginfo_t *info, void *argument)
{
	struct netisr_host_frame *frame = netisr_host_frame;
	ucontext_t *context = argument;
	int error = errno;
	/* Sent by somebody else: no fault of ours. */
	int is_own = info->si_code > 0 ||
	    (signal == SIGABRT && info->si_code == SI_TKILL && info->si_pid == getpid());

	if (frame == NULL || !is_own) {
		if (is_own && loading != NULL) {
			netisr_host_note_fault(&last, signal, info, context);
			netisr_host_last_words(&last, NULL, loading);
		}
		pass_on(signal, info, argument);
		errno = error;
		return;
	}
	netisr_host_note_fault(&last, signal, info, context);
	if (!netisr_host_is_containable(&last, frame)) {
		netisr_host_last_words(&last, frame, NULL);
		pass_on(signal, info, argument);
		errno = error;
		return;
	}
	recover(context, frame);
	errno = error;
}

int
netisr_host_note_place(struct netisr_host_fault *fault, int signal, const siginfo_t *info,
    const ucontext_t *context, const struct netisr_host_frame *frame)
{
	netisr_host_note_fault(fault, signal, info, context);
	(void)netisr_host_is_containable(fault, frame);
	fault->subject = frame->subject;
	netisr_host_note_packet(fault, frame);
	return (netisr_host_is_plugins(fault->pc));
}

void
netisr_host_abandon(const struct netisr_host_fault *fault, ucontext_t *context, struct netisr_host_frame *frame)
{
	last = *fault;
	recover(context, frame);
}

void
netisr_host_resume(const struct netisr_host_fault *fault, struct netisr_host_frame *frame)
{
	last = *fault;
	last.subject = frame->subject;
	netisr_host_note_packet(&last, frame);
	pending = 1;
	/* What lies between is forgotten, also by who watches the stack's variables. */
	if (__asan_handle_no_return != NULL)
		__asan_handle_no_return();
#if defined(__x86_64__)
	__asm__ volatile("movq %0, %%rsp\n\tjmp netisr_host_recover" : : "r"(frame) : "memory");
#endif
	__builtin_unreachable();
}

void
netisr_host_leave_call(struct netisr_host_frame *frame, const char *called, int status, uintptr_t pc)
{
	struct timespec now;

	memset(&last, 0, offsetof(struct netisr_host_fault, packet));
	clock_gettime(CLOCK_REALTIME, &now);
	last.time = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	last.thread = (int32_t)syscall(SYS_gettid);
	last.called = called;
	last.status = status;
	last.pc = pc;
	last.plugin_pc = netisr_host_plugin_code(frame, pc);
	/* Behind a call that does not return, another function may begin. */
	if (last.plugin_pc == pc)
		last.plugin_pc--;
	netisr_host_note_calls(&last, frame);
	if (last.frame_count == 0)
		last.frames[last.frame_count++] = pc;
	last.subject = frame->subject;
	netisr_host_note_packet(&last, frame);
	pending = 1;
#if defined(__x86_64__)
	__asm__ volatile("movq %0, %%rsp; jmp netisr_host_recover" : : "r"(frame) : "memory");
#endif
	__builtin_unreachable();
}

void
netisr_host_loading(const char *name)
{
	loading = name;
}

int
netisr_host_faults_install(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigemptyset(&action.sa_mask);
	/* The unwinder is loaded and ready before the first fault needs it. */
	struct netisr_host_fault scratch = {0};

	netisr_host_note_calls(&scratch, NULL);
	for (size_t i = 0; i < SIGNALS; i++) {
		struct sigaction old;

		if (sigaction(signals[i], NULL, &old) != 0)
			return (errno);
		if ((old.sa_flags & SA_SIGINFO) != 0 && old.sa_sigaction == on_signal)
			continue;
		before[i] = old;
		if (sigaction(signals[i], &action, NULL) != 0)
			return (errno);
	}
	return (netisr_host_endings_install());
}

static pthread_key_t stack_key;
static pthread_once_t stack_once = PTHREAD_ONCE_INIT;

static void
free_stack(void *stack)
{
	stack_t none = {.ss_flags = SS_DISABLE};

	(void)sigaltstack(&none, NULL);
	munmap(stack, STACK_SIZE);
}

static void
make_stack_key(void)
{
	if (pthread_key_create(&stack_key, free_stack) != 0)
		abort();
}

int
netisr_host_fault_prepare(void)
{
	static _Thread_local int is_prepared;
	stack_t now;

	if (is_prepared)
		return (0);
	is_prepared = 1;
	if (sigaltstack(NULL, &now) != 0)
		return (errno);
	if ((now.ss_flags & SS_DISABLE) == 0 && now.ss_size >= STACK_SIZE / 2)
		return (0);
	pthread_once(&stack_once, make_stack_key);
	void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED)
		return (errno);
	stack_t own = {.ss_sp = stack, .ss_size = STACK_SIZE};

	if (sigaltstack(&own, NULL) != 0) {
		munmap(stack, STACK_SIZE);
		return (errno);
	}
	return (pthread_setspecific(stack_key, stack));
}

int
netisr_host_fault_is_pending(void)
{
	return (pending);
}

void *
netisr_host_fault_subject(void)
{
	return (last.subject);
}

const struct netisr_host_fault *
netisr_host_fault_take(void)
{
	pending = 0;
	return (&last);
}
