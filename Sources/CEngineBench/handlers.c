/*
 * handlers.c - what stands in for a protocol.
 */
#include "lane.h"
#include "tally.h"

#include <time.h>

static uint64_t busy_turns;
static uint64_t *stamps; /* where the next latency goes */

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
	m->m_len = 0;
	tally_add(lane_of(m));
}

void
bench_free(struct mbuf *m)
{
	unsigned int lane = lane_of(m);

	m_freem(m);
	tally_add(lane);
}

/* A chain of multiplications, each of which waits for the one before: its time
 * depends on nothing but the clock, not on how the loop lies in memory. */
static __attribute__((noinline)) void
turn(uint64_t turns)
{
	uint64_t x = turns;

	for (uint64_t i = 0; i < turns; i++) {
		x = x * 0x9e3779b97f4a7c15u + 1;
		__asm__ volatile("" : "+r"(x)); /* the compiler may not leave it out */
	}
}

void
bench_busy(struct mbuf *m)
{
	turn(busy_turns);
	bench_recycle(m);
}

void
bench_set_busy(uint64_t turns)
{
	busy_turns = turns;
}

double
bench_busy_turn(void)
{
	const uint64_t turns = 100000;
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 50; i++) {
		uint64_t begin = bench_now(), took;

		turn(turns);
		took = bench_now() - begin;
		if (took < least)
			least = took;
	}
	return ((double)least / (double)turns);
}

void
bench_stamped(struct mbuf *m)
{
	/* The release in tally_add() hands it to who waits for the count. */
	*stamps++ = bench_now() - m->m_pkthdr.rcv_tstmp;
	bench_recycle(m);
}

int
bench_pace(struct bench_lane *lane, uint64_t packets, uint64_t period, uint64_t *latencies)
{
	uint64_t next = bench_now();
	struct timespec until;
	struct mbuf *m;

	stamps = latencies; /* with the first packet it goes to the handler's thread */
	for (uint64_t i = 0; i < packets; i++) {
		next += period;
		until.tv_sec = (time_t)(next / 1000000000u);
		until.tv_nsec = (long)(next % 1000000000u);
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
			continue;
		lane_await(lane, lane->sent);
		m = lane_packet(lane, lane->sent);
		if (m == NULL)
			return (-1);
		m->m_pkthdr.rcv_tstmp = bench_now();
		if (lane->single(lane->proto, 0, m) != 0)
			return (-1);
		lane->sent++;
	}
	lane_await(lane, lane->sent);
	return (0);
}
