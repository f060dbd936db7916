#define _GNU_SOURCE
#include "dispositions.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin_code.h"

#define SIGNALS 64

struct netisr_host_dispositions {
	struct sigaction actions[SIGNALS];
};

static uintptr_t
handler_of(const struct sigaction *action)
{
	if ((action->sa_flags & SA_SIGINFO) != 0)
		return ((uintptr_t)action->sa_sigaction);
	return ((uintptr_t)action->sa_handler);
}

static int
is_own(uintptr_t handler)
{
	Dl_info own, other;

	return (handler > (uintptr_t)SIG_IGN && dladdr((void *)&netisr_host_dispositions_note, &own) != 0 &&
	    dladdr((void *)handler, &other) != 0 && own.dli_fbase == other.dli_fbase);
}

struct netisr_host_dispositions *
netisr_host_dispositions_note(void)
{
	struct netisr_host_dispositions *noted = calloc(1, sizeof(*noted));

	if (noted == NULL)
		return (NULL);
	/* The C library's own signals fail, and stay zero: the default. */
	for (int i = 1; i < SIGNALS; i++)
		(void)sigaction(i, NULL, &noted->actions[i]);
	return (noted);
}

void
netisr_host_dispositions_free(struct netisr_host_dispositions *noted)
{
	free(noted);
}

uint64_t
netisr_host_dispositions_restore(const struct netisr_host_dispositions *noted, uintptr_t low, uintptr_t high)
{
	uint64_t changed = 0;

	for (int i = 1; i < SIGNALS; i++) {
		struct sigaction now, then = noted->actions[i];

		if (sigaction(i, NULL, &now) != 0)
			continue;
		uintptr_t handler = handler_of(&now);
		int is_images = handler >= low && handler < high;
		int was_taken = is_own(handler_of(&then)) && handler != handler_of(&then);

		if (!is_images && !was_taken)
			continue;
		if (netisr_host_is_plugins(handler_of(&then))) {
			memset(&then, 0, sizeof(then));
			then.sa_handler = SIG_DFL;
		}
		if (sigaction(i, &then, NULL) == 0)
			changed |= (uint64_t)1 << i;
	}
	return (changed);
}

const char *
netisr_host_signal_name(int signal)
{
	static _Thread_local char text[32];
	const char *name = sigabbrev_np(signal);

	if (name != NULL)
		snprintf(text, sizeof(text), "SIG%s", name);
	else
		snprintf(text, sizeof(text), "signal %d", signal);
	return (text);
}
