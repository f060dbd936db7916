"""netlink.py FILE - runs the arguments of ip(8) on standard input, line by line, and records rtnetlink meanwhile.

Recorded are the kernel's own messages: its notifications to all groups, requests of this script (dumps and look-ups)
and the answers.  What ip itself asks is not seen.  The link type is NETLINK: a cooked header in front of each buffer of
messages, as an nlmon device would give, but without needing one.
"""

import errno
import socket
import struct
import subprocess
import sys
import time

import capture

LINKTYPE_NETLINK = 253
ARPHRD_NETLINK = 824
NETLINK_ROUTE = 0
SENT, ANSWER, NOTIFICATION = 4, 0, 2

RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, RTM_GETNEIGH = 18, 22, 26, 30
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
NLMSG_DONE, NLMSG_ERROR = 3, 2
RTA_DST = 1
GROUPS = 0x7FFFFFFF


class Recorder:
    def __init__(self, path):
        self.writer = capture.Writer(path, LINKTYPE_NETLINK)
        self.listener = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
        self.listener.bind((0, GROUPS))
        self.asker = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
        self.asker.bind((0, 0))
        self.sequence = 0

    def record(self, kind, data):
        header = struct.pack("!HH10xH", kind, ARPHRD_NETLINK, NETLINK_ROUTE)
        self.writer.frame(time.time_ns(), header + data)

    def notifications(self):
        """Records what waits."""
        while True:
            try:
                self.record(NOTIFICATION, self.listener.recv(65536, socket.MSG_DONTWAIT))
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise
                return

    def ask(self, kind, body, flags=0):
        """Sends a request, records it and the whole answer."""
        self.sequence += 1
        header = struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | flags, self.sequence, 0)
        self.record(SENT, header + body)
        self.asker.send(header + body)
        while True:
            data = self.asker.recv(65536)
            self.record(ANSWER, data)
            if not flags & NLM_F_DUMP or self.ends(data):
                return

    def ends(self, data):
        while len(data) >= 16:
            length, kind = struct.unpack_from("=IH", data)
            if kind in (NLMSG_DONE, NLMSG_ERROR):
                return True
            data = data[(length + 3) & ~3 :]
        return False

    def dump(self):
        for family in (socket.AF_INET, socket.AF_INET6):
            for kind, size in ((RTM_GETADDR, 8), (RTM_GETROUTE, 12), (RTM_GETNEIGH, 12)):
                self.ask(kind, struct.pack("=B%dx" % (size - 1), family), NLM_F_DUMP)
        self.ask(RTM_GETLINK, bytes(16), NLM_F_DUMP)

    def look_up(self, host):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        address = socket.inet_pton(family, host)
        body = struct.pack("=BB10x", family, 8 * len(address))
        self.ask(RTM_GETROUTE, body + struct.pack("=HH", 4 + len(address), RTA_DST) + address)


def main():
    recorder = Recorder(sys.argv[1])
    recorder.dump()
    for line in sys.stdin:
        subprocess.run(["ip"] + line.split(), check=True)
        time.sleep(0.1)
        recorder.notifications()
        if line.startswith("neigh change"):
            for host in ("192.0.2.9", "198.51.100.7", "2001:db8:2::9", "2001:db8:1::9", "100.64.0.1"):
                recorder.look_up(host)
            recorder.dump()
    recorder.dump()
    recorder.writer.close()


main()
