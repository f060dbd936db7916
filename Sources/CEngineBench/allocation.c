/*
 * allocation.c - what a packet's memory costs, on one thread and from one thread to
 * another.  By 32, as bursts of packets come: a single object that is taken and
 * given back would never leave the first cache line.
 */
#include "lane.h"

#include <stdlib.h>
#include <string.h>

#define BURST 32
#define SLOTS 1024

struct bench_pipe {
	_Atomic uint64_t head; /* written by the allocating thread */
	char pad1[56];
	_Atomic uint64_t tail; /* written by the freeing thread */
	_Atomic int ready;
	char pad2[48];
	void *slots[SLOTS];
} __attribute__((aligned(64)));

static inline void *
take(unsigned int kind)
{
	char *object;

	switch (kind) {
	case BENCH_MBUF:
		return (m_gethdr(M_NOWAIT, MT_DATA));
	case BENCH_CLUSTER:
		return (m_getcl(M_NOWAIT, MT_DATA, M_PKTHDR));
	default:
		object = malloc(MCLBYTES);
		if (object != NULL)
			object[0] = 0;
		return (object);
	}
}

static inline void
give(unsigned int kind, void *object)
{
	if (kind == BENCH_MALLOC)
		free(object);
	else
		m_freem(object);
}

int64_t
bench_allocate(unsigned int kind, uint64_t objects)
{
	void *volatile burst[BURST];
	uint64_t begin = bench_now();

	for (uint64_t i = 0; i < objects; i += BURST) {
		for (unsigned int j = 0; j < BURST; j++) {
			void *object = take(kind);

			if (object == NULL)
				return (-1);
			burst[j] = object;
		}
		for (unsigned int j = 0; j < BURST; j++)
			give(kind, burst[j]);
	}
	return ((int64_t)(bench_now() - begin));
}

struct bench_pipe *
bench_pipe_make(void)
{
	struct bench_pipe *pipe = aligned_alloc(64, sizeof(*pipe));

	if (pipe != NULL)
		memset(pipe, 0, sizeof(*pipe));
	return (pipe);
}

void
bench_pipe_destroy(struct bench_pipe *pipe)
{
	free(pipe);
}

int64_t
bench_pipe_allocate(struct bench_pipe *pipe, unsigned int kind, uint64_t objects)
{
	uint64_t head = 0, begin;

	for (unsigned int i = 0; !atomic_load(&pipe->ready); i++)
		lane_pause(i);
	begin = bench_now();
	while (head < objects) {
		/* Acquire pairs with the release in bench_pipe_free(): the slots were read. */
		for (unsigned int i = 0;
		    head + BURST - atomic_load_explicit(&pipe->tail, memory_order_acquire) > SLOTS; i++)
			lane_pause(i);
		for (unsigned int j = 0; j < BURST; j++) {
			void *object = take(kind);

			/* Without memory the other side frees NULLs, which is nothing. */
			pipe->slots[(head + j) % SLOTS] = object;
			if (object == NULL)
				begin = UINT64_MAX;
		}
		head += BURST;
		/* Release pairs with the acquire there: the slots were written. */
		atomic_store_explicit(&pipe->head, head, memory_order_release);
	}
	for (unsigned int i = 0; atomic_load_explicit(&pipe->tail, memory_order_acquire) < objects; i++)
		lane_pause(i);
	return (begin == UINT64_MAX ? -1 : (int64_t)(bench_now() - begin));
}

void
bench_pipe_free(struct bench_pipe *pipe, unsigned int kind, uint64_t objects)
{
	uint64_t tail = 0;

	atomic_store(&pipe->ready, 1);
	while (tail < objects) {
		for (unsigned int i = 0; atomic_load_explicit(&pipe->head, memory_order_acquire) == tail; i++)
			lane_pause(i);
		for (unsigned int j = 0; j < BURST; j++)
			give(kind, pipe->slots[(tail + j) % SLOTS]);
		tail += BURST;
		atomic_store_explicit(&pipe->tail, tail, memory_order_release);
	}
}
