/*
 * lost.c - threads that are given up: a call of plugin code that is in a library for ever.
 *
 * Such a thread can't be stopped: what the library holds, a lock perhaps, would be held
 * for ever, and pthread_cancel(3) runs code in it.  So it is left where it is, and
 * everything that it would return to is exchanged for its end.
 */
#define _GNU_SOURCE
#include "interruption.h"

#include <dlfcn.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "CNetISRHost.h"
#include "plugin_code.h"
#include "watch.h"

static _Thread_local int is_lost;
/* Lost threads whose stacks are looked at.  Counted up in the signal's handler, before its answer to the watcher, and down by that. */
static _Atomic int takeovers;

int
netisr_host_is_apart(const struct netisr_host_fault *fault, const struct netisr_host_frame *frame)
{
	Dl_info own, other;

	if (is_lost)
		return (0);
	if (fault->plugin_pc == 0 || fault->frame_count == NETISR_HOST_FRAMES ||
	    dladdr((void *)&netisr_host_faults_install, &own) == 0)
		return (0);
	for (unsigned int i = 0; i < fault->frame_count; i++) {
		uintptr_t pc = fault->frames[i];

		if (netisr_host_is_plugins(pc) || netisr_host_is_guard(pc))
			continue;
		if (dladdr((void *)pc, &other) == 0 || other.dli_fbase == own.dli_fbase)
			return (0);
	}
	return (1);
}

/*
 * The guarded call's stack pointer was at its frame when it called: below it lies
 * where the plugin's code returns to, above it where the guarded call does, after a
 * fault.  The thread's record is not its own any more: code of the plugin that goes
 * on, and calls the host, finds none, and ends there.
 */
void
netisr_host_lose(struct netisr_host_frame *frame)
{
	((uintptr_t *)frame)[-1] = (uintptr_t)&netisr_host_lost;
	frame->caller = (uintptr_t)&netisr_host_lost;
	netisr_host_set_self(NULL);
	is_lost = 1;
	takeovers++;
}

int
netisr_host_is_lost(void)
{
	return (is_lost);
}

void
netisr_host_taken_over(void)
{
	takeovers--;
}

void
netisr_host_end_lost(void)
{
	/* Whoever waits for the thread's end frees its stack. */
	while (takeovers != 0)
		usleep(1000);
	for (;;)
		syscall(SYS_exit, 0);
}
