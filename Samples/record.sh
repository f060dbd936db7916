#!/bin/bash
#
# record.sh - records the sample captures of this folder anew.
#
#   sudo Samples/record.sh [FOLDER]
#
# Kernel stacks in network namespaces of our own are the peers:
#
#   a --a0=s1-- s (bridge br0: querier, STP) --s2=b0-- b (router) --b1=c0-- c      recorded on a0
#   v --v0=p1-- t --t1=t2-- t --p2=w0-- w     t tags what crosses t1=t2            recorded on t1
#   n                                         links come and go                    rtnetlink
#
# Needs root, tcpdump, iproute2, ping, arping, ethtool and python3.  Takes about a minute and a half.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
run=netisr-$$
work=$(mktemp -d)
started=()

cleanup() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  for name in a b c s t v w n; do ip netns del "$run-$name" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

# on NAME COMMAND...: runs the command in that namespace.
on() { local name=$1; shift; ip netns exec "$run-$name" "$@"; }
# start NAME COMMAND...: the same, in the background until the end.
start() { local name=$1; shift; ip netns exec "$run-$name" "$@" & started+=($!); }
# try NAME COMMAND...: the same as on; what it answers does not matter, only its packets.
try() { on "$@" >/dev/null 2>&1 || true; }
traffic() { local name=$1; shift; try "$name" python3 "$here/traffic.py" "$@"; }
set_sysctl() { local name=$1; shift; on "$name" sysctl -qw "$@"; }

# wire NAME DEVICE MAC NAME DEVICE MAC: a veth pair without offloads, so that checksums are those of the wire.
wire() {
  ip link add "$2" netns "$run-$1" address "$3" type veth peer name "$5" netns "$run-$4" address "$6"
  on "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null
  on "$4" ethtool -K "$5" tx off tso off gso off gro off >/dev/null
}

# record NAME DEVICE FILE: starts tcpdump and waits until it listens; recorder is its process.
record() {
  ip netns exec "$run-$1" tcpdump -Z root -U --immediate-mode -s 65535 -i "$2" -w "$work/$3" 2>"$work/$3.log" &
  recorder=$!
  until grep -qs 'listening on' "$work/$3.log"; do
    kill -0 $recorder 2>/dev/null || { cat "$work/$3.log" >&2; exit 1; }
    sleep 0.1
  done
}
stop() { sleep 0.5; kill "$1"; wait "$1" || true; }

for name in a b c s t v w n; do
  ip netns add "$run-$name"
  on "$name" ip link set lo up
done
# The switches have no stack of their own towards the wires.
set_sysctl t net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1

echo "ethernet.pcap"
wire a a0 02:00:00:00:00:0a s s1 02:00:00:00:01:0a
wire b b0 02:00:00:00:00:0b s s2 02:00:00:00:01:0b
wire b b1 02:00:00:00:00:1b c c0 02:00:00:00:00:0c
on s ip link add br0 address 02:00:00:00:01:00 type bridge stp_state 1 forward_delay 200 hello_time 200 \
  mcast_querier 1 mcast_igmp_version 3 mcast_mld_version 2 mcast_query_use_ifaddr 1 \
  mcast_query_interval 400 mcast_query_response_interval 200 mcast_startup_query_interval 300
on s ip link set s1 master br0
on s ip link set s2 master br0
on s ip addr add 192.0.2.3/24 dev br0
set_sysctl b net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
set_sysctl a net.ipv4.icmp_ratelimit=0
set_sysctl b net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.conf.all.send_redirects=1 \
  net.ipv4.icmp_errors_use_inbound_ifaddr=1

on a ip link set a0 up # without carrier until s1 is up
record a a0 ethernet.pcap
ethernet=$recorder
for device in br0 s1 s2; do on s ip link set "$device" up; done
on b ip link set b0 up
on b ip link set b1 up mtu 1400
on c ip link set c0 up mtu 1400
on a ip addr add 192.0.2.1/24 broadcast + dev a0
on b ip addr add 192.0.2.2/24 broadcast + dev b0
on b ip addr add 198.51.100.2/24 dev b1
on c ip addr add 198.51.100.1/24 dev c0
on a ip addr add 2001:db8:1::1/64 dev a0
on b ip addr add 2001:db8:1::2/64 dev b0
on b ip addr add 2001:db8:2::2/64 dev b1
on c ip addr add 2001:db8:2::1/64 dev c0
on a ip route add default via 192.0.2.2
on a ip -6 route add default via 2001:db8:1::2
on c ip route add default via 198.51.100.2
on c ip -6 route add default via 2001:db8:2::2
on b ip route add 203.0.113.0/24 via 192.0.2.3 dev b0
sleep 6 # STP lets the ports forward; duplicate address detection ends

start b python3 "$here/traffic.py" serve
start c python3 "$here/traffic.py" serve
sleep 0.5

record b any cooked.pcap
cooked=$recorder
# ARP
try a arping -q -c 2 -I a0 192.0.2.2
try a arping -q -c 1 -U -I a0 192.0.2.1
try a arping -q -c 1 -A -I a0 192.0.2.1
try a arping -q -c 1 -D -I a0 192.0.2.9
# ICMP echo, whole and in fragments, with options, to all
for host in 192.0.2.2 198.51.100.1 2001:db8:1::2 2001:db8:2::1; do
  try a ping -q -c 3 -i 0.2 "$host"
  try a ping -q -c 2 -i 0.2 -s 4000 "$host"
