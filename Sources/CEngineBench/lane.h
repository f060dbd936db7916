/*
 * lane.h - a lane's next packet, and waiting for those that are on their way.
 */
#ifndef _LANE_H_
#define _LANE_H_

#include "CEngineBench.h"

#include <sched.h>
#include <stdatomic.h>

#define LENGTH 60
#define LANE_SHIFT 12 /* of the lane's number in m_flags: M_PROTO1 and M_PROTO2 */

static inline unsigned int
lane_of(const struct mbuf *m)
{
	return (m->m_flags >> LANE_SHIFT & (BENCH_MAXLANES - 1));
}

/* Writes what a driver writes.  NULL without memory. */
static inline struct mbuf *
lane_packet(const struct bench_lane *lane, uint64_t i)
{
	struct mbuf *m;

	m = lane->ring != NULL ? lane->ring[i & (lane->count - 1)] : m_gethdr(M_NOWAIT, MT_DATA);
	if (m == NULL)
		return (NULL);
	m->m_len = LENGTH;
	m->m_flags = M_PKTHDR | lane->lane << LANE_SHIFT;
	m->m_pkthdr.len = LENGTH;
	m->m_pkthdr.rcvif = lane->rcvif;
	m->m_pkthdr.flowid = lane->flows[i % BENCH_FLOWS];
	m->m_pkthdr.rsstype = M_HASHTYPE_OPAQUE;
	return (m);
}

/* Whether `wanted` packets of all that the lane sent were handled. */
static inline int
lane_has(struct bench_lane *lane, uint64_t wanted)
{
	if (lane->known < wanted)
		lane->known = bench_handled(lane->lane) - lane->base;
	return (lane->known >= wanted);
}

/* The i-th time that something is waited for.  The thread that is to do it may
 * need this very CPU. */
static inline void
lane_pause(unsigned int i)
{
	if (i % 64 == 63)
		sched_yield();
#if defined(__x86_64__)
	else
		__builtin_ia32_pause();
#endif
}

/* Waits until lane_has(). */
static inline void
lane_await(struct bench_lane *lane, uint64_t wanted)
{
	for (unsigned int i = 0; !lane_has(lane, wanted); i++)
		lane_pause(i);
}

#endif /* !_LANE_H_ */
