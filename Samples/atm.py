"""atm.py CAPTURE FILE - carries the IP and ARP frames of an Ethernet capture over ATM, as ERF cells.

These cells were never on a wire: they are made of recorded frames, by RFC 2684 and I.363.5.  Two circuits are
interleaved cell by cell:

    0/100   routed, with LLC/SNAP
    0/101   bridged Ethernet without FCS

On 0/100 there are also F5 end-to-end loopback cells (I.610); of the twentieth PDU there, one bit was flipped.
"""

import itertools
import struct
import sys

import capture

LINKTYPE_ERF = 197
ERF_TYPE_ATM = 3
ROUTED, BRIDGED = 100, 101
CELLS = 1200


def crc32(data):
    """CRC-32 of AAL5: most significant bit first, all ones before and after."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc ^ 0xFFFFFFFF


def crc10(bits):
    """CRC-10 of OAM cells (I.610): x^10 + x^9 + x^5 + x^4 + x + 1."""
    crc = 0
    for bit in bits:
        crc = (crc << 1 & 0x3FF) ^ (0x233 if crc >> 9 ^ bit else 0)
    return crc


def aal5(payload):
    """The CPCS-PDU: payload, pad, UU, CPI, length, CRC."""
    pad = bytes(-(len(payload) + 8) % 48)
    head = payload + pad + struct.pack("!BBH", 0, 0, len(payload))
    return head + struct.pack("!I", crc32(head))


def cell(vci, pti, payload):
    return struct.pack("!I", vci << 4 | pti << 1) + payload


def cells(vci, pdu):
    """The cells of a PDU; the last one has the user-to-user bit of the payload type."""
    for offset in range(0, len(pdu), 48):
        yield cell(vci, 1 if offset + 48 == len(pdu) else 0, pdu[offset : offset + 48])


def loopback(tag):
    """An end-to-end loopback cell of fault management: indication, tag, location, source, CRC-10."""
    body = bytes([0x18, 1]) + struct.pack("!I", tag) + b"\xff" * 16 + b"\xff" * 16 + b"\x6a" * 8
    # Six reserved bits, then the CRC over all before it.
    bits = [byte >> place & 1 for byte in body for place in range(7, -1, -1)] + [0] * 6
    crc = crc10(bits)
    return cell(ROUTED, 5, body + struct.pack("!H", crc))


def routed(frame):
    return bytes.fromhex("aaaa03000000") + frame[12:]


def bridged(frame):
    return bytes.fromhex("aaaa030080c200070000") + frame


def record(time_ns, octets):
    """An ERF record, padded to a multiple of eight bytes; wlen is the cell without HEC."""
    stamp = (time_ns // 10**9) << 32 | (time_ns % 10**9 << 32) // 10**9
    size = (16 + len(octets) + 7) & ~7
    header = struct.pack("<Q", stamp) + struct.pack("!BBHHH", ERF_TYPE_ATM, 4, size, 0, len(octets))
    return (header + octets).ljust(size, b"\x00")


def main():
    frames = [
        (time_ns, frame)
        for time_ns, frame in capture.read(sys.argv[1])
        if frame[12:14] in (b"\x08\x00", b"\x08\x06", b"\x86\xdd")
    ]
    writer = capture.Writer(sys.argv[2], LINKTYPE_ERF)
    written, pdus, time_ns = 0, 0, 0
    for pair in zip(frames[0::2], frames[1::2]):
        (start, first), (_, second) = pair
        pdus += 1
        pdu = bytearray(aal5(routed(first)))
        if pdus == 20:
            pdu[20] ^= 0x04
        one = list(cells(ROUTED, bytes(pdu)))
        other = list(cells(BRIDGED, aal5(bridged(second))))
        if written + len(one) + len(other) + 1 > CELLS:
            break
        if pdus % 10 == 0:
            one.append(loopback(pdus))
        merged = [octets for both in itertools.zip_longest(one, other) for octets in both if octets]
        for octets in merged:
            # As fast as a circuit of 155 Mbit/s has cells.
            time_ns = max(start, time_ns + 2831)
            writer.frame(time_ns, record(time_ns, octets))
        written += len(merged)
    writer.close()


main()
