/*
 * complete.c - run to completion on one CPU or on several: who receives also
 * handles, and packets of a flow that belongs elsewhere are queued there.
 */
#include "lane.h"

#define BURST 32

static int
send_burst(struct bench_lane *lane)
{
	struct mbuf *m;

	for (unsigned int i = 0; i < BURST; i++) {
		m = lane_packet(lane, lane->sent);
		if (m == NULL || lane->single(lane->proto, 0, m) != 0)
			return (-1);
		lane->sent++;
	}
	return (0);
}

/* Waits until a lane has, or all senders have, got so far; and works meanwhile. */
static void
work_until(struct bench_lane *lane, uint64_t wanted, bench_run_t *run, unsigned int wsid)
{
	for (unsigned int i = 0; !lane_has(lane, wanted); i++)
		if (!run(wsid))
			lane_pause(i);
}

int
bench_complete(struct bench_lane *local, struct bench_lane *remote, uint64_t packets,
    bench_run_t *run, unsigned int wsid, uint32_t *done, unsigned int senders)
{
	struct bench_lane *lanes[2] = {local, remote != NULL ? remote : local};
	uint64_t rounds = packets / (2 * BURST);

	for (uint64_t i = 0; i < rounds; i++) {
		for (unsigned int j = 0; j < 2; j++) {
			uint64_t end = lanes[j]->sent + BURST;

			if (end > lanes[j]->count)
				work_until(lanes[j], end - lanes[j]->count, run, wsid);
			if (send_burst(lanes[j]) != 0)
				return (-1);
		}
		(void)run(wsid);
	}
	for (unsigned int j = 0; j < 2; j++)
		work_until(lanes[j], lanes[j]->sent, run, wsid);
	__atomic_fetch_add(done, 1, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; __atomic_load_n(done, __ATOMIC_SEQ_CST) < senders; i++)
		if (!run(wsid))
			lane_pause(i);
	return (0);
}
