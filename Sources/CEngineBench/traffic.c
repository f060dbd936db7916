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
#include "lane.h"

#include <stdbool.h>

#define CHUNK 256

void
bench_lane_begin(struct bench_lane *lane)
{
	lane->sent = lane->known = 0;
	lane->base = bench_handled(lane->lane);
}

static bool
send_batch(const struct bench_lane *lane, uint64_t i)
{
	struct mbuf *mv[BENCH_MAXBATCH];

	for (unsigned int j = 0; j < BENCH_MAXBATCH; j++) {
		mv[j] = lane_packet(lane, i + j);
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
		lane_await(lane, end - lane->count);
	if (lane->batch != NULL) {
		for (; i < end; i += BENCH_MAXBATCH)
			if (!send_batch(lane, i))
				return (false);
	} else {
		for (; i < end; i++) {
			m = lane_packet(lane, i);
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
	lane_await(lane, lane->sent);
	return ((int64_t)(bench_now() - begin));
}
