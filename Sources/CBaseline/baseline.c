/*
 * baseline.c - the tables, registration, and the worker's side.
 */
#include "stream.h"

#include <string.h>

struct proto baseline_protos[NETISR_MAXPROT];
struct stream baseline_streams[BASELINE_MAXSTREAMS];
unsigned int baseline_count;
_Thread_local unsigned int baseline_cpu;

static _Atomic bool stopping;
static _Atomic unsigned int serving;

int
baseline_reset(unsigned int streams)
{
	struct stream *s;

	if (streams == 0 || streams > BASELINE_MAXSTREAMS)
		return (EINVAL);
	if (atomic_load(&serving) != 0)
		return (EBUSY);
	for (unsigned int i = 0; i < baseline_count; i++)
		if (baseline_streams[i].pending != 0)
			return (EBUSY);
	for (unsigned int i = 0; i < baseline_count; i++) {
		pthread_mutex_destroy(&baseline_streams[i].mutex);
		sem_destroy(&baseline_streams[i].woken);
	}
	memset(baseline_protos, 0, sizeof(baseline_protos));
	memset(baseline_streams, 0, sizeof(baseline_streams));
	for (unsigned int i = 0; i < streams; i++) {
		s = &baseline_streams[i];
		s->wsid = i;
		(void)pthread_mutex_init(&s->mutex, NULL); /* neither fails on Linux */
		(void)sem_init(&s->woken, 0, 0);
	}
	baseline_count = streams;
	atomic_store(&stopping, false);
	return (0);
}

int
baseline_register(const struct netisr_handler *nhp)
{
	struct proto *p;

	if (nhp->nh_proto == 0 || nhp->nh_proto >= NETISR_MAXPROT || nhp->nh_handler == NULL ||
	    nhp->nh_policy < NETISR_POLICY_SOURCE || nhp->nh_policy > NETISR_POLICY_CPU ||
	    nhp->nh_dispatch > NETISR_DISPATCH_DIRECT ||
	    (nhp->nh_policy == NETISR_POLICY_CPU) != (nhp->nh_m2cpuid != NULL))
		return (EINVAL);
	p = &baseline_protos[nhp->nh_proto];
	if (p->handler != NULL)
		return (EEXIST);
	p->handler = nhp->nh_handler;
	p->m2flow = nhp->nh_m2flow;
	p->m2cpuid = nhp->nh_m2cpuid;
	p->drainedcpu = nhp->nh_drainedcpu;
	p->policy = nhp->nh_policy;
	p->dispatch = nhp->nh_dispatch;
	p->qlimit = nhp->nh_qlimit == 0 ? 256 : nhp->nh_qlimit;
	return (0);
}

void
baseline_set_cpu(unsigned int cpu)
{
	baseline_cpu = cpu;
}

/* Handles all of one queue, which may fill up again meanwhile.  Locked on entry
 * and on return, unlocked while handlers run. */
static void
drain(struct stream *s, unsigned int proto)
{
	struct queue *q = &s->queues[proto];
	struct mbuf *m, *next = q->head;
	uint64_t handled = 0;

	q->head = q->tail = NULL;
	q->figures.len = 0;
	s->pending &= ~(1u << proto);
	pthread_mutex_unlock(&s->mutex);
	while ((m = next) != NULL) {
		next = m->m_nextpkt;
		m->m_nextpkt = NULL;
		baseline_protos[proto].handler(m);
		handled++;
	}
	if (baseline_protos[proto].drainedcpu != NULL)
		baseline_protos[proto].drainedcpu(s->wsid);
	pthread_mutex_lock(&s->mutex);
	q->figures.handled += handled;
}

static void
process(struct stream *s)
{
	unsigned int round;

	pthread_mutex_lock(&s->mutex);
	/* A sender that runs a handler looks at `pending` when it is done. */
	if (s->flags & STREAM_DISPATCHING) {
		pthread_mutex_unlock(&s->mutex);
		return;
	}
	s->flags |= STREAM_RUNNING;
	s->flags &= ~STREAM_SCHEDULED;
	while ((round = s->pending) != 0) {
		for (; round != 0; round &= round - 1)
			drain(s, (unsigned int)__builtin_ctz(round));
	}
	s->flags &= ~STREAM_RUNNING;
	pthread_mutex_unlock(&s->mutex);
}

void
baseline_serve(unsigned int wsid)
{
	struct stream *s = &baseline_streams[wsid];

	atomic_fetch_add(&serving, 1);
	baseline_cpu = wsid;
	for (;;) {
		while (sem_wait(&s->woken) != 0)
			continue; /* interrupted by a signal */
		process(s);
		if (atomic_load(&stopping))
			break;
	}
	atomic_fetch_sub(&serving, 1);
}

void
baseline_stop(void)
{
	atomic_store(&stopping, true);
	for (unsigned int i = 0; i < baseline_count; i++)
		stream_wake(&baseline_streams[i]);
}

int
baseline_run(unsigned int wsid)
{
	unsigned int before = baseline_cpu;

	if (wsid >= baseline_count || sem_trywait(&baseline_streams[wsid].woken) != 0)
		return (0);
	baseline_cpu = wsid;
	process(&baseline_streams[wsid]);
	baseline_cpu = before;
	return (1);
}

int
baseline_statistics(unsigned int wsid, unsigned int proto, struct baseline_work *work)
{
	struct stream *s;

	if (wsid >= baseline_count || proto >= NETISR_MAXPROT)
		return (EINVAL);
	s = &baseline_streams[wsid];
	pthread_mutex_lock(&s->mutex);
	*work = s->queues[proto].figures;
	pthread_mutex_unlock(&s->mutex);
	return (0);
}
