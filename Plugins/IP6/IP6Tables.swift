import NetISRPlugin

/// The tables of ip6: what survives a swap, and what other plugins read.
struct IP6Tables {
  /// Datagrams of which fragments are missing.
  var reassembly = Table<DatagramKey, Datagram>()
  /// When each clock's datagrams were swept last.
  var sweeps = Table<UInt32, UInt64>()
  /// Link-level addresses learned by Neighbor Discovery (RFC 4861).
  var neighbours = AgingTable<NeighbourKey, Neighbour>(lifetime: Neighbour.lifetime, empty: Neighbour())
  /// Multicast groups that somebody on a link listens to (RFC 2710, RFC 3810).
  var memberships = AgingTable<MembershipKey, Membership>(lifetime: Membership.lifetime, empty: Membership())

  init() {}

  /// After the counters. [control]
  init(opening _: Void) throws(Errno) {
    reassembly = try Table(
      opening: "ip6.reassembly", maxEntries: ReassemblyLimit.datagrams, flags: TABLE_HOLDS_MBUFS)
    sweeps = try Table(opening: "ip6.sweeps", maxEntries: ReassemblyLimit.clocks)
    try unsafe neighbours.open(
      "ip6.neighbours", sweeps: "ip6.neighbours_sweeps", maxEntries: Neighbour.limit,
      timeouts: icmp6Counters.nd_timeout, evictions: icmp6Counters.nd_evicted)
    try unsafe memberships.open(
      "ip6.memberships", sweeps: "ip6.memberships_sweeps", maxEntries: Membership.limit,
      timeouts: icmp6Counters.mld_timeout, evictions: icmp6Counters.mld_evicted)
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var tables = IP6Tables()
