/*
 * link.h - a network device of the kernel, see netdevice(7).
 */
#ifndef _PACKETIO_LINK_H_
#define _PACKETIO_LINK_H_

#include <stdbool.h>
#include <stdint.h>

struct packetio_link {
	uint32_t index;
	uint32_t mtu;      /* bytes */
	uint16_t hardware; /* ARPHRD_... */
	uint8_t address[8];
	uint32_t address_length; /* bytes; 0: it has none */
	bool is_up;        /* somebody wants it up */
	bool is_running;   /* and its carrier is there */
	bool is_loopback;
};

/* ARPHRD_ numbers whose frames are Ethernet's, and those that have no link header. */
bool packetio_hardware_is_ethernet(uint16_t hardware);
bool packetio_hardware_is_ip(uint16_t hardware);

/* What the device is.  -ENODEV: there is none of that name. */
int packetio_link_read(const char *name, struct packetio_link *link);
/* Needs CAP_NET_ADMIN, as all changes do. */
int packetio_link_set_up(const char *name, bool up);
int packetio_link_set_mtu(const char *name, uint32_t mtu);

#endif /* !_PACKETIO_LINK_H_ */
