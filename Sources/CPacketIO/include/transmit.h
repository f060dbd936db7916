/*
 * transmit.h - packets out, by a packet socket or a tap device.
 */
#ifndef _PACKETIO_TRANSMIT_H_
#define _PACKETIO_TRANSMIT_H_

#include <stdbool.h>
#include <stdint.h>

struct mbuf;

/* The most packets of one call, and parts of one packet. */
#define PACKETIO_SEND_BATCH 32
#define PACKETIO_SEND_PARTS 64

/* A socket that sends by the device with that index, and receives nothing.
 * -EPERM: needs CAP_NET_RAW. */
int packetio_send_open(uint32_t index);

/*
 * Sends packets, at most PACKETIO_SEND_BATCH, as they are; a tag in the packet
 * header (M_VLANTAG) goes back into an Ethernet frame.  Each chain has at most
 * PACKETIO_SEND_PARTS parts.  Returns how many were sent; if that is fewer
 * than n, *error says why the next one was not: EAGAIN, there is no room now;
 * others, it can't be sent.  Frees nothing.
 */
unsigned int packetio_socket_send(
    int fd, struct mbuf *const *packets, unsigned int n, bool is_ethernet, int *error);
unsigned int packetio_tap_send(int fd, struct mbuf *const *packets, unsigned int n, int *error);

#endif /* !_PACKETIO_TRANSMIT_H_ */
