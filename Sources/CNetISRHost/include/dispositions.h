/*
 * dispositions.h - what the process does with each signal (sigaction(2)), noted
 * before a plugin's code runs and put right after it.
 *
 * A handler that stays installed when its image is gone is a jump into nowhere;
 * one for SIGSEGV would take the host's own containment away.
 */
#ifndef _NETISR_DISPOSITIONS_H_
#define _NETISR_DISPOSITIONS_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct netisr_host_dispositions;

/* What holds now; NULL without memory.  The caller frees it (netisr_host_dispositions_free). */
struct netisr_host_dispositions *netisr_host_dispositions_note(void);
void netisr_host_dispositions_free(struct netisr_host_dispositions *noted);

/*
 * Puts back what was noted, for each signal whose handler lies in an image by
 * now, or was the host's own and is not there any more: what other threads of
 * the host install meanwhile stays.  A noted handler of a plugin is
 * not put back: the signal gets its default.  A bit (1 << number) for each signal that was put right;
 * signals are 1 to 63.
 */
uint64_t netisr_host_dispositions_restore(const struct netisr_host_dispositions *noted, uintptr_t low, uintptr_t high);

/* "SIGUSR1", or "signal 40": of a thread's own memory, until its next call. */
const char *netisr_host_signal_name(int signal);

#ifdef __cplusplus
}
#endif

#endif /* !_NETISR_DISPOSITIONS_H_ */
