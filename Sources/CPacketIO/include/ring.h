/*
 * ring.h - receiving with a packet socket and a memory-mapped TPACKET_V3
 * ring: packet(7), Documentation/networking/packet_mmap.rst.
 *
 * The kernel fills blocks with frames, one behind the other, and hands a
 * block over when it is full, or when its first frame has waited for a
 * millisecond or so.  Whoever owns the socket walks the frames of the block,
 * and gives it back.
 */
#ifndef _PACKETIO_RING_H_
#define _PACKETIO_RING_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/if_packet.h>
#include <linux/virtio_net.h>

struct packetio_ring {
	int fd;
	uint8_t *blocks; /* the mapping */
	uint32_t block_size;
	uint32_t block_count;
	bool has_vnet_header; /* frames say what their sender left to its device */
};

/* Which frames the device is asked to take beside its own, for as long as the
 * socket is there. */
enum packetio_reach {
	PACKETIO_REACH_USUAL,
	PACKETIO_REACH_GROUPS, /* of all groups */
	PACKETIO_REACH_ALL, /* for all stations */
};

/*
 * Opens a socket on the device with that index, which takes no frame until
 * packetio_ring_start().  What the host itself sends by the device is left
 * out.  -EPERM: needs CAP_NET_RAW; -ENODEV, -ENXIO: no such device; -ENOMEM.
 */
int packetio_ring_open(uint32_t index, uint32_t block_size, uint32_t block_count,
    enum packetio_reach reach, struct packetio_ring *ring);
/* Shares what comes in among sockets, by flow, both directions alike.
 * *group is 0 for the first socket, which gets a group of its own. */
int packetio_ring_join(const struct packetio_ring *ring, uint16_t *group);
/* Frames come in from now on. */
int packetio_ring_start(const struct packetio_ring *ring);
void packetio_ring_close(struct packetio_ring *ring);
/* Frames that found no room, since the last call. */
uint32_t packetio_ring_drops(const struct packetio_ring *ring);
/* Takes the error that the socket waits to tell (the device went down). */
int packetio_socket_error(int fd);

/* A frame in a block. */
struct packetio_frame {
	uint8_t *data;       /* in the ring; ours to change until the block goes back */
	uint32_t length;     /* bytes at data */
	uint32_t wirelength; /* bytes of the frame, when more than fitted */
	uint64_t time;       /* ns since the epoch */
	bool has_tag;        /* the kernel took a VLAN tag off */
	uint16_t tag;
	uint16_t tag_type;   /* 0x8100, 0x88a8 */
	bool needs_checksum; /* layer 4: at [start + offset] is the pseudo header's sum only */
	bool checksum_is_good; /* layer 4: somebody looked */
	uint16_t checksum_start;
	uint16_t checksum_offset;
	uint8_t gso_type;    /* VIRTIO_NET_HDR_GSO_...: one frame that stands for many */
	uint16_t gso_size;   /* bytes of payload of each */
};

/* The block with that number, if it is ours: its frames; else 0. */
static inline uint32_t
packetio_block_frames(const struct packetio_ring *ring, uint32_t number)
{
	const struct tpacket_block_desc *block =
	    (const void *)(ring->blocks + (size_t)number * ring->block_size);

	/* Acquire: pairs with the kernel's barrier before it hands the block over. */
	if ((__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0)
		return (0);
	return (block->hdr.bh1.num_pkts);
}

/* Whether the block with that number is ours, also when it is empty. */
static inline bool
packetio_block_is_ours(const struct packetio_ring *ring, uint32_t number)
{
	const struct tpacket_block_desc *block =
	    (const void *)(ring->blocks + (size_t)number * ring->block_size);

	return ((__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) != 0);
}

/* The offset of a block's first frame in the mapping. */
static inline size_t
packetio_block_first(const struct packetio_ring *ring, uint32_t number)
{
	size_t start = (size_t)number * ring->block_size;
	const struct tpacket_block_desc *block = (const void *)(ring->blocks + start);

	return (start + block->hdr.bh1.offset_to_first_pkt);
}

/* Gives the block back. */
static inline void
packetio_block_return(const struct packetio_ring *ring, uint32_t number)
{
	struct tpacket_block_desc *block = (void *)(ring->blocks + (size_t)number * ring->block_size);

	/* Release: what we read is read before the kernel writes. */
	__atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

/* Reads the frame at an offset of the mapping; returns the next one's offset. */
static inline size_t
packetio_frame_read(const struct packetio_ring *ring, size_t offset, struct packetio_frame *frame)
{
	const struct tpacket3_hdr *header = (const void *)(ring->blocks + offset);
	uint32_t status = header->tp_status;

	frame->data = ring->blocks + offset + header->tp_mac;
	frame->length = header->tp_snaplen;
	frame->wirelength = header->tp_len;
	frame->time = (uint64_t)header->tp_sec * 1000000000u + header->tp_nsec;
	frame->has_tag = (status & TP_STATUS_VLAN_VALID) != 0;
	frame->tag = (uint16_t)header->hv1.tp_vlan_tci;
	frame->tag_type = (status & TP_STATUS_VLAN_TPID_VALID) != 0 ? header->hv1.tp_vlan_tpid : 0x8100;
	frame->needs_checksum = (status & TP_STATUS_CSUMNOTREADY) != 0;
	frame->checksum_is_good = (status & TP_STATUS_CSUM_VALID) != 0;
	frame->checksum_start = 0;
	frame->checksum_offset = 0;
	frame->gso_type = VIRTIO_NET_HDR_GSO_NONE;
	frame->gso_size = 0;
	/* A frame that did not fit has no header of that kind. */
	if (ring->has_vnet_header && header->tp_snaplen == header->tp_len) {
		const struct virtio_net_hdr *vnet =
		    (const void *)(frame->data - sizeof(struct virtio_net_hdr));

		frame->needs_checksum = (vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
		frame->checksum_start = vnet->csum_start;
		frame->checksum_offset = vnet->csum_offset;
		frame->gso_type = vnet->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;
		frame->gso_size = vnet->gso_size;
	}
	return (offset + header->tp_next_offset);
}

#endif /* !_PACKETIO_RING_H_ */
