#define _GNU_SOURCE
#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const int groups[] = { RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
	RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE };

static const struct {
	uint16_t type;
	uint8_t family;
} dumps[PACKETIO_DUMPS] = {
	{ RTM_GETLINK, AF_UNSPEC },
	{ RTM_GETADDR, AF_UNSPEC },
	{ RTM_GETROUTE, AF_INET },
	{ RTM_GETROUTE, AF_INET6 },
	{ RTM_GETNEIGH, AF_UNSPEC },
	{ RTM_GETRULE, AF_UNSPEC },
};

int
packetio_netlink_open(bool links_only, uint32_t receive_buffer)
{
	struct sockaddr_nl address;
	unsigned int count = links_only ? 1 : sizeof(groups) / sizeof(groups[0]);
	int fd, size = (int)receive_buffer, error;

	if ((fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)) < 0)
		return (-errno);
	/* More than the system's limit only with CAP_NET_ADMIN; less is no failure. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	memset(&address, 0, sizeof(address));
	address.nl_family = AF_NETLINK;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		goto failed;
	for (unsigned int i = 0; i < count; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			goto failed;
	return (fd);
failed:
	error = -errno;
	close(fd);
	return (error);
}

int
packetio_netlink_dump(int fd, unsigned int kind, uint32_t sequence)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg body; /* the longest of them; the family is the first byte of each */
	} request;

	memset(&request, 0, sizeof(request));
	request.header.nlmsg_len = sizeof(request);
	request.header.nlmsg_type = dumps[kind].type;
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request.header.nlmsg_seq = sequence;
	request.body.ifi_family = dumps[kind].family;
	return (send(fd, &request, sizeof(request), 0) < 0 ? -errno : 0);
}

enum packetio_dump
packetio_netlink_progress(const void *datagram, uint32_t length, uint32_t sequence, bool *interrupted)
{
	int left = (int)length;

	for (const struct nlmsghdr *m = datagram; NLMSG_OK(m, (unsigned int)left); m = NLMSG_NEXT(m, left)) {
		if (m->nlmsg_seq != sequence)
			continue;
		if ((m->nlmsg_flags & NLM_F_DUMP_INTR) != 0)
			*interrupted = true;
		/* An error, too, is the end: a kind that this kernel does not have. */
		if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
			return (*interrupted ? PACKETIO_DUMP_INTERRUPTED : PACKETIO_DUMP_DONE);
	}
	return (PACKETIO_DUMP_GOES_ON);
}

int64_t
packetio_netlink_receive(int fd, void *buffer, uint32_t size)
{
	struct sockaddr_nl from;
	struct iovec iov = { .iov_base = buffer, .iov_len = size };
	struct msghdr message;
	ssize_t length;

	memset(&message, 0, sizeof(message));
	memset(&from, 0, sizeof(from));
	message.msg_name = &from;
	message.msg_namelen = sizeof(from);
	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	do {
		length = recvmsg(fd, &message, 0);
	} while (length < 0 && errno == EINTR);
	if (length < 0)
		return (-errno);
	return (from.nl_pid == 0 ? length : 0);
}

static bool
has_name(const struct nlmsghdr *m, const char *name)
{
	const struct ifinfomsg *link = NLMSG_DATA(m);
	int left = (int)IFLA_PAYLOAD(m);

	for (const struct rtattr *a = IFLA_RTA(link); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFLA_IFNAME)
			return (strncmp(RTA_DATA(a), name, RTA_PAYLOAD(a)) == 0);
	return (false);
}

enum packetio_link_news
packetio_netlink_news(const void *datagram, uint32_t length, const char *name, uint32_t index)
{
	enum packetio_link_news news = PACKETIO_LINK_NONE;
	int left = (int)length;

	for (const struct nlmsghdr *m = datagram; NLMSG_OK(m, (unsigned int)left); m = NLMSG_NEXT(m, left)) {
		const struct ifinfomsg *link = NLMSG_DATA(m);

		if (m->nlmsg_type != RTM_NEWLINK && m->nlmsg_type != RTM_DELLINK)
			continue;
		if (m->nlmsg_len < NLMSG_LENGTH(sizeof(*link)) || link->ifi_family != AF_UNSPEC)
			continue;
		if (index != 0 ? (uint32_t)link->ifi_index == index : has_name(m, name))
			news = m->nlmsg_type == RTM_DELLINK ? PACKETIO_LINK_GONE : PACKETIO_LINK_CHANGED;
	}
	return (news);
}
