/*
 * evidence.c - what a fault was, where, with which packet, and whose: fault.h says what counts as a plugin's.
 *
 * In signal handlers, on memory that may be anything: what may not be there is
 * read by process_vm_readv(2), which says so instead of faulting.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

#include "interruption.h"
#include "mbuf.h"
#include "plugin_code.h"

/* How far below the stack pointer a fault is taken for an overflow. */
#define OVERFLOW_REACH ((uintptr_t)64 << 10)

/* Copies memory that may not be there: how many bytes were. */
static size_t
peek(const void *from, void *to, size_t size)
{
	struct iovec local = {.iov_base = to, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)from, .iov_len = size};
	ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	return (n < 0 ? 0 : (size_t)n);
}

void
netisr_host_note_packet(struct netisr_host_fault *fault, const struct netisr_host_frame *frame)
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

void
netisr_host_note_calls(struct netisr_host_fault *fault, const struct netisr_host_frame *frame)
{
	struct walk walk = {.fault = fault, .pc = fault->pc, .floor = (uintptr_t)frame};

	(void)_Unwind_Backtrace(visit, &walk);
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

int
netisr_host_is_containable(struct netisr_host_fault *fault, const struct netisr_host_frame *frame)
{
	uintptr_t top;

	fault->frame_count = 0;
	if (netisr_host_is_plugins(fault->pc)) {
		fault->plugin_pc = fault->pc;
		/* For the report only: what it finds may be wrong, the frame is not.  Code that unmapped itself has no calls to find. */
		if (peek((const void *)fault->pc, &top, 1) == 1)
			netisr_host_note_calls(fault, frame);
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

	netisr_host_note_calls(fault, frame);
	for (unsigned int i = 0; i < fault->frame_count; i++) {
		fault->plugin_pc = netisr_host_plugin_code(frame, fault->frames[i]);
		if (fault->plugin_pc != 0)
			return (may_abandon(fault->signal, i, fault->frames[i > 0 ? i - 1 : 0]));
		if (!known || dladdr((void *)fault->frames[i], &other) == 0 || other.dli_fbase == own.dli_fbase)
			return (0);
	}
	return (0);
}

void
netisr_host_note_fault(struct netisr_host_fault *fault, int signal, const siginfo_t *info, const ucontext_t *context)
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
