/*
 * netisr.h - the packet dispatch service: registration, dispatch, queues.
 *
 * The names and meanings are netisr(9)'s.  Where FreeBSD panics on a wrong
 * argument, these functions return an errno value; where FreeBSD has no word
 * (batches, EPROTONOSUPPORT), the difference is stated at the function.
 *
 * Thread tags, used in every header of this contract:
 *
 *   [any thread]  may be called from any thread of the process.
 *   [handler]     may be called while the engine runs code of a plugin for a
 *                 packet: in nh_handler, nh_m2flow, nh_m2cpuid, nh_drainedcpu.
 *   [control]     may block; never from a handler.  netisr_plugin_register()
 *                 and netisr_plugin_unregister() run in this context.
 *
 * Ownership: a function that takes a "struct mbuf *" to dispatch or queue
 * consumes the packet on every path, errors included; the caller must not
 * touch it again.
 */
#ifndef _NETISR_H_
#define _NETISR_H_

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mbuf;

/* Version of the whole contract: another major is refused, a newer minor too. */
#define NETISR_ABI_MAJOR 1
#define NETISR_ABI_MINOR 4

/* Protocol numbers.  11 to 15 are free for anybody's own protocols. */
#define NETISR_IP 1
#define NETISR_IGMP 2
#define NETISR_ROUTE 3
#define NETISR_ARP 4
#define NETISR_ETHER 5
#define NETISR_IPV6 6
#define NETISR_NATM 7
#define NETISR_EPAIR 8
#define NETISR_IP_DIRECT 9
#define NETISR_IPV6_DIRECT 10
#define NETISR_MAXPROT 16 /* numbers run from 1 to NETISR_MAXPROT - 1 */

/*
 * Policies: how a workstream is selected for a packet, and with it which
 * packets keep their order among each other.
 */
#define NETISR_POLICY_SOURCE 1 /* order per source: interface and source word */
#define NETISR_POLICY_FLOW 2   /* order per flow: flow id, from the packet or nh_m2flow */
#define NETISR_POLICY_CPU 3    /* nh_m2cpuid decides */

/* Dispatch: whether a handler runs at once or from its workstream's queue. */
#define NETISR_DISPATCH_DEFAULT 0  /* as net.isr.dispatch says */
#define NETISR_DISPATCH_DEFERRED 1 /* always queued */
#define NETISR_DISPATCH_HYBRID 2   /* at once if that keeps the policy's order, else queued */
#define NETISR_DISPATCH_DIRECT 3   /* always at once, on the caller's thread */

/* The answer of nh_m2cpuid for "no preference". */
#define NETISR_CPUID_NONE ((unsigned int)-1)

/* nh_handler: takes the packet over.  [called as handler] */
typedef void netisr_handler_t(struct mbuf *m);
/* nh_m2flow: sets flowid and hash type; returns the packet (perhaps another
 * head), or NULL after freeing it.  [called as handler] */
typedef struct mbuf *netisr_m2flow_t(struct mbuf *m, uintptr_t source);
/* nh_m2cpuid: stores a CPU or NETISR_CPUID_NONE; returns the packet, or NULL
 * after freeing it.  [called as handler] */
typedef struct mbuf *netisr_m2cpuid_t(struct mbuf *m, uintptr_t source, unsigned int *cpuid);
/* nh_drainedcpu: a queue of this protocol was drained on that CPU; never
 * called for direct dispatch.  [called as handler] */
typedef void netisr_drainedcpu_t(unsigned int cpuid);

/* What a protocol registers.  nh_name is copied at registration. */
struct netisr_handler {
	const char *nh_name;
	netisr_handler_t *nh_handler;
	netisr_m2flow_t *nh_m2flow;         /* required by nothing, used by POLICY_FLOW */
	netisr_m2cpuid_t *nh_m2cpuid;       /* required by POLICY_CPU */
	netisr_drainedcpu_t *nh_drainedcpu; /* optional */
	unsigned int nh_proto;
	unsigned int nh_qlimit; /* packets per queue; 0: net.isr.defaultqlimit */
	unsigned int nh_policy;
	unsigned int nh_dispatch;
	unsigned int nh_ispare[4]; /* 0 */
	void *nh_pspare[4];        /* NULL */
};

