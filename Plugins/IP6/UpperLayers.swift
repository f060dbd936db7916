import NetISRPlugin

/// Who takes what arrives here and is not ICMPv6: handlers that claim a protocol or a UDP port.
struct UpperLayers {
  private var claims = Claims()
  /// The same table, to see at once whether there are any.
  private var table = Table<Claims.Subject, UInt32>()

  /// [control]
  mutating func open() throws(Errno) {
    claims = try Claims(opening: ())
    table = try Table(finding: "shared.claims")
  }

  var isEmpty: Bool { table.count(vnet: 0) == 0 }

  func holder(of subject: Claims.Subject) -> Int32? { isEmpty ? nil : claims.holder(of: subject) }
}

/// Gives a packet to who claims it. Of what nobody takes, the sender is told (RFC 8200, section 4).
@inline(never)
func deliverAbove(_ packet: consuming Packet, _ chain: HeaderChain) {
  guard !chain.isForForeignGroup else { return unsafe counters.notmember.add() }
  if chain.nextHeader == NextHeader.udp { return udp6Input(packet, chain) }
  if let proto = unsafe upperLayers.holder(of: .ipProtocol(chain.nextHeader)) { return hand(packet, to: proto) }
  unsafe counters.noproto.add()
  ICMP6Error.problem(HeaderProblem(HeaderProblem.nextHeader, at: chain.nextHeaderOffset)).send(about: packet)
}

/// Gives a whole datagram, with its IPv6 header in front, to a netisr protocol number.
func hand(_ packet: consuming Packet, to proto: Int32) {
  unsafe counters.claimed.add()
  packet.dispatch(to: proto)
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var upperLayers = UpperLayers()
