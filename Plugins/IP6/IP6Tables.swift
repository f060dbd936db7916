import NetISRPlugin

/// The tables of ip6: what survives a swap, and what other plugins read.
struct IP6Tables {
  /// Datagrams of which fragments are missing.
  var reassembly = Table<DatagramKey, Datagram>()
  /// Link-level addresses learned by Neighbor Discovery (RFC 4861).
  var neighbours = Table<NeighbourKey, Neighbour>()
  /// Multicast groups that somebody on a link listens to (RFC 2710, RFC 3810).
  var memberships = Table<MembershipKey, Membership>()

  init() {}

  init(opening _: Void) throws(Errno) {
    reassembly = try Table(
      opening: "ip6.reassembly", maxEntries: ReassemblyLimit.datagrams, flags: TABLE_HOLDS_MBUFS)
    neighbours = try Table(opening: "ip6.neighbours", maxEntries: 65_536)
    memberships = try Table(opening: "ip6.memberships", maxEntries: 65_536)
  }
}

/// Written once, during registration, before any packet.
nonisolated(unsafe) var tables = IP6Tables()
