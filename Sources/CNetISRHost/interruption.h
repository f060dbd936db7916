/*
 * interruption.h - what watch.c needs of fault.c.
 */
#ifndef _NETISR_INTERRUPTION_H_
#define _NETISR_INTERRUPTION_H_

#include <signal.h>
#include <ucontext.h>

#include "fault.h"
#include "guard.h"

/* Writes down where the interrupted thread is: whether that is in a plugin's image. */
int netisr_host_note_place(struct netisr_host_fault *fault, int signal, const siginfo_t *info,
    const ucontext_t *context, const struct netisr_host_frame *frame);

/* Has the thread recover at frame, as from that fault, when the signal's handler returns. */
void netisr_host_abandon(const struct netisr_host_fault *fault, ucontext_t *context,
    struct netisr_host_frame *frame);

#endif /* !_NETISR_INTERRUPTION_H_ */
