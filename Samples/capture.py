"""Reading and writing of capture files in the classic form, for the scripts beside this one."""

import struct


class Writer:
    """A capture with nanosecond times."""

    def __init__(self, path, link_type):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link_type))

    def frame(self, time_ns, data):
        self.file.write(struct.pack("<IIII", time_ns // 10**9, time_ns % 10**9, len(data), len(data)) + data)

    def close(self):
        self.file.close()


def read(path):
    """Yields (time in ns, bytes) of a capture of this machine's byte order with microseconds, as tcpdump writes it."""
    with open(path, "rb") as file:
        if file.read(24)[:4] != struct.pack("<I", 0xA1B2C3D4):
            raise SystemExit(path + ": expected a capture as tcpdump writes it on a little-endian machine")
        while header := file.read(16):
            seconds, micro, captured, _ = struct.unpack("<IIII", header)
            yield seconds * 10**9 + micro * 1000, file.read(captured)
