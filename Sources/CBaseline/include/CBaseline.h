/*
 * CBaseline.h - the peer that the engine is measured against: a dispatch
 * service built as the kernel's is.
 *
 * Per workstream one mutex, and under it one linked list per protocol, a mask
 * of the lists that are not empty, and three flags that say who runs handlers:
 * the worker (RUNNING), a sender in the worker's place (DISPATCHING), or nobody
 * yet, but the worker was woken (SCHEDULED).  It is complete in what it does
 * per packet - policies, dispatch, limits, counts - and has nothing of what the
 * engine adds: a protocol can't be withdrawn, and a handler that faults is the
 * end.  There is one of it in a process, in static tables.
 *
 * It is a peer, not an alternative: only benchmarks and their tests link it.
 */
#ifndef _CBASELINE_H_
#define _CBASELINE_H_

#include <CNetISR.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BASELINE_MAXSTREAMS 64

/* One protocol's figures in one workstream. */
struct baseline_work {
	uint32_t len;       /* packets queued */
	uint32_t watermark; /* the most there ever were */
	uint64_t dispatched;
	uint64_t hybrid_dispatched;
	uint64_t queued;
	uint64_t qdrops;
	uint64_t handled;
};

/*
 * Forgets all protocols and figures, and sets the number of workstreams, 1 to
 * BASELINE_MAXSTREAMS.  0, EINVAL, or EBUSY when packets are queued or workers
 * run.  No other thread may call anything of this header meanwhile.
 */
int baseline_reset(unsigned int streams);

/* Adds a protocol: 0, EINVAL for a wrong number, policy, dispatch or callback,
 * EEXIST for a number that is taken.  Before traffic begins. */
int baseline_register(const struct netisr_handler *nhp);

/* On which CPU the calling thread counts as running; 0 before the first call. */
void baseline_set_cpu(unsigned int cpu);

/* As netisr_dispatch_src and netisr_queue_src; a packet that is dropped is given
 * to m_freem.  [any thread] */
int baseline_dispatch_src(unsigned int proto, uintptr_t source, struct mbuf *m);
int baseline_queue_src(unsigned int proto, uintptr_t source, struct mbuf *m);

/* Serves a workstream on the calling thread until baseline_stop(). */
void baseline_serve(unsigned int wsid);
/* Lets every baseline_serve() return, once its queues are empty. */
void baseline_stop(void);
/* Runs a workstream once, if it was woken: 1, or 0 when there was no need. */
int baseline_run(unsigned int wsid);

/* Copies figures out: 0, or EINVAL.  [any thread] */
int baseline_statistics(unsigned int wsid, unsigned int proto, struct baseline_work *work);

#ifdef __cplusplus
}
#endif

#endif /* !_CBASELINE_H_ */
