/*
 * CEngineBench.h - the inner loops of the benchmarks: a sender, handlers, and
 * a probe of the way between two CPUs.  In C, so that the same machine code
 * drives the engine and its peer, through the same kind of call.
 */
#ifndef _CENGINEBENCH_H_
#define _CENGINEBENCH_H_

#include <CNetISR.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int bench_single_t(unsigned int proto, uintptr_t source, struct mbuf *m);
typedef unsigned int bench_batch_t(
    unsigned int proto, uintptr_t source, struct mbuf **mv, unsigned int n);

#define BENCH_MAXLANES 4
#define BENCH_MAXBATCH 32
#define BENCH_FLOWS 64

/*
 * One sender's packets that are handled in the order in which they were sent.
 *
 * With `ring`, these mbufs are sent over and over, each only after it was
 * handled: `count` is a power of two, at least 512.  Without, every packet is
 * allocated (m_gethdr), and at most `count` are on their way.
 */
struct bench_lane {
	struct mbuf **ring;
	uint64_t count;
	unsigned int lane; /* below BENCH_MAXLANES; one lane, one sender */
	unsigned int proto;
	struct ifnet *rcvif;
	uint32_t flows[BENCH_FLOWS]; /* flow ids, taken in turn */
	bench_single_t *single;      /* this, or: */
	bench_batch_t *batch;        /* that, with BENCH_MAXBATCH packets each */
	uint64_t sent;               /* so far */
	uint64_t base;               /* bench_handled() when nothing was sent yet */
	uint64_t known;              /* of them handled, as last looked up */
};

/* Begins counting for a lane of which nothing is on its way. */
void bench_lane_begin(struct bench_lane *lane);

/*
 * Sends packets (rounded up to batches) and waits until all were handled.
 * Nanoseconds from the first to the last, or -1 when one was refused or could
 * not be allocated: then the lane is of no more use.
 */
int64_t bench_send(struct bench_lane *lane, uint64_t packets);

/* Packets of a lane that handlers have counted, on all threads, ever. */
uint64_t bench_handled(unsigned int lane);

/* A handler that marks the packet as handled, by a store into it, and counts
 * in a cache line of its own thread. */
void bench_recycle(struct mbuf *m);
/* Frees the packet (m_freem), and counts. */
void bench_free(struct mbuf *m);

/* ns of one round trip of a cache line between the calling thread's CPU and
 * that of the probe's own thread, the least of 20 averages over 100. */
struct bench_probe;
/* Starts a probe whose thread is bound to a CPU; NULL when that fails. */
struct bench_probe *bench_probe_start(unsigned int cpu);
double bench_probe_measure(struct bench_probe *probe);
/* Ends its thread and frees it. */
void bench_probe_stop(struct bench_probe *probe);

/* ns since some moment, by CLOCK_MONOTONIC. */
uint64_t bench_now(void);

#ifdef __cplusplus
}
#endif

#endif /* !_CENGINEBENCH_H_ */
