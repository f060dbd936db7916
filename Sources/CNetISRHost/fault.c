#define _GNU_SOURCE
#include "fault.h"
#include "guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "interruption.h"
#include "CNetISRHost.h"
#include "mbuf.h"
#include "plugin_code.h"

extern void __asan_handle_no_return(void) __attribute__((weak));

/* For the handler and the unwinder; measured use: under 20 KiB. */
#define STACK_SIZE ((size_t)64 << 10)
/* How far below the stack pointer a fault is taken for an overflow. */
#define OVERFLOW_REACH ((uintptr_t)64 << 10)

/* The pair of _Thread_local words that the handler writes and its own thread reads. */
static _Thread_local struct netisr_host_fault last;
static _Thread_local volatile sig_atomic_t pending;
/* The name of the image whose constructors this thread may be in. */
static _Thread_local const char *volatile loading;

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))
static struct sigaction before[SIGNALS];

/* Copies memory that may not be there: how many bytes were. */
static size_t
peek(const void *from, void *to, size_t size)
{
	struct iovec local = {.iov_base = to, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)from, .iov_len = size};
	ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	return (n < 0 ? 0 : (size_t)n);
}

/* The packet in flight, as far as its chain can be read. */
static void
note_packet(struct netisr_host_fault *fault, const struct netisr_host_frame *frame)
{
	const struct mbuf *next;
	struct mbuf m;

	fault->packet_length = 0;
	fault->captured = 0;
	fault->batch_index = fault->batch_count = 0;
	if (frame->list != NULL) {
		/* A single packet's list is the frame's own word. */
		fault->batch_count = frame->list == (const void *)&frame->argument ? 1 : (uint32_t)frame->argument;
		fault->batch_index = (uint32_t)(frame->cursor - frame->list);
	}
	if (frame->list == NULL || peek(frame->cursor, &next, sizeof(next)) != sizeof(next))
		return;
	for (int links = 0; next != NULL && links < 64; links++) {
		size_t room = sizeof(fault->packet) - fault->captured;

		if (peek(next, &m, sizeof(m)) != sizeof(m) || m.m_len < 0 || m.m_len > (1 << 20))
			return;
		if (room > (size_t)m.m_len)
			room = (size_t)m.m_len;
		if (room > 0)
			fault->captured += peek(m.m_data, fault->packet + fault->captured, room);
		fault->packet_length += (uint32_t)m.m_len;
		next = m.m_next;
	}
}

#if defined(__x86_64__)
static const struct {
	const char *name;
	int greg;
} registers[NETISR_HOST_REGISTERS] = {
    {"rip", REG_RIP}, {"rsp", REG_RSP}, {"rbp", REG_RBP}, {"rax", REG_RAX}, {"rbx", REG_RBX},
    {"rcx", REG_RCX}, {"rdx", REG_RDX}, {"rsi", REG_RSI}, {"rdi", REG_RDI}, {"r8", REG_R8},
    {"r9", REG_R9}, {"r10", REG_R10}, {"r11", REG_R11}, {"r12", REG_R12}, {"r13", REG_R13},
    {"r14", REG_R14}, {"r15", REG_R15}, {"eflags", REG_EFL},
};
#endif

const char *
netisr_host_register_name(unsigned int index)
{
	return (index < NETISR_HOST_REGISTERS ? registers[index].name : NULL);
}

struct walk {
	struct netisr_host_fault *fault;
	uintptr_t pc;    /* of the fault: frames before it are the handler's own */
	uintptr_t floor; /* the guarded call's frame: what lies beyond is the host's */
	int begun;
	int done;
};

static _Unwind_Reason_Code
visit(struct _Unwind_Context *context, void *argument)
{
	struct walk *walk = argument;
	struct netisr_host_fault *fault = walk->fault;
	uintptr_t pc = _Unwind_GetIP(context);

	if (!walk->begun && pc != walk->pc)
		return (_URC_NO_REASON);
	walk->begun = 1;
	if (_Unwind_GetCFA(context) > walk->floor || fault->frame_count == NETISR_HOST_FRAMES)
		return (_URC_END_OF_STACK);
	fault->frames[fault->frame_count++] = pc;
	return (_URC_NO_REASON);
}

/*
 * Library code that may be abandoned in its middle.  Called directly by a plugin
 * it holds no lock; deeper it might.  abort() was called for, and holds none; the
 * allocator, which calls it when its lists are damaged, does.
 */
