#define _GNU_SOURCE
#include "transmit.h"

#include <CNetISR.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define ADDRESSES 12 /* bytes of an Ethernet header in front of a tag */

/* The parts of one packet, and its tag, if that goes back into the frame. */
struct parts {
	struct iovec iov[PACKETIO_SEND_PARTS + 2];
	unsigned int count;
	uint8_t tag[4];
};

int
packetio_send_open(uint32_t index)
{
	struct sockaddr_ll address;
	int fd, error;

	/* Protocol 0, also when it is bound: it takes nothing. */
	if ((fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		return (-errno);
	memset(&address, 0, sizeof(address));
	address.sll_family = AF_PACKET;
	address.sll_ifindex = (int)index;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		error = -errno;
		close(fd);
		return (error);
	}
	return (fd);
}

static void
add(struct parts *parts, void *base, size_t length)
{
	if (length == 0)
		return;
	parts->iov[parts->count].iov_base = base;
	parts->iov[parts->count].iov_len = length;
	parts->count++;
}

static void
gather(struct parts *parts, struct mbuf *m, bool is_ethernet)
{
	unsigned int limit = PACKETIO_SEND_PARTS;
	bool has_tag = is_ethernet && (m->m_flags & M_VLANTAG) != 0 && m->m_len >= ADDRESSES;

	parts->count = 0;
	if (has_tag) {
		parts->tag[0] = ETH_P_8021Q >> 8;
		parts->tag[1] = ETH_P_8021Q & 0xff;
		parts->tag[2] = (uint8_t)(m->m_pkthdr.ether_vtag >> 8);
		parts->tag[3] = (uint8_t)m->m_pkthdr.ether_vtag;
		add(parts, m->m_data, ADDRESSES);
		add(parts, parts->tag, sizeof(parts->tag));
		add(parts, m->m_data + ADDRESSES, (size_t)m->m_len - ADDRESSES);
		m = m->m_next;
		limit--;
	}
	for (; m != NULL && limit > 0; m = m->m_next, limit--)
		add(parts, m->m_data, (size_t)m->m_len);
}

unsigned int
packetio_socket_send(int fd, struct mbuf *const *packets, unsigned int n, bool is_ethernet, int *error)
{
	struct parts parts[PACKETIO_SEND_BATCH];
	struct mmsghdr messages[PACKETIO_SEND_BATCH];
	int sent;

	if (n > PACKETIO_SEND_BATCH)
		n = PACKETIO_SEND_BATCH;
	memset(messages, 0, n * sizeof(messages[0]));
	for (unsigned int i = 0; i < n; i++) {
		gather(&parts[i], packets[i], is_ethernet);
		messages[i].msg_hdr.msg_iov = parts[i].iov;
		messages[i].msg_hdr.msg_iovlen = parts[i].count;
	}
	*error = 0;
	do {
		sent = sendmmsg(fd, messages, n, MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0) {
		*error = errno;
		return (0);
	}
	return ((unsigned int)sent);
}

unsigned int
packetio_tap_send(int fd, struct mbuf *const *packets, unsigned int n, int *error)
{
	struct parts parts;
	ssize_t written;

	*error = 0;
	for (unsigned int i = 0; i < n; i++) {
		gather(&parts, packets[i], true);
		do {
			written = writev(fd, parts.iov, (int)parts.count);
		} while (written < 0 && errno == EINTR);
		if (written < 0) {
			*error = errno;
			return (i);
		}
	}
	return (n);
}
