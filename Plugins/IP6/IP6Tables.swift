import NetISRPlugin

/// The tables of ip6: what survives a swap, and what other plugins read.
struct IP6Tables {
  /// Datagrams of which fragments are missing.
  var reassembly = Table<DatagramKey, Datagram>()
  /// When datagrams are given up.
  var timers = ClockTimers()
  /// Link-level addresses learned by Neighbor Discovery (RFC 4861).
  var neighbours = AgingTable<NeighbourKey, Neighbour>(lifetime: Neighbour.lifetime, empty: Neighbour())
  /// Multicast groups that somebody on a link listens to (RFC 2710, RFC 3810).
  var memberships = AgingTable<MembershipKey, Membership>(lifetime: Membership.lifetime, empty: Membership())
  /// Ways that are narrower or better than the routes say.
  var destinations = AgingTable<AddressKey, Destination>(lifetime: Destination.lifetime, empty: Destination())

  init() {}

  /// After the counters. [control]
  init(opening _: Void) throws(Errno) {
    reassembly = try Table(
      opening: "ip6.reassembly", maxEntries: ReassemblyLimit.datagrams, flags: TABLE_HOLDS_MBUFS,
      format: """
        source:ipv6 destination:ipv6 identification:u32 clock:u32 zone:u32 = -:8 bytes:u32 fragments:u32 started:time \
        received:u32 total:u32 farthest:u32 header_length:u16 -:2 next_header:u8 dead:u8 -:2 -:4 -:264
        """)
    timers = try ClockTimers(opening: "ip6.timers") { giveUpExpired(UInt32(truncatingIfNeeded: $0)) }
    try unsafe neighbours.open(
      "ip6.neighbours", timers: "ip6.neighbours_timers", maxEntries: Neighbour.limit,
      format:
        "address:ipv6 interface:u32 = link:mac -:2 seen:time clock:u32 state:u8 length:u8 router:u8 -:1 until:time",
      timeouts: icmp6Counters.nd_timeout, evictions: icmp6Counters.nd_evicted
    ) { unsafe tables.neighbours.age($0) }
    try unsafe memberships.open(
      "ip6.memberships", timers: "ip6.memberships_timers", maxEntries: Membership.limit,
      format: """
        group:ipv6 interface:u32 = seen:time reporter:ipv6 clock:u32 reports:u32 mode:u8 version:u8 sources:u16 -:4 \
        source0:ipv6 source1:ipv6 source2:ipv6 source3:ipv6 source4:ipv6 source5:ipv6 source6:ipv6 source7:ipv6
        """,
      timeouts: icmp6Counters.mld_timeout, evictions: icmp6Counters.mld_evicted
    ) { unsafe tables.memberships.age($0) }
    try destinations.open(
      "ip6.destinations", timers: "ip6.destinations_timers", maxEntries: Destination.limit,
      format: "address:ipv6 zone:u32 = next_hop:ipv6 seen:time clock:u32 interface:u32 mtu:u32 -:4",
      timeouts: Counter(), evictions: Counter()
    ) { unsafe tables.destinations.age($0) }
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var tables = IP6Tables()
