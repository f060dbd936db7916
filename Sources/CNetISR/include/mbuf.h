/*
 * mbuf.h - packet buffers, after mbuf(9).
 *
 * A packet is a chain of mbufs linked by m_next; the first one carries the
 * packet header (M_PKTHDR).  Data lies inside the mbuf, or in external storage
 * (M_EXT) that several mbufs may share by a reference count.
 *
 * All memory belongs to the host: an mbuf survives the plugin that made it.
 * The total is bounded; every allocating function can fail.
 *
 * All functions: [any thread].  A chain is owned by one thread at a time.
 */
#ifndef _MBUF_H_
#define _MBUF_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ifnet;
struct mbuf;

#define MSIZE 256      /* bytes of one mbuf, its header included */
#define MCLBYTES 2048  /* bytes of one cluster */
#define M_MAXPACKET (64 * 1024 * 1024) /* longest chain that these functions make */

/* m_flags */
#define M_EXT 0x00000001u    /* data is in external storage */
#define M_PKTHDR 0x00000002u /* start of a packet */
#define M_RDONLY 0x00000008u /* data must not be written */
#define M_BCAST 0x00000010u  /* received as link-level broadcast */
#define M_MCAST 0x00000020u  /* received as link-level multicast */
#define M_PROMISC 0x00000040u /* received though for another station */
#define M_VLANTAG 0x00000080u /* m_pkthdr.ether_vtag is valid */
#define M_NEXTHOP 0x00000100u /* going out: struct if_nexthop is in ph_loc */
/* Made in this host, and given to NETISR_IP or NETISR_IPV6 to be sent: begins
 * with a network-layer header.  rcvif, if any, says by which interface a group
 * is sent to, and which vnet it is of. */
#define M_LOCALOUT 0x00000200u
#define M_PROTO1 0x00001000u /* private to the protocol that holds the packet */
#define M_PROTO2 0x00002000u
#define M_PROTO3 0x00004000u
#define M_PROTO4 0x00008000u

/* how: M_NOWAIT and M_WAITOK are the same here: no function ever sleeps. */
#define M_NOWAIT 1
#define M_WAITOK 2
/* type */
#define MT_DATA 1

/* m_pkthdr.rsstype: what flowid was computed over; 0 is "no flow id". */
#define M_HASHTYPE_NONE 0
#define M_HASHTYPE_RSS_IPV4 1
#define M_HASHTYPE_RSS_TCP_IPV4 2
#define M_HASHTYPE_RSS_IPV6 3
#define M_HASHTYPE_RSS_TCP_IPV6 4
#define M_HASHTYPE_RSS_UDP_IPV4 7
#define M_HASHTYPE_RSS_UDP_IPV6 9
#define M_HASHTYPE_OPAQUE 63

/* m_pkthdr.csum_flags */
#define CSUM_L3_CALC 0x01000000u /* the interface calculated the header checksum */
#define CSUM_L3_VALID 0x02000000u /* and it was right */
#define CSUM_L4_CALC 0x04000000u
#define CSUM_L4_VALID 0x08000000u

struct pkthdr {
	struct ifnet *rcvif; /* receiving interface; lives as long as the packet */
	uint64_t rcv_tstmp;  /* ns since the epoch, by the clock of rcvif */
	int32_t len;         /* bytes in the whole chain */
	uint32_t flowid;
	uint32_t csum_flags;
	uint16_t csum_data;
	uint16_t ether_vtag; /* outermost VLAN tag, host order, with M_VLANTAG */
	uint32_t wirelen;    /* bytes on the wire, when more than were captured; else len */
	uint8_t rsstype;     /* M_HASHTYPE_... */
	uint8_t ph_cspare;   /* 0 */
	uint16_t ph_spare;
	uint64_t ph_loc[3];  /* private to the protocol that holds the packet */
};

struct m_ext {
	char *ext_buf;
	uint32_t ext_size;  /* bytes */
	uint32_t ext_type;  /* private to the host */
	void *ext_refs;     /* private to the host */
};

struct mbuf {
	struct mbuf *m_next;    /* next part of this packet */
	struct mbuf *m_nextpkt; /* next packet of a queue; not for plugins */
	char *m_data;           /* first byte of data */
	int32_t m_len;          /* bytes of data in this mbuf */
	uint32_t m_flags;
	uint16_t m_type;
	uint16_t m_spare;  /* private to the host */
	uint32_t m_ispare; /* private to the host */
	struct pkthdr m_pkthdr; /* with M_PKTHDR */
	struct m_ext m_ext;     /* with M_EXT */
	char m_dat[MSIZE - 128]; /* internal storage */
};

#define MLEN (MSIZE - 128)

/* Allocation.  NULL when the bound is reached (counted by the host). */
struct mbuf *m_get(int how, int type);    /* without packet header */
struct mbuf *m_gethdr(int how, int type); /* with packet header, all zero */
/* With a cluster of MCLBYTES; flags: 0 or M_PKTHDR. */
struct mbuf *m_getcl(int how, int type, int flags);

/* Frees one mbuf and returns the rest of its chain; m may be NULL. */
struct mbuf *m_free(struct mbuf *m);
/* Frees a chain; m may be NULL. */
void m_freem(struct mbuf *m);

/*
 * Makes the first len bytes contiguous in the first mbuf, so that a header
 * can be read through m_data.  Returns the (perhaps new) head; on failure
 * (the packet is shorter, no memory, len > MCLBYTES) frees it, returns NULL.
 */
struct mbuf *m_pullup(struct mbuf *m, int len);
/* Trims len bytes from the head (len > 0) or the tail (len < 0); more than
 * there is empties the packet.  Keeps m_pkthdr.len right. */
void m_adj(struct mbuf *m, int len);
/* Makes room for len (at most MLEN) bytes in front.  Returns the new head, or NULL
 * after freeing the chain.  The new bytes are not set. */
struct mbuf *m_prepend(struct mbuf *m, int len, int how);
/* Appends a copy of len bytes.  1, or 0 when memory ran out (then part of
 * it may have been appended, and m_pkthdr.len says how much). */
int m_append(struct mbuf *m, int len, const char *cp);
/* Links n behind m; both without change of packet headers: the caller
 * corrects m->m_pkthdr.len.  Copies when n is small and fits.  Consumes n. */
void m_cat(struct mbuf *m, struct mbuf *n);
/* Cuts the chain after len bytes and returns the tail as a packet of its
 * own (with packet header if m has one), or NULL, then m is unchanged. */
struct mbuf *m_split(struct mbuf *m, int len, int how);
/* Copies len bytes from offset off to cp.  0, or EINVAL (nothing copied)
 * when the chain is shorter. */
int m_copydata(const struct mbuf *m, int off, int len, void *cp);
/* Writes len bytes at offset off, extending the chain when needed.
 * 0, ENOBUFS, or EINVAL for negative arguments. */
int m_copyback(struct mbuf *m, int off, int len, const void *cp);
/* A read-only copy that shares external storage; NULL without memory. */
struct mbuf *m_copypacket(struct mbuf *m, int how);
/* A deep, writable copy; NULL without memory. */
struct mbuf *m_dup(const struct mbuf *m, int how);
/* Bytes in the chain; the last mbuf in *last if last is not NULL. */
unsigned int m_length(struct mbuf *m, struct mbuf **last);

#ifdef __cplusplus
}
#endif

#endif /* !_MBUF_H_ */
