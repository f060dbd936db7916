#define _GNU_SOURCE
#include "misuse.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

#include "fault.h"
#include "guard.h"
#include "interruption.h"
#include "mbuf.h"
#include "plugin_code.h"

/* Not canonical: whoever follows it faults. */
#define POISON 0xdeadc0dedeadc0deull

/* A plugin's late write may come at any time: the thread sanitizer is not told of these looks. */
#define UNWATCHED __attribute__((no_sanitize("thread")))

UNWATCHED void
netisr_host_poison(void *memory, size_t size)
{
	uint64_t *words = memory;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		__atomic_store_n(&words[i], POISON, __ATOMIC_RELAXED);
}

UNWATCHED size_t
netisr_host_poison_end(const void *memory, size_t size)
{
	const uint64_t *words = memory;

	for (size_t i = 0; i < size / sizeof(*words); i++) {
		uint64_t word = __atomic_load_n(&words[i], __ATOMIC_RELAXED) ^ POISON;

		if (word != 0)
			return (i * sizeof(*words) + (size_t)__builtin_ctzll(word) / 8);
	}
	return (size);
}

struct search {
	struct netisr_host_fault *fault;
	uintptr_t inner; /* where the function starts that the plugin has called */
	int found;
};

/* Whether a function is a guarded call's: what it has called is the plugin's, and what lies beyond the host's. */
static int
is_guard(uintptr_t function)
{
	return (function == (uintptr_t)netisr_host_call || function == (uintptr_t)netisr_host_call_batch ||
	    function == (uintptr_t)netisr_host_call_function);
}

static _Unwind_Reason_Code
visit(struct _Unwind_Context *context, void *argument)
{
	struct search *search = argument;
	struct netisr_host_fault *fault = search->fault;
	uintptr_t pc = _Unwind_GetIP(context);

	if (is_guard(_Unwind_GetRegionStart(context)) || fault->frame_count == NETISR_HOST_FRAMES)
		return (_URC_END_OF_STACK);
	if (!search->found && netisr_host_is_plugins(pc)) {
		/* The registers that a call leaves as they are, by their numbers in DWARF. */
		static const struct {
			int dwarf, index;
		} kept[] = {{3, 4}, {6, 2}, {12, 13}, {13, 14}, {14, 15}, {15, 16}};

		search->found = 1;
		fault->plugin_pc = pc;
		fault->pc = fault->registers[0] = pc;
		fault->registers[1] = _Unwind_GetCFA(context);
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
			fault->registers[kept[i].index] = _Unwind_GetGR(context, kept[i].dwarf);
	}
	if (search->found)
		fault->frames[fault->frame_count++] = pc;
	else
		search->inner = _Unwind_GetRegionStart(context);
	return (_URC_NO_REASON);
}

/* The functions of mbuf.h that free.  They hold no lock, and what they change is the caller's. */
static int
is_of_mbufs(uintptr_t function)
{
	const uintptr_t functions[] = {(uintptr_t)m_free, (uintptr_t)m_freem, (uintptr_t)m_pullup,
	    (uintptr_t)m_adj, (uintptr_t)m_prepend, (uintptr_t)m_cat, (uintptr_t)m_copypacket, (uintptr_t)m_dup};

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (functions[i] == function)
			return (1);
	}
	return (0);
}

void
netisr_host_describe_misuse(struct netisr_host_fault *fault, int misuse, uintptr_t address, uint32_t mark)
{
	struct timespec now;

	memset(fault, 0, sizeof(*fault));
	clock_gettime(CLOCK_REALTIME, &now);
	fault->time = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	fault->signal = SIGABRT;
	fault->address = address;
	fault->thread = (int32_t)syscall(SYS_gettid);
	fault->misuse = misuse;
	fault->mark = mark;
}

void
netisr_host_raise_misuse(int misuse, uintptr_t address, uint32_t mark)
{
	struct netisr_host_frame *frame = netisr_host_frame;
	struct netisr_host_fault fault;
	struct search search = {.fault = &fault};

	if (frame == NULL)
		return;
	netisr_host_describe_misuse(&fault, misuse, address, mark);
	(void)_Unwind_Backtrace(visit, &search);
	if (!is_of_mbufs(search.inner))
		return;
	if (!search.found) {
		/* The last that the plugin does: its frame is gone, and the guarded call would be returned to. */
		const struct netisr_host_subject *subject = frame->subject;

		fault.plugin_pc = fault.pc = fault.registers[0] = (uintptr_t)subject->function;
		fault.frames[fault.frame_count++] = fault.pc;
	}
	netisr_host_resume(&fault, frame);
}
