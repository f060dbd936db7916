/*
 * tally.h - how many packets handlers have handled: a cache line per thread, so
 * that two handling threads never write the same one.
 */
#ifndef _TALLY_H_
#define _TALLY_H_

#include "CEngineBench.h"

#include <stdatomic.h>

struct tally {
	_Atomic uint64_t handled[BENCH_MAXLANES]; /* written by its thread only */
	_Atomic int taken;                        /* by a thread that lives */
} __attribute__((aligned(64)));

extern _Thread_local struct tally *tally_own;

/* The calling thread's, for the first time. */
struct tally *tally_take(void);

/* Release pairs with the acquire in bench_handled(): who sees the count may
 * write to the packet. */
static inline void
tally_add(unsigned int lane)
{
	struct tally *own = tally_own;

	if (__builtin_expect(own == NULL, 0))
		own = tally_take();
	atomic_store_explicit(&own->handled[lane],
	    atomic_load_explicit(&own->handled[lane], memory_order_relaxed) + 1, memory_order_release);
}

#endif /* !_TALLY_H_ */
