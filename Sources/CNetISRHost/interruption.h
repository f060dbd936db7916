/*
 * interruption.h - what fault.c, evidence.c, watch.c, lost.c, misuse.c, ending.c and last_words.c need of each other.
 */
#ifndef _NETISR_INTERRUPTION_H_
#define _NETISR_INTERRUPTION_H_

#include <signal.h>
#include <ucontext.h>

#include "fault.h"
#include "guard.h"

/* Writes down what a signal says of a fault: all but calls and packet. */
void netisr_host_note_fault(struct netisr_host_fault *fault, int signal, const siginfo_t *info,
    const ucontext_t *context);

/* Writes down the calls of the calling thread between fault->pc, once that is come to, and the frame's call. */
void netisr_host_note_calls(struct netisr_host_fault *fault, const struct netisr_host_frame *frame);

/* Writes down the packet in flight of the frame's call, as far as its chain can be read. */
void netisr_host_note_packet(struct netisr_host_fault *fault, const struct netisr_host_frame *frame);

/*
 * Whether a fault that was written down is a plugin's, and the host's state was not in
 * its hands.  Writes down its calls, and the innermost address in the plugin's image.
 */
int netisr_host_is_containable(struct netisr_host_fault *fault, const struct netisr_host_frame *frame);

/* Writes down where the interrupted thread is: whether that is in a plugin's image. */
int netisr_host_note_place(struct netisr_host_fault *fault, int signal, const siginfo_t *info,
    const ucontext_t *context, const struct netisr_host_frame *frame);

/*
 * Whether nothing between a frame and where its thread was found is the host's:
 * then the host's state is in nobody's hands, and the thread may be left behind.
 */
int netisr_host_is_apart(const struct netisr_host_fault *fault, const struct netisr_host_frame *frame);

/* Has the calling thread, in a signal's handler, end when the call at frame returns, or faults. */
void netisr_host_lose(struct netisr_host_frame *frame);

/* Has the thread recover at frame, as from that fault, when the signal's handler returns. */
void netisr_host_abandon(const struct netisr_host_fault *fault, ucontext_t *context,
    struct netisr_host_frame *frame);

/* Whether code of the guarded calls themselves (guard.S) is at that address. */
static inline int
netisr_host_is_guard(uintptr_t pc)
{
	return (pc >= (uintptr_t)netisr_host_guard_begin && pc < (uintptr_t)netisr_host_guard_end);
}

/*
 * The plugin's code that a return address on the stack of a frame's call stands for: the
 * address itself, or the handler's, if that called last of all; 0: none.
 */
uintptr_t netisr_host_plugin_code(const struct netisr_host_frame *frame, uintptr_t pc);

/* Leaves the call at frame, as after a fault that was `called`. */
__attribute__((noreturn)) void netisr_host_leave_call(struct netisr_host_frame *frame, const char *called,
    int status, uintptr_t pc);

/* Tells standard error of a fault that is about to end the process. */
void netisr_host_last_words(const struct netisr_host_fault *fault, const struct netisr_host_frame *frame,
    const char *loading);

/* Has standard error told, and the process end with EX_SOFTWARE, if it ends by a call of plugin code. */
int netisr_host_endings_install(void);

/* Has the calling thread go on at its innermost frame, as from that fault.  No host
 * function that holds state may be between. */
_Noreturn void netisr_host_resume(const struct netisr_host_fault *fault, struct netisr_host_frame *frame);

#endif /* !_NETISR_INTERRUPTION_H_ */