/*
 * Registration, for hosts.  [control]
 * A plugin is registered by its host, from what netisr_plugin_register()
 * filled; code of a plugin that calls these gets EPERM.
 * EINVAL: number, policy, dispatch or callbacks are wrong; EEXIST: number or
 * name is taken; ENOENT: nobody is registered for this number.
 */
int netisr_register(const struct netisr_handler *nhp);
int netisr_unregister(const struct netisr_handler *nhp);

/*
 * Dispatch by the protocol's dispatch policy.  [any thread] Consumes m.
 * EINVAL: no such protocol number; EPROTONOSUPPORT: nobody serves it;
 * ENOPROTOOPT: disabled in the packet's vnet; ENOBUFS: the queue was full, or
 * a callback of the policy dropped the packet.
 */
int netisr_dispatch(unsigned int proto, struct mbuf *m);
int netisr_dispatch_src(unsigned int proto, uintptr_t source, struct mbuf *m);
/* The same, but always through the queue. */
int netisr_queue(unsigned int proto, struct mbuf *m);
int netisr_queue_src(unsigned int proto, uintptr_t source, struct mbuf *m);

/*
 * Batches: n packets of one protocol and source, in order.  [any thread]
 * Consumes all of them.  Returns how many were handled or queued; the others
 * are counted drops.
 */
unsigned int netisr_dispatch_batch(
    unsigned int proto, uintptr_t source, struct mbuf **mv, unsigned int n);
unsigned int netisr_queue_batch(
    unsigned int proto, uintptr_t source, struct mbuf **mv, unsigned int n);

/*
 * Queue limits and drops, of all workstreams.  [any thread]
 * Only nh_proto is read.  EINVAL: wrong number, or a limit above
 * net.isr.maxqlimit; ENOENT: nobody is registered.
 */
int netisr_getqlimit(const struct netisr_handler *nhp, unsigned int *qlimitp);
int netisr_setqlimit(const struct netisr_handler *nhp, unsigned int qlimit);
int netisr_getqdrops(const struct netisr_handler *nhp, uint64_t *qdropsp);
int netisr_clearqdrops(const struct netisr_handler *nhp);

/* CPUs of the service.  [any thread] */
unsigned int netisr_default_flow2cpu(unsigned int flowid);
unsigned int netisr_get_cpucount(void);
unsigned int netisr_get_cpuid(unsigned int cpunumber);

/* Vnets are numbered from 0 to NETISR_MAXVNET - 1. */
#define NETISR_MAXVNET 256

/*
 * Per virtual stack: enable, or disable and purge what is queued for it.
 * [control] Registration enables a protocol in every vnet, but for those in
 * which a plugin of that name was disabled when it was unloaded.  EINVAL:
 * wrong number or vnet; ENOENT: nobody is registered.
 */
int netisr_register_vnet(const struct netisr_handler *nhp, unsigned int vnet);
int netisr_unregister_vnet(const struct netisr_handler *nhp, unsigned int vnet);

/* Writes one line to the host's log; under the plugin's name while it
 * registers or unregisters.  [any thread] */
#define NETISR_LOG_DEBUG 0
#define NETISR_LOG_INFO 1
#define NETISR_LOG_WARNING 2
#define NETISR_LOG_ERROR 3
void netisr_log(unsigned int level, const char *line);

/* Nanoseconds since the epoch, by the host's clock.  [any thread]
 * For a packet's own time, which in a capture is the capture's, take
 * m_pkthdr.rcv_tstmp. */
uint64_t netisr_time(void);

/* 1 if somebody serves the protocol number, else 0.  [any thread] */
int netisr_serves(unsigned int proto);

#ifdef __cplusplus
}
#endif

#endif /* !_NETISR_H_ */
