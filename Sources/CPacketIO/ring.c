#define _GNU_SOURCE
#include "ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PACKET_FANOUT_FLAG_UNIQUEID
#define PACKET_FANOUT_FLAG_UNIQUEID 0x2000
#endif
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

/* A frame that waits alone is handed over after so many milliseconds. */
#define RETIRE_MS 1

static int
set(int fd, int option, const void *value, socklen_t length)
{
	return (setsockopt(fd, SOL_PACKET, option, value, length) < 0 ? -errno : 0);
}

static int
set_int(int fd, int option, int value)
{
	return (set(fd, option, &value, sizeof(value)));
}

/* A filter that takes nothing: frames of the time between bind(2) and the
 * joining of a group would come in twice. */
static int
take_nothing(int fd)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { .len = 1, .filter = &nothing };

	return (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0);
}

static int
make_ring(int fd, struct packetio_ring *ring)
{
	struct tpacket_req3 request;
	void *blocks;
	int error;

	memset(&request, 0, sizeof(request));
	request.tp_block_size = ring->block_size;
	request.tp_block_nr = ring->block_count;
	/* The frame size only divides; frames of V3 are as long as they are. */
	request.tp_frame_size = TPACKET_ALIGNMENT << 7;
	request.tp_frame_nr = ring->block_size / request.tp_frame_size * ring->block_count;
	request.tp_retire_blk_tov = RETIRE_MS;
	if ((error = set(fd, PACKET_RX_RING, &request, sizeof(request))) != 0)
		return (error);
	blocks = mmap(NULL, (size_t)ring->block_size * ring->block_count, PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (blocks == MAP_FAILED)
		return (-errno);
	ring->blocks = blocks;
	return (0);
}

static int
bind_to(int fd, uint32_t index)
{
	struct sockaddr_ll address;

	memset(&address, 0, sizeof(address));
	address.sll_family = AF_PACKET;
	address.sll_protocol = htons(ETH_P_ALL);
	address.sll_ifindex = (int)index;
	return (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0);
}

static int
set_reach(int fd, uint32_t index, enum packetio_reach reach)
{
	struct packet_mreq request;

	if (reach == PACKETIO_REACH_USUAL)
		return (0);

	memset(&request, 0, sizeof(request));
	request.mr_ifindex = (int)index;
	request.mr_type = reach == PACKETIO_REACH_ALL ? PACKET_MR_PROMISC : PACKET_MR_ALLMULTI;
	/* It ends with the socket, however that ends. */
	return (set(fd, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)));
}

int
packetio_ring_open(uint32_t index, uint32_t block_size, uint32_t block_count, enum packetio_reach reach,
    struct packetio_ring *ring)
{
	int error;

	memset(ring, 0, sizeof(*ring));
	ring->block_size = block_size;
	ring->block_count = block_count;
	/* Without a protocol it takes nothing before it is bound. */
	if ((ring->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		return (-errno);
	ring->has_vnet_header = set_int(ring->fd, PACKET_VNET_HDR, 1) == 0;
	if ((error = set_int(ring->fd, PACKET_VERSION, TPACKET_V3)) != 0 ||
	    (error = set_int(ring->fd, PACKET_IGNORE_OUTGOING, 1)) != 0 ||
	    (error = make_ring(ring->fd, ring)) != 0 ||
	    (error = take_nothing(ring->fd)) != 0 ||
	    (error = bind_to(ring->fd, index)) != 0 ||
	    (error = set_reach(ring->fd, index, reach)) != 0)
		packetio_ring_close(ring);
	return (error);
}

int
packetio_ring_join(const struct packetio_ring *ring, uint16_t *group)
{
	/* The group receives in the place of its sockets, so it must leave out by itself what goes out. */
	uint32_t value =
	    *group | (uint32_t)(PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING) << 16;
	socklen_t length = sizeof(value);
	int error;

	if (*group == 0)
		value |= (uint32_t)PACKET_FANOUT_FLAG_UNIQUEID << 16;
	if ((error = set(ring->fd, PACKET_FANOUT, &value, sizeof(value))) != 0)
		return (error);
	if (getsockopt(ring->fd, SOL_PACKET, PACKET_FANOUT, &value, &length) < 0)
		return (-errno);
	*group = (uint16_t)value;
	return (0);
}

int
packetio_ring_start(const struct packetio_ring *ring)
{
	int nothing = 0;

	return (setsockopt(ring->fd, SOL_SOCKET, SO_DETACH_FILTER, &nothing, sizeof(nothing)) < 0 ? -errno : 0);
}

void
packetio_ring_close(struct packetio_ring *ring)
{
	if (ring->blocks != NULL)
		munmap(ring->blocks, (size_t)ring->block_size * ring->block_count);
	ring->blocks = NULL;
	if (ring->fd >= 0)
		close(ring->fd);
	ring->fd = -1;
}

uint32_t
packetio_ring_drops(const struct packetio_ring *ring)
{
	struct tpacket_stats_v3 statistics;
	socklen_t length = sizeof(statistics);

	/* Reading sets them to 0. */
	if (getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) < 0)
		return (0);
	return (statistics.tp_drops);
}

int
packetio_socket_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return (-errno);
	return (-error);
}
