/*
 * traffic.c - a closed loop: packets are sent as fast as they are handled, and
 * none is dropped.  A loop that drops measures how fast packets can be
 * dropped.
 *
 * The sender does to a packet what a driver does: it writes length, flags,
 * interface and flow id.  So a line of the packet comes back from the handler's
 * CPU each time, as it would from a receive ring.  Which packets were handled is
 * known from counts, looked at every CHUNK packets: to look at the packet itself
 * would fetch its line twice.
 */
#include "tally.h"

#include <sched.h>
#include <stdbool.h>
#include <time.h>

#if defined(__x86_64__)
#define PAUSE() __builtin_ia32_pause()
#else
#define PAUSE() atomic_signal_fence(memory_order_seq_cst)
#endif

#define CHUNK 256
#define LENGTH 60
#define LANE_SHIFT 12 /* of the lane's number in m_flags: M_PROTO1 and M_PROTO2 */

uint64_t
bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
}

void
bench_recycle(struct mbuf *m)
{
	unsigned int lane = m->m_flags >> LANE_SHIFT;

	m->m_len = 0;
	tally_add(lane % BENCH_MAXLANES);
}

void
bench_free(struct mbuf *m)
{
	unsigned int lane = m->m_flags >> LANE_SHIFT;

	m_freem(m);
	tally_add(lane % BENCH_MAXLANES);
}

void
bench_lane_begin(struct bench_lane *lane)
{
	lane->sent = lane->known = 0;
	lane->base = bench_handled(lane->lane);
}

/* Waits until `wanted` packets of all that the lane sent were handled. */
static void
await(struct bench_lane *lane, uint64_t wanted)
{
	for (unsigned int i = 0; lane->known < wanted; i++) {
		lane->known = bench_handled(lane->lane) - lane->base;
		if (lane->known >= wanted)
			return;
		/* The handler's thread may need this very CPU. */
		if (i % 64 == 63)
			sched_yield();
		else
			PAUSE();
	}
}

static inline struct mbuf *
next_packet(const struct bench_lane *lane, uint64_t i)
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

static bool
send_batch(const struct bench_lane *lane, uint64_t i)
{
	struct mbuf *mv[BENCH_MAXBATCH];

	for (unsigned int j = 0; j < BENCH_MAXBATCH; j++) {
		mv[j] = next_packet(lane, i + j);
		if (mv[j] == NULL)
			return (false);
	}
	return (lane->batch(lane->proto, 0, mv, BENCH_MAXBATCH) == BENCH_MAXBATCH);
}

static bool
send_chunk(struct bench_lane *lane)
{
	uint64_t i = lane->sent, end = i + CHUNK;
	struct mbuf *m;

	if (end > lane->count)
		await(lane, end - lane->count);
	if (lane->batch != NULL) {
		for (; i < end; i += BENCH_MAXBATCH)
			if (!send_batch(lane, i))
				return (false);
	} else {
		for (; i < end; i++) {
			m = next_packet(lane, i);
			if (m == NULL || lane->single(lane->proto, 0, m) != 0)
				return (false);
		}
	}
	lane->sent = end;
	return (true);
}

int64_t
bench_send(struct bench_lane *lane, uint64_t packets)
{
	uint64_t begin = bench_now(), end = lane->sent + packets;

	while (lane->sent < end)
		if (!send_chunk(lane))
			return (-1);
	await(lane, lane->sent);
	return ((int64_t)(bench_now() - begin));
}
