#define _GNU_SOURCE
#include "link.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef ARPHRD_RAWIP
#define ARPHRD_RAWIP 519
#endif

bool
packetio_hardware_is_ethernet(uint16_t hardware)
{
	/* The loopback device has an Ethernet header of zeros. */
	return (hardware == ARPHRD_ETHER || hardware == ARPHRD_LOOPBACK);
}

bool
packetio_hardware_is_ip(uint16_t hardware)
{
	return (hardware == ARPHRD_NONE || hardware == ARPHRD_RAWIP ||
	    hardware == ARPHRD_TUNNEL || hardware == ARPHRD_TUNNEL6 || hardware == ARPHRD_SIT);
}

/* One request about a device, on a socket of its own. */
static int
ask(const char *name, unsigned long request, struct ifreq *ifr)
{
	int fd, error;

	if (strlen(name) >= IFNAMSIZ)
		return (-ENODEV);
	memcpy(ifr->ifr_name, name, strlen(name) + 1);
	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
		return (-errno);
	error = ioctl(fd, request, ifr) < 0 ? -errno : 0;
	close(fd);
	return (error);
}

int
packetio_link_read(const char *name, struct packetio_link *link)
{
	struct ifreq ifr;
	int error;

	memset(link, 0, sizeof(*link));
	memset(&ifr, 0, sizeof(ifr));
	if ((error = ask(name, SIOCGIFINDEX, &ifr)) != 0)
		return (error);
	link->index = (uint32_t)ifr.ifr_ifindex;
	if ((error = ask(name, SIOCGIFMTU, &ifr)) != 0)
		return (error);
	link->mtu = (uint32_t)ifr.ifr_mtu;
	if ((error = ask(name, SIOCGIFFLAGS, &ifr)) != 0)
		return (error);
	link->is_up = (ifr.ifr_flags & IFF_UP) != 0;
	link->is_running = link->is_up && (ifr.ifr_flags & IFF_RUNNING) != 0;
	link->is_loopback = (ifr.ifr_flags & IFF_LOOPBACK) != 0;
	if ((error = ask(name, SIOCGIFHWADDR, &ifr)) != 0)
		return (error);
	link->hardware = ifr.ifr_hwaddr.sa_family;
	if (packetio_hardware_is_ethernet(link->hardware)) {
		memcpy(link->address, ifr.ifr_hwaddr.sa_data, 6);
		link->address_length = 6;
	}
	return (0);
}

int
packetio_link_set_up(const char *name, bool up)
{
	struct ifreq ifr;
	int error;

	memset(&ifr, 0, sizeof(ifr));
	if ((error = ask(name, SIOCGIFFLAGS, &ifr)) != 0)
		return (error);
	if (up)
		ifr.ifr_flags |= IFF_UP;
	else
		ifr.ifr_flags &= (short)~IFF_UP;
	return (ask(name, SIOCSIFFLAGS, &ifr));
}

int
packetio_link_set_mtu(const char *name, uint32_t mtu)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_mtu = (int)mtu;
	return (ask(name, SIOCSIFMTU, &ifr));
}
