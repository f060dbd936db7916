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

/* bench_recycle() after so many turns of a loop; set by bench_set_busy() while
 * no traffic runs. */
void bench_busy(struct mbuf *m);
void bench_set_busy(uint64_t turns);
/* ns that a turn takes: the least of several averages. */
double bench_busy_turn(void);
/* bench_recycle() that first notes the ns since bench_pace() stamped the packet.
 * One lane at a time, and one handling thread. */
void bench_stamped(struct mbuf *m);

/*
 * Sends single packets, one in `period` ns, to a protocol with that handler, and
 * writes the ns from the call to the handler of each to `latencies`.  0, or -1
 * as bench_send().
 */
int bench_pace(struct bench_lane *lane, uint64_t packets, uint64_t period, uint64_t *latencies);

/*
 * Run to completion: the calling thread sends and is its workstream's worker
 * too.  It sends in turn to its own workstream and to another's (`remote`, or
 * NULL), calls `run` for its own after every 64 packets and while it waits,
 * until all senders, `senders` of them, are done.  `done` is 0 before.
 * 0, or -1 as bench_send().
 */
typedef int bench_run_t(unsigned int wsid);
int bench_complete(struct bench_lane *local, struct bench_lane *remote, uint64_t packets,
    bench_run_t *run, unsigned int wsid, uint32_t *done, unsigned int senders);

/* What is allocated and freed. */
#define BENCH_MBUF 0    /* m_gethdr, m_freem */
#define BENCH_CLUSTER 1 /* m_getcl, m_freem */
#define BENCH_MALLOC 2  /* malloc, free of 2,048 bytes */

/* Allocates and frees by 32 on the calling thread: ns, or -1 without memory. */
int64_t bench_allocate(unsigned int kind, uint64_t objects);
/* The same, freed on the thread that calls bench_pipe_free(), by way of a ring
 * of pointers between the two, 32 at a time. */
struct bench_pipe;
struct bench_pipe *bench_pipe_make(void);
int64_t bench_pipe_allocate(struct bench_pipe *pipe, unsigned int kind, uint64_t objects);
void bench_pipe_free(struct bench_pipe *pipe, unsigned int kind, uint64_t objects);
void bench_pipe_destroy(struct bench_pipe *pipe);

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