static int
may_abandon(int signal, unsigned int library_frames, uintptr_t outermost)
{
	Dl_info info;

	if (signal != SIGABRT)
		return (library_frames <= 1);
	if (dladdr((void *)outermost, &info) == 0 || info.dli_sname == NULL)
		return (1);
	static const char *const allocators[] = {"malloc", "free", "calloc", "realloc", "reallocarray",
	    "memalign", "aligned_alloc", "posix_memalign", "cfree"};
	for (size_t i = 0; i < sizeof(allocators) / sizeof(allocators[0]); i++) {
		if (strcmp(info.dli_sname, allocators[i]) == 0)
			return (0);
	}
	return (1);
}

uintptr_t
netisr_host_plugin_code(const struct netisr_host_frame *frame, uintptr_t pc)
{
	uintptr_t handler;

	if (netisr_host_is_plugins(pc))
		return (pc);
	/* Called last of all by the plugin's function, which then is on the stack no more: guard.h says where it stands. */
	if (!netisr_host_is_guard(pc))
		return (0);
	if (frame->list == NULL)
		handler = (uintptr_t)frame->cursor;
	else
		memcpy(&handler, frame->subject, sizeof(handler));
	return (netisr_host_is_plugins(handler) ? handler : 0);
}

/* Whether this fault is a plugin's, and the host's state was not in its hands. */
static int
is_containable(struct netisr_host_fault *fault, const struct netisr_host_frame *frame)
{
	struct walk walk = {.fault = fault, .pc = fault->pc, .floor = (uintptr_t)frame};
	uintptr_t top;

	fault->frame_count = 0;
	if (netisr_host_is_plugins(fault->pc)) {
		fault->plugin_pc = fault->pc;
		/* For the report only: what it finds may be wrong, the frame is not.  Code that unmapped itself has no calls to find. */
		if (peek((const void *)fault->pc, &top, 1) == 1)
			(void)_Unwind_Backtrace(visit, &walk);
		if (fault->frame_count == 0)
			fault->frames[fault->frame_count++] = fault->pc;
		return (1);
	}
	/* A call into nowhere: it has pushed where it came from, and nothing else. */
	if (peek((const void *)fault->pc, &top, 1) == 0 &&
	    peek((const void *)fault->registers[1], &top, sizeof(top)) == sizeof(top) && netisr_host_is_plugins(top)) {
		fault->plugin_pc = top;
		fault->frames[fault->frame_count++] = fault->pc;
		fault->frames[fault->frame_count++] = top;
		return (1);
	}
	Dl_info own, other;
	int known = dladdr((void *)&netisr_host_faults_install, &own);

	(void)_Unwind_Backtrace(visit, &walk);
	for (unsigned int i = 0; i < fault->frame_count; i++) {
		fault->plugin_pc = netisr_host_plugin_code(frame, fault->frames[i]);
		if (fault->plugin_pc != 0)
			return (may_abandon(fault->signal, i, fault->frames[i > 0 ? i - 1 : 0]));
		if (!known || dladdr((void *)fault->frames[i], &other) == 0 || other.dli_fbase == own.dli_fbase)
			return (0);
	}
	return (0);
}

static void
note_fault(struct netisr_host_fault *fault, int signal, const siginfo_t *info, const ucontext_t *context)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	fault->time = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	fault->signal = signal;
	fault->code = info->si_code;
	fault->address = signal == SIGABRT || signal == SIGXCPU ? 0 : (uintptr_t)info->si_addr;
	fault->thread = (int32_t)syscall(SYS_gettid);
	fault->plugin_pc = 0;
	fault->called = NULL;
	fault->status = fault->is_lost = 0;
	fault->misuse = 0;
	fault->mark = 0;
#if defined(__x86_64__)
	for (int i = 0; i < NETISR_HOST_REGISTERS; i++)
		fault->registers[i] = (uintptr_t)context->uc_mcontext.gregs[registers[i].greg];
#endif
	fault->pc = fault->registers[0];
	fault->is_overflow = signal == SIGSEGV && fault->address < fault->registers[1] + 4096 &&
	    fault->address + OVERFLOW_REACH > fault->registers[1];
}

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
	note_packet(&last, frame);
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
			note_fault(&last, signal, info, context);
			netisr_host_last_words(&last, NULL, loading);
		}
		pass_on(signal, info, argument);
		errno = error;
		return;
	}
	note_fault(&last, signal, info, context);
	if (!is_containable(&last, frame)) {
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
	note_fault(fault, signal, info, context);
	(void)is_containable(fault, frame);
	fault->subject = frame->subject;
	note_packet(fault, frame);
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
	note_packet(&last, frame);
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
	struct walk walk = {.fault = &last, .pc = pc, .floor = (uintptr_t)frame};

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
	(void)_Unwind_Backtrace(visit, &walk);
	if (last.frame_count == 0)
		last.frames[last.frame_count++] = pc;
	last.subject = frame->subject;
	note_packet(&last, frame);
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
	struct walk walk = {.fault = &scratch};

	(void)_Unwind_Backtrace(visit, &walk);
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