done
stop "$cooked"
try a ping -q -c 1 -R 198.51.100.1
try a ping -q -c 1 -T tsonly 192.0.2.2
try a ping -q -c 1 -T tsandaddr 198.51.100.1
try a ping -q -c 1 -W 1 -b 192.0.2.255
try a ping -q -c 1 -W 1 ff02::1%a0
# ICMP errors: time exceeded, net, host, protocol and port unreachable, too big, redirect
try a ping -q -c 1 -W 1 -t 1 198.51.100.1
try a ping -q -c 1 -W 1 -t 1 2001:db8:2::1
try a ping -q -c 1 -W 1 100.64.0.1
try a ping -q -c 1 -W 4 198.51.100.77
try a ping -q -c 1 -W 1 2001:db8:ffff::1
try a ping -q -c 1 -W 4 2001:db8:2::77
try a ping -q -c 1 -W 1 -M do -s 1460 198.51.100.1
try a ping -q -c 1 -W 1 -M do -s 1440 2001:db8:2::1
try a ping -q -c 1 -W 1 203.0.113.1
traffic a refused 192.0.2.2
traffic a refused 2001:db8:1::2
# TCP and UDP
for host in 192.0.2.2 198.51.100.1 2001:db8:1::2 2001:db8:2::1; do
  traffic a tcp "$host"
  traffic a udp "$host"
done
# IPv6 options, router advertisement, and frames that a receiver must refuse
traffic a options 2001:db8:1::2
traffic b advertise b0
traffic a faulty a0 02:00:00:00:00:0b
# Group membership, by each version of IGMP and MLD
for version in 3 2 1; do
  set_sysctl a net.ipv4.conf.a0.force_igmp_version=$version
  set_sysctl a net.ipv6.conf.a0.force_mld_version=$((version > 1 ? version - 1 : 1))
  if [ $version = 2 ]; then on s ip link set br0 type bridge mcast_igmp_version 2 mcast_mld_version 1; fi
  traffic a join a0 "239.1.2.$version" "ff05::$version:3" 3
done
stop "$ethernet"

echo "vlan.pcap"
wire v v0 02:00:00:00:02:0a t p1 02:00:00:00:03:0a
wire w w0 02:00:00:00:02:0b t p2 02:00:00:00:03:0b
wire t t1 02:00:00:00:04:01 t t2 02:00:00:00:04:02
for device in p1 p2 t1 t2; do on t ip link set "$device" up promisc on; done
record t t1 vlan.pcap
vlan=$recorder
on v ip link set v0 up mtu 1400
on w ip link set w0 up mtu 1400
on v ip addr add 192.0.2.1/24 dev v0
on w ip addr add 192.0.2.2/24 dev w0
on v ip addr add 2001:db8:3::1/64 dev v0
on w ip addr add 2001:db8:3::2/64 dev w0
start w python3 "$here/traffic.py" serve
for tags in 8100:600a 88a8:0014,8100:001e; do
  start t python3 "$here/trunk.py" p1 t1 $tags
  start t python3 "$here/trunk.py" p2 t2 $tags
  sleep 2.5
  try v ping -q -c 3 -i 0.2 192.0.2.2
  try v ping -q -c 1 -s 3000 192.0.2.2
  try v ping -q -c 3 -i 0.2 2001:db8:3::2
  try v ping -q -c 1 -s 3000 2001:db8:3::2
  traffic v udp 192.0.2.2
  traffic v tcp 2001:db8:3::2
  on v ip neigh flush dev v0
  kill "${started[-1]}" "${started[-2]}"
done
stop "$vlan"

echo "netlink.pcap"
on n python3 "$here/netlink.py" "$work/netlink.pcap" <<'COMMANDS'
link add x0 address 02:00:00:00:05:0a type veth peer name x1 address 02:00:00:00:05:0b
link set x0 mtu 1400
link set x1 up
link set x0 up
address add 192.0.2.1/24 dev x0
address add 2001:db8:1::1/64 dev x0 nodad
route add 198.51.100.0/24 via 192.0.2.2
route add 203.0.113.0/24 via 192.0.2.3 metric 10
route replace 198.51.100.0/24 via 192.0.2.4
route add blackhole 100.64.0.0/10
-6 route add 2001:db8:2::/48 via 2001:db8:1::2
-6 route add default via 2001:db8:1::3
neigh add 192.0.2.2 lladdr 02:00:00:00:05:02 dev x0
neigh add 2001:db8:1::2 lladdr 02:00:00:00:05:02 dev x0
neigh change 192.0.2.2 lladdr 02:00:00:00:05:03 dev x0
rule add from 192.0.2.0/24 table 100 priority 1000
rule del priority 1000
neigh del 2001:db8:1::2 dev x0
route del 198.51.100.0/24
-6 route del 2001:db8:2::/48
address change 2001:db8:1::1/64 dev x0 valid_lft 600 preferred_lft 300
address del 2001:db8:1::1/64 dev x0
address del 192.0.2.1/24 dev x0
link set x0 down
link del x0
COMMANDS

echo "atm-cells.pcap"
python3 "$here/atm.py" "$work/ethernet.pcap" "$work/atm-cells.pcap"

mkdir -p "$out"
for file in ethernet cooked vlan netlink atm-cells; do mv "$work/$file.pcap" "$out/$file.pcap"; done
ls -l "$out"/*.pcap
