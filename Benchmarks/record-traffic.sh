#!/bin/bash
#
# record-traffic.sh - records real traffic for replay: two kernels that talk over a link.
#
#   sudo Benchmarks/record-traffic.sh FILE [PACKETS]
#
# Connections of heavy-tailed lengths over TCP, and requests and answers over UDP, both over IPv4 and IPv6, eight at a
# time, with pings and neighbour discovery between; every frame in full (about 500 bytes on average).
# Needs root, tcpdump, iproute2, ping, ethtool and python3.

set -eu
file=${1:?usage: record-traffic.sh FILE [PACKETS]}
packets=${2:-1000000}
run=netisr-$$
started=()

cleanup() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  for name in a b; do ip netns del "$run-$name" 2>/dev/null || true; done
}
trap cleanup EXIT

on() { local name=$1; shift; ip netns exec "$run-$name" "$@"; }
# start NAME COMMAND...: in the background until the end.
start() { local name=$1; shift; ip netns exec "$run-$name" "$@" & started+=($!); }

for name in a b; do ip netns add "$run-$name"; done
ip link add a0 netns "$run-a" type veth peer name b0 netns "$run-b"
for end in a:1 b:2; do
  name=${end%:*} number=${end#*:}
  on "$name" ethtool -K "${name}0" tx off tso off gso off gro off >/dev/null
  on "$name" ip address add "192.0.2.$number/24" dev "${name}0"
  on "$name" ip address add "2001:db8::$number/64" dev "${name}0" nodad
  on "$name" ip link set "${name}0" up
done

talk=$(cat <<'PYTHON'
import os, random, socket, sys, threading

PORT = 7000
PEERS = [(socket.AF_INET, "192.0.2.2"), (socket.AF_INET6, "2001:db8::2")]

def echo_tcp(connection):
    with connection:
        while True:
            data = connection.recv(65536)
            if not data:
                return
            # A page for a request, as servers answer.
            connection.sendall(data * 4)

def serve():
    def tcp(family):
        with socket.create_server(("", PORT), family=family, backlog=128) as server:
            while True:
                threading.Thread(target=echo_tcp, args=(server.accept()[0],), daemon=True).start()
    def udp(family):
        with socket.socket(family, socket.SOCK_DGRAM) as server:
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            server.bind(("", PORT))
            while True:
                data, peer = server.recvfrom(65536)
                server.sendto(data + data, peer)
    for family, _ in PEERS:
        for service in tcp, udp:
            threading.Thread(target=service, args=(family,), daemon=True).start()
    threading.Event().wait()

def converse(seed):
    choice = random.Random(seed)
    while True:
        family, peer = choice.choice(PEERS)
        try:
            if choice.random() < 0.6:
                with socket.create_connection((peer, PORT), timeout=5) as connection:
                    for _ in range(min(int(choice.paretovariate(1.1)), 2000)):
                        request = bytes(choice.randrange(20, 400))
                        connection.sendall(request)
                        wanted = 4 * len(request)
                        while wanted > 0:
                            wanted -= len(connection.recv(65536))
            else:
                with socket.socket(family, socket.SOCK_DGRAM) as client:
                    client.settimeout(1)
                    client.connect((peer, PORT))
                    for _ in range(min(int(choice.paretovariate(1.1)), 500)):
                        client.send(bytes(choice.randrange(20, 600)))
                        client.recv(65536)
        except OSError:
            pass

if sys.argv[1] == "serve":
    serve()
else:
    for seed in range(8):
        threading.Thread(target=converse, args=(seed,), daemon=True).start()
    threading.Event().wait()
PYTHON
)

start b python3 -c "$talk" serve
ip netns exec "$run-a" tcpdump -Z root -q -s 0 -B 65536 -c "$packets" -i a0 -w "$file" &
recorder=$!
sleep 1
start a python3 -c "$talk" talk
start a ping -q -i 0.01 192.0.2.2 >/dev/null
start a ping -6 -q -i 0.01 -s 600 2001:db8::2 >/dev/null
wait $recorder
