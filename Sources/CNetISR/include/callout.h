/*
 * callout.h - functions that are called later, after callout(9).
 *
 * A callout calls its function once, a time after it was armed, on a
 * workstream: in handler context, never beside another handler or callout of
 * that workstream's queue, in the order of the deadlines, and whether or not
 * packets come.  It may be late by what is being handled just then, and never
 * early.
 *
 * Time is told by a clock: 0 is the host's, which only ever goes forward; the
 * others are those of captures (if_clock in ifnet.h), whose time passes as
 * their packets come, so that what happens does not depend on how fast a
 * capture is read.  An engine that is driven by hand is told its time.
 *
 * A callout belongs to the image that its function is in.  When that is
 * unloaded, or swapped for a new generation, its callouts are stopped before
 * netisr_plugin_unregister() is called, and none can be armed any more.  The
 * new generation arms its own: what it arms in netisr_plugin_register() is
 * held, and begins to run when the generation serves; of one that fails,
 * nothing runs.
 */
#ifndef _CALLOUT_H_
#define _CALLOUT_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* At most so many are armed on one workstream. */
#define CALLOUT_MAX 65536

/*
 * The caller's part of a callout.  The host keeps the rest, and never looks
 * here by itself: it may lie anywhere, also in a table's value, and may be
 * copied or thrown away at any time, which does not stop the callout.  All
 * zero is a callout of the host's clock that was never armed.
 */
struct callout {
	uint64_t c_id;    /* private to the host */
	uint32_t c_clock; /* as in if_clock */
	uint32_t c_flags; /* private to the host */
};

typedef void callout_func_t(void *arg);

/* Makes a callout of a clock that is not armed.  [any thread] */
void callout_init(struct callout *c, uint32_t clock);

/*
 * Arms it: fn(arg) is called after ns nanoseconds, on the workstream of the
 * calling thread's CPU.  One that is armed already is put off.  [any thread],
 * from table callbacks too.  Returns 1 if it was armed before and had not been
 * called yet, 0 if not, and -1, with nothing changed, when too many are armed,
 * fn is NULL, there is no such clock, or the image is being unloaded.
 */
int callout_reset(struct callout *c, uint64_t ns, callout_func_t *fn, void *arg);
/* The same, on the workstream of a CPU (any number is good: netisr_get_cpuid()). */
int callout_reset_on(
    struct callout *c, uint64_t ns, callout_func_t *fn, void *arg, unsigned int cpu);

/*
 * Disarms it.  [any thread] 1: it will not be called; 0: it is being called
 * right now, and goes on; -1: it was not armed.
 */
int callout_stop(struct callout *c);
/*
 * The same, and waits for the end of a call that is under way.  [control]
 * From a handler or a callout: EDEADLK, and nothing is done; else as
 * callout_stop().
 */
int callout_drain(struct callout *c);

/* Whether it is armed, and was not called yet.  [any thread] */
int callout_pending(const struct callout *c);
/* Whether it was armed, and neither stopped nor deactivated since: its
 * function says with callout_deactivate() that it has run.  [any thread] */
int callout_active(const struct callout *c);
void callout_deactivate(struct callout *c);

/*
 * The time of a clock, in nanoseconds since the epoch: of the host, as
 * netisr_time(); of a capture, the latest that its packets have told, 0 before
 * the first.  [any thread]
 */
uint64_t callout_time(uint32_t clock);

#ifdef __cplusplus
}
#endif

#endif /* !_CALLOUT_H_ */
