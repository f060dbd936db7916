/*
 * stream.h - a workstream and its queues.  Everything in it is guarded by its
 * mutex, which is never held while a handler runs; but for the counts of direct
 * dispatch, which belong to the threads of that CPU.
 */
#ifndef _STREAM_H_
#define _STREAM_H_

#include "CBaseline.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#define STREAM_RUNNING 0x1u
#define STREAM_DISPATCHING 0x2u
#define STREAM_SCHEDULED 0x4u

/* A protocol, as it was registered. */
struct proto {
	netisr_handler_t *handler;
	netisr_m2flow_t *m2flow;
	netisr_m2cpuid_t *m2cpuid;
	netisr_drainedcpu_t *drainedcpu;
	unsigned int policy;
	unsigned int dispatch;
	unsigned int qlimit;
};

struct queue {
	struct mbuf *head;
	struct mbuf *tail;
	struct baseline_work figures;
};

struct stream {
	pthread_mutex_t mutex;
	sem_t woken;
	unsigned int flags;
	unsigned int pending; /* a bit for each queue that is not empty */
	unsigned int wsid;
	struct queue queues[NETISR_MAXPROT];
} __attribute__((aligned(64)));

extern struct proto baseline_protos[NETISR_MAXPROT];
extern struct stream baseline_streams[BASELINE_MAXSTREAMS];
extern unsigned int baseline_count;
extern _Thread_local unsigned int baseline_cpu;

/* Wakes the worker.  Without the lock: it would wake up only to wait for it. */
static inline void
stream_wake(struct stream *s)
{
	(void)sem_post(&s->woken);
}

/* Appends a packet: 0, ENOBUFS when the queue is full, or -1 when the worker
 * must be woken.  Locked. */
static inline int
stream_append(struct stream *s, unsigned int proto, struct mbuf *m)
{
	struct queue *q = &s->queues[proto];

	if (q->figures.len >= baseline_protos[proto].qlimit) {
		q->figures.qdrops++;
		return (ENOBUFS);
	}
	m->m_nextpkt = NULL;
	if (q->head == NULL)
		q->head = m;
	else
		q->tail->m_nextpkt = m;
	q->tail = m;
	if (++q->figures.len > q->figures.watermark)
		q->figures.watermark = q->figures.len;
	q->figures.queued++;
	s->pending |= 1u << proto;
	if (s->flags & (STREAM_RUNNING | STREAM_DISPATCHING | STREAM_SCHEDULED))
		return (0);
	s->flags |= STREAM_SCHEDULED;
	return (-1);
}

#endif /* !_STREAM_H_ */
