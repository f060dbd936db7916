"""traffic.py COMMAND ... - the traffic of record.sh that ping and arping can't make."""

import socket
import struct
import sys
import threading
import time

PORT = 7007
CLOSED = 7008


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def serve():
    """Answers every UDP datagram with itself, and every TCP connection with 8,000 bytes."""

    def datagrams():
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
            server.bind(("::", PORT))
            while True:
                data, peer = server.recvfrom(65535)
                server.sendto(data, peer)

    threading.Thread(target=datagrams, daemon=True).start()
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("::", PORT))
        server.listen()
        while True:
            peer, _ = server.accept()
            with peer:
                peer.recv(100)
                peer.sendall(b"netisr " * 1143)


def tcp(host):
    with socket.create_connection((host, PORT), timeout=3) as client:
        client.sendall(b"hello\n")
        while client.recv(65535):
            pass


def udp(host):
    """Small datagrams, an empty one, and one that needs fragments."""
    with socket.socket(family(host), socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.connect((host, PORT))
        for size in (1, 0, 512, 5000):
            client.send(bytes(size))
            client.recv(65535)


def refused(host):
    """A datagram to a port, and a packet of a protocol, that nobody serves."""
    with socket.socket(family(host), socket.SOCK_DGRAM) as client:
        client.sendto(b"nobody", (host, CLOSED))
    with socket.socket(family(host), socket.SOCK_RAW, 253) as raw:
        raw.sendto(b"experiment", (host, 0))
    time.sleep(0.5)


def options(host):
    """A datagram with a hop-by-hop and a destination options header, each a PadN."""
    pad = bytes([0, 0, 1, 4, 0, 0, 0, 0])
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        ancillary = [
            (socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, pad),
            (socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, pad),
        ]
        client.sendmsg([b"options"], ancillary, 0, (host, PORT))
    time.sleep(0.5)


def advertise(device):
    """A router advertisement with a prefix, an MTU and the source address (RFC 4861)."""
    prefix = struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, 600, 300, 0, socket.inet_pton(socket.AF_INET6, "2001:db8:1::"))
    mtu = struct.pack("!BBHI", 5, 1, 0, 1500)
    source = bytes([1, 1]) + bytes.fromhex("02000000000b")
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        index = socket.if_nametoindex(device)
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        header = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 600, 0, 0)
        raw.sendto(header + source + mtu + prefix, ("ff02::1", 0, 0, index))
    time.sleep(1.5)


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - ((total & 0xFFFF) + (total >> 16))


def faulty(device, destination):
    """IPv4 packets that a receiver must refuse: checksum, version, header length, total length, cut short."""

    def header(first=0x45, length=28, spoil=0):
        fields = [first, 0, length, 1, 0, 64, 17, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])]
        fields[7] = checksum(struct.pack("!BBHHHBBH4s4s", *fields)) ^ spoil
        return struct.pack("!BBHHHBBH4s4s", *fields)

    udp_header = struct.pack("!HHHH", CLOSED, CLOSED, 8, 0)
    packets = [
        header(spoil=1) + udp_header,
        header(first=0x55) + udp_header,
        header(first=0x44) + udp_header,
        header(length=400) + udp_header,
        header()[:12],
    ]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((device, 0x0800))
        ethernet = bytes.fromhex(destination.replace(":", "")) + bytes.fromhex("02000000000a0800")
        for packet in packets:
            raw.send(ethernet + packet)


def join(device, group, group6, seconds):
    """Joins and leaves a group of each family, in IPv4 also one of a single source."""
    index = socket.if_nametoindex(device)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any4, socket.socket(
        socket.AF_INET, socket.SOCK_DGRAM
    ) as one4, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as any6:
        request = struct.pack("4s4si", socket.inet_aton(group), bytes(4), index)
        any4.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
        source = struct.pack(
            "4s4s4s", socket.inet_aton("232.1.2.3"), socket.inet_aton("192.0.2.1"), socket.inet_aton("192.0.2.2")
        )
        one4.setsockopt(socket.IPPROTO_IP, 39, source)  # IP_ADD_SOURCE_MEMBERSHIP
        request = struct.pack("16sI", socket.inet_pton(socket.AF_INET6, group6), index)
        any6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
        time.sleep(float(seconds))
    time.sleep(1.5)


commands = [serve, tcp, udp, refused, options, advertise, faulty, join]
{command.__name__: command for command in commands}[sys.argv[1]](*sys.argv[2:])
