"""trunk.py PORT TRUNK TAGS - tags what comes in by PORT and puts it on TRUNK, and the other way round.

TAGS are TPID:TCI in hexadecimal, outermost first, joined by commas.  It is what a switch does between an access port
and a trunk; record.sh uses it so that no VLAN driver is needed.
"""

import select
import socket
import sys

ETH_P_ALL = 3
PACKET_OUTGOING = 4
TPIDS = (bytes.fromhex("8100"), bytes.fromhex("88a8"))


def open_port(name):
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    port.bind((name, ETH_P_ALL))
    return port


def untag(frame):
    """The frame without its tags.  The kernel has taken the outermost one off already."""
    while frame[12:14] in TPIDS:
        frame = frame[:12] + frame[16:]
    return frame


def main():
    port, trunk = open_port(sys.argv[1]), open_port(sys.argv[2])
    tags = bytes.fromhex(sys.argv[3].replace(":", "").replace(",", ""))
    while True:
        for ready in select.select([port, trunk], [], [])[0]:
            frame, address = ready.recvfrom(65535)
            if address[2] == PACKET_OUTGOING:
                continue
            if ready is port:
                trunk.send(frame[:12] + tags + frame[12:])
            else:
                port.send(untag(frame))


main()
