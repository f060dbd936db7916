/*
 * dispatch.c - the sender's side: which workstream a packet belongs to, and
 * whether its handler runs at once.
 */
#include "stream.h"

/* The workstream of a packet, by its protocol's policy; NULL when a callback
 * kept the packet. */
static struct mbuf *
select_stream(const struct proto *p, unsigned int dispatch, uintptr_t source, struct mbuf *m,
    unsigned int *wsid)
{
	unsigned int policy = p->policy;
	uintptr_t key;

	*wsid = 0;
	if (baseline_count == 1)
		return (m);
	if (policy == NETISR_POLICY_CPU) {
		m = p->m2cpuid(m, source, wsid);
		if (m == NULL)
			return (NULL);
		if (*wsid != NETISR_CPUID_NONE) {
			*wsid %= baseline_count;
			return (m);
		}
		if (dispatch == NETISR_DISPATCH_HYBRID) {
			*wsid = baseline_cpu;
			return (m);
		}
		policy = NETISR_POLICY_SOURCE;
	}
	if (policy == NETISR_POLICY_FLOW) {
		if (m->m_pkthdr.rsstype == M_HASHTYPE_NONE && p->m2flow != NULL) {
			m = p->m2flow(m, source);
			if (m == NULL)
				return (NULL);
		}
		if (m->m_pkthdr.rsstype != M_HASHTYPE_NONE) {
			*wsid = m->m_pkthdr.flowid % baseline_count;
			return (m);
		}
	}
	key = source;
	if (m->m_pkthdr.rcvif != NULL)
		key += m->m_pkthdr.rcvif->if_index;
	*wsid = (unsigned int)(key % baseline_count);
	return (m);
}

static int
enqueue(unsigned int proto, struct mbuf *m, unsigned int wsid)
{
	struct stream *s = &baseline_streams[wsid];
	int outcome;

	pthread_mutex_lock(&s->mutex);
	outcome = stream_append(s, proto, m);
	pthread_mutex_unlock(&s->mutex);
	if (outcome == ENOBUFS) {
		m_freem(m);
		return (ENOBUFS);
	}
	if (outcome < 0)
		stream_wake(s);
	return (0);
}

static int
dispatch_hybrid(const struct proto *p, unsigned int proto, uintptr_t source, struct mbuf *m)
{
	struct stream *s;
	unsigned int wsid;
	bool wake = false;

	m = select_stream(p, NETISR_DISPATCH_HYBRID, source, m, &wsid);
	if (m == NULL)
		return (ENOBUFS);
	if (wsid != baseline_cpu)
		return (enqueue(proto, m, wsid));
	s = &baseline_streams[wsid];
	pthread_mutex_lock(&s->mutex);
	if (s->flags & (STREAM_RUNNING | STREAM_DISPATCHING | STREAM_SCHEDULED)) {
		/* Somebody is at it: behind what is queued. */
		pthread_mutex_unlock(&s->mutex);
		return (enqueue(proto, m, wsid));
	}
	s->flags |= STREAM_DISPATCHING;
	pthread_mutex_unlock(&s->mutex);
	p->handler(m);
	pthread_mutex_lock(&s->mutex);
	s->flags &= ~STREAM_DISPATCHING;
	s->queues[proto].figures.hybrid_dispatched++;
	s->queues[proto].figures.handled++;
	/* What others queued meanwhile woke nobody. */
	if (s->pending != 0) {
		s->flags |= STREAM_SCHEDULED;
		wake = true;
	}
	pthread_mutex_unlock(&s->mutex);
	if (wake)
		stream_wake(s);
	return (0);
}

int
baseline_queue_src(unsigned int proto, uintptr_t source, struct mbuf *m)
{
	unsigned int wsid;

	if (proto == 0 || proto >= NETISR_MAXPROT || baseline_protos[proto].handler == NULL) {
		m_freem(m);
		return (proto == 0 || proto >= NETISR_MAXPROT ? EINVAL : EPROTONOSUPPORT);
	}
	m = select_stream(&baseline_protos[proto], NETISR_DISPATCH_DEFERRED, source, m, &wsid);
	return (m == NULL ? ENOBUFS : enqueue(proto, m, wsid));
}

int
baseline_dispatch_src(unsigned int proto, uintptr_t source, struct mbuf *m)
{
	const struct proto *p;
	struct baseline_work *figures;

	if (proto == 0 || proto >= NETISR_MAXPROT || baseline_protos[proto].handler == NULL) {
		m_freem(m);
		return (proto == 0 || proto >= NETISR_MAXPROT ? EINVAL : EPROTONOSUPPORT);
	}
	p = &baseline_protos[proto];
	switch (p->dispatch) {
	case NETISR_DISPATCH_DEFERRED:
		return (baseline_queue_src(proto, source, m));
	case NETISR_DISPATCH_HYBRID:
		return (dispatch_hybrid(p, proto, source, m));
	default:
		figures = &baseline_streams[baseline_cpu].queues[proto].figures;
		figures->dispatched++;
		figures->handled++;
		p->handler(m);
		return (0);
	}
}
