/*
 * netlink.h - rtnetlink(7): what the kernel says of its links, addresses,
 * neighbours, routes and rules.
 */
#ifndef _PACKETIO_NETLINK_H_
#define _PACKETIO_NETLINK_H_

#include <stdbool.h>
#include <stdint.h>

/* A socket that gets every notification, or those about links only. */
int packetio_netlink_open(bool links_only, uint32_t receive_buffer);

/* What a dump can be of, one after another: packetio_netlink_dump(fd, i, ..)
 * for i from 0 to PACKETIO_DUMPS - 1. */
#define PACKETIO_DUMPS 6
/* Asks for all there is of one kind; answers have that sequence number. */
int packetio_netlink_dump(int fd, unsigned int kind, uint32_t sequence);

/* What became of the dump with that sequence number, by one datagram. */
enum packetio_dump {
	PACKETIO_DUMP_GOES_ON,
	PACKETIO_DUMP_DONE,
	PACKETIO_DUMP_INTERRUPTED, /* done, but something changed meanwhile: ask again */
};
/* *interrupted is kept by the caller from datagram to datagram of a dump. */
enum packetio_dump packetio_netlink_progress(
    const void *datagram, uint32_t length, uint32_t sequence, bool *interrupted);

/* Reads a datagram of the kernel's without waiting: its length, or 0 when
 * another process sent it.  -EAGAIN; -ENOBUFS: some were lost. */
int64_t packetio_netlink_receive(int fd, void *buffer, uint32_t size);

/* What a datagram says about the link with that name or index (0: none yet). */
enum packetio_link_news {
	PACKETIO_LINK_NONE,
	PACKETIO_LINK_CHANGED, /* it is there, perhaps new */
	PACKETIO_LINK_GONE,
};
enum packetio_link_news packetio_netlink_news(
    const void *datagram, uint32_t length, const char *name, uint32_t index);

#endif /* !_PACKETIO_NETLINK_H_ */
