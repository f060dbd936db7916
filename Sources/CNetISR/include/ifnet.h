/*
 * ifnet.h - network interfaces as plugins see them.
 *
 * The host makes and owns every struct ifnet.  Plugins read it; they change
 * nothing in it, and reach it through a packet's rcvif or by its index.  An
 * interface outlives every packet that came in by it.
 *
 * While packets flow, the host may change IFNET_UP, if_mtu, if_lladdr,
 * if_lladdrlen and if_sysindex, as the device changes: each of them with one
 * store.  Read by the functions below, each is the old value or the new one,
 * never a mixture.
 */
#ifndef _IFNET_H_
#define _IFNET_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mbuf;

#define IFNAMSIZ_MAX 32

/* if_type, after the IANA ifType numbers */
#define IFT_OTHER 1
#define IFT_ETHER 6
#define IFT_LOOP 24
#define IFT_ATM 37
#define IFT_NETLINK 250 /* private: rtnetlink messages */
#define IFT_EPAIR 251   /* private: one end of a pair inside the host */

/* if_flags */
#define IFNET_UP 0x0001u
#define IFNET_MONITOR 0x0002u /* only listens: every destination counts as local, */
                            /* nothing is answered or forwarded (captures) */

#define IFNET_NODAD 0x0010u /* addresses are used without looking for others that */
                          /* use them (RFC 5227, section 2.1) */

struct ifnet_addr {
	uint8_t ia_family; /* 4 or 6 */
	uint8_t ia_prefixlen;
	uint8_t ia_spare[2];
	uint8_t ia_addr[16]; /* network order; the first 4 bytes for family 4 */
};
#define IFNET_MAXADDRS 16

struct ifnet {
	uint32_t if_index; /* from 1; never used again while the host runs */
	uint32_t if_vnet;
	uint32_t if_type;
	uint32_t if_flags;
	uint32_t if_mtu;   /* bytes */
	uint32_t if_clock; /* 0: the host's clock; others: one capture's own clock each, until it is gone */
	uint8_t if_lladdr[8];
	uint32_t if_lladdrlen; /* bytes, 0 to 8 */
	uint32_t if_addrcount;
	struct ifnet_addr if_addrs[IFNET_MAXADDRS];
	char if_xname[IFNAMSIZ_MAX];
	struct ifnet *if_peer; /* the other end of a pair, or NULL */
	/* The system's index of the interface, by which routes name it: the
	 * kernel's for a device of the kernel, else 0x40000000 + if_index. */
	uint32_t if_sysindex;
	uint32_t if_ispare; /* 0 */
	uint64_t if_spare[3];
	void *if_softc; /* private to the host */
};

/* What the host may change at any time, with one load each.  [any thread] */
#define IFNET_READER __attribute__((unused)) static inline

IFNET_READER uint32_t
ifnet_flags(const struct ifnet *ifp)
{
	return (__atomic_load_n(&ifp->if_flags, __ATOMIC_RELAXED));
}

IFNET_READER uint32_t
ifnet_mtu(const struct ifnet *ifp)
{
	return (__atomic_load_n(&ifp->if_mtu, __ATOMIC_RELAXED));
}

IFNET_READER uint32_t
ifnet_sysindex(const struct ifnet *ifp)
{
	return (__atomic_load_n(&ifp->if_sysindex, __ATOMIC_RELAXED));
}

/* Writes the link-level address to to, and returns its length in bytes. */
IFNET_READER uint32_t
ifnet_lladdr(const struct ifnet *ifp, uint8_t to[8])
{
	typedef uint64_t __attribute__((may_alias)) word;
	word address = __atomic_load_n((const word *)(const void *)ifp->if_lladdr, __ATOMIC_RELAXED);

	__builtin_memcpy(to, &address, sizeof(address));
	return (__atomic_load_n(&ifp->if_lladdrlen, __ATOMIC_RELAXED));
}

/* The interface's addresses, if_addrcount of them: they never change. */
IFNET_READER const struct ifnet_addr *
ifnet_addresses(const struct ifnet *ifp)
{
	return (ifp->if_addrs);
}

/* The interface with that index, or NULL: none had it yet, or it was taken
 * away.  [any thread] */
struct ifnet *ifnet_byindex(uint32_t index);
/* The interface of a vnet whose if_sysindex is that, or NULL.  Found at once,
 * however many there are; that there is none takes a look at each.  Since
 * minor version 3.  [any thread] */
struct ifnet *ifnet_bysysindex(uint32_t sysindex, uint32_t vnet);
/* Of the interfaces that there are, the first with a higher index, or NULL:
 * from 0 on, all of them, however many there were before.  Since minor version
 * 4.  [any thread] */
struct ifnet *ifnet_next(uint32_t index);
/* The highest index ever given.  [any thread] */
uint32_t ifnet_maxindex(void);
typedef void ifnet_watch_t(void *arg);
/*
 * Has fn(arg) called, as a callout of the host's clock on the first
 * workstream, soon after the plugin has begun to serve, and after each change
 * of the interfaces or their addresses; several changes may be one call.  Only
 * from netisr_plugin_register(); ends with the image that fn is in.  [control]
 * EINVAL: elsewhere, or fn is NULL.
 */
int ifnet_watch(ifnet_watch_t *fn, void *arg);

/*
 * Gives a packet to the interface for output.  [any thread] Consumes m.
 * ENOBUFS: its send queue is full; ENXIO: it can't send (captures); ENETDOWN.
 */
int if_transmit(struct ifnet *ifp, struct mbuf *m);
/*
 * Where a packet with M_NEXTHOP goes: in its m_pkthdr.ph_loc.  Its rcvif is the
 * interface that is to send it.
 */
struct if_nexthop {
	uint8_t nh_addr[16]; /* as ia_addr */
	uint32_t nh_family;
	uint32_t nh_spare; /* 0 */
};

/*
 * Gives a network-layer packet to the interface for a station on its link, or
 * a group, of which the network-layer address is known (family 4: 4 bytes at
 * addr, family 6: 16).  [any thread] Consumes m.
 *
 * Who serves the family's address resolution (family 4: NETISR_ARP, family 6:
 * NETISR_IPV6) gets it, with M_NEXTHOP, puts the link header in front and calls if_transmit(); while
 * it asks for the link-level address, the packet waits.  So a sender needs to
 * know nobody who resolves, and who resolves is swapped without loss.  NETISR_ARP
 * gives what it could find no address for back to NETISR_IP, still with
 * M_NEXTHOP, which tells the sender.
 *
 * An interface of type IFT_ATM stands for a circuit, with one other end: there
 * NETISR_NATM gets the packets of both families.
 *
 * EAFNOSUPPORT: nobody can resolve that family; ENXIO: the interface can't
 * send; ENETDOWN; else as netisr_dispatch().
 */
int if_output(struct ifnet *ifp, struct mbuf *m, unsigned int family, const void *addr);
/*
 * Tries again to send what waits in the send queue of an interface whose
 * output was held up.  [handler] Returns how many packets it moved.
 */
unsigned int if_start(struct ifnet *ifp);

#ifdef __cplusplus
}
#endif

#endif /* !_IFNET_H_ */
