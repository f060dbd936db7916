import NetISRPlugin

/// ip6's output: sends a datagram that this host has made (M_LOCALOUT in mbuf.h).
///
/// Fills in what the sender has left open: payload length, source (and with it the checksum of its upper layer), hop
/// limit. Then it finds the next hop, cuts what is too long for the way, and gives all of it to neighbour discovery. What
/// is for this host itself comes in again.
func ip6Output(_ made: consuming Packet) {
  unsafe counters.localout.add()
  guard made.count >= IP6Header.size, made.count &- IP6Header.size <= ReassemblyLimit.payload else {
    return unsafe counters.odropped.add()
  }
  guard let whole = made.contiguous(IP6Header.size), var packet = whole.headerWritable() else {
    return unsafe counters.nobufs.add()
  }
  packet.flags &= ~(M_LOCALOUT | M_NEXTHOP | M_BCAST | M_MCAST | M_PROMISC | M_VLANTAG)
  guard let sent = SentHeader(packet) else { return unsafe counters.odropped.add() }
  let (source, destination) = (sent.source, sent.destination)
  let interface = packet.interface.flatMap { $0.isMonitor ? nil : $0 }
  let vnet = packet.vnet
  guard !destination.isUnspecified, !destination.isMappedIPv4, !source.isMulticast else {
    return unsafe counters.odropped.add()
  }
  packet.setPayloadLength()
  if unsafe addresses.isOwn(destination, on: interface?.index ?? 0, vnet: vnet) {
    return comeBack(packet, to: destination, from: source, vnet: vnet)
  }

  let known = Destination.lookup(destination, on: interface?.index ?? 0, vnet: vnet)
  let hop: Hop
  do throws(NoHop) {
    hop = try ownHop(from: source, to: destination, by: interface, vnet: vnet, known)
  } catch {
    return unsafe counters.noroute.add()
  }
  if source.isUnspecified {
    guard let chosen = SourceSelection.address(for: destination, by: hop.interface) else {
      return unsafe counters.odropped.add()
    }
    // Its checksum may lie in a piece that others share.
    guard let own = packet.writable() else { return unsafe counters.nobufs.add() }
    packet = own
    packet.setSource(chosen, destination)
  }
  if sent.hopLimit == 0 {
    let said = unsafe links.lookup(hop.interface).hopLimit
    let unicast = said > 0 ? said : unsafe UInt8(truncatingIfNeeded: settings.hopLimit.value)
    packet.setHopLimit(destination.isMulticast ? 1 : unicast)
  }
  packet.setInterface(hop.interface)
  if destination.isMulticast, unsafe groups.contains(destination, on: hop.interface.index, vnet: vnet),
    let copy = packet.copy()
  {
    // This host is one of the group.
    copy.queue(to: NETISR_IPV6)
  }
  let mtu = min(hop.mtu, known.map { $0.mtu > 0 ? Int($0.mtu) : hop.mtu } ?? hop.mtu)
  if packet.count <= mtu {
    unsafe resolution.send(packet, to: hop.address, by: hop.interface)
  } else {
    fragment(packet, by: hop, mtu: mtu)
  }
}

/// The next hop of what this host has made: as a router has said, or else as the routes say.
func ownHop(
  from source: IP6Address, to destination: IP6Address, by interface: Interface?, vnet: UInt32, _ known: Destination?
) throws(NoHop) -> Hop {
  if let hop = Hop.redirected(by: known) { return hop }
  return try unsafe routing.hop(from: source, to: destination, by: interface, vnet: vnet, isOwn: true)
}

/// What a host says to itself comes in at the interface that has the address.
private func comeBack(_ sent: consuming Packet, to destination: IP6Address, from source: IP6Address, vnet: UInt32) {
  var packet = sent
  let zone = packet.interface?.index ?? 0
  guard let known = unsafe addresses.lookup(destination, on: zone, vnet: vnet),
    let at = Interface(index: known.interface)
  else { return unsafe counters.odropped.add() }
  if source.isUnspecified {
    guard let own = packet.writable() else { return unsafe counters.nobufs.add() }
    packet = own
    packet.setSource(destination, destination)
  }
  packet.setInterface(at)
  packet.queue(to: NETISR_IPV6)
}

/// What a sender has filled in.
private struct SentHeader {
  let source: IP6Address
  let destination: IP6Address
  let hopLimit: UInt8

  init?(_ packet: borrowing Packet) {
    guard let header = IP6Header(packet.bytes), header.version == 6 else { return nil }
    source = header.source
    destination = header.destination
    hopLimit = header.hopLimit
  }
}

extension Hop {
  /// The first hop that a router has named for a destination, as long as its link is there.
  static func redirected(by known: Destination?) -> Hop? {
    guard let known, known.nextHop != .unspecified, let interface = Interface(index: known.interface),
      interface.speaksIP6
    else { return nil }
    return Hop(interface: interface, address: known.nextHop.address, mtu: unsafe links.mtu(of: interface))
  }
}

extension Packet {
  /// The same packet, whose first piece may be written.
  consuming func headerWritable() -> Packet? {
    if flags & M_RDONLY == 0 { return self }
    return writable()
  }

  /// Writes the payload length: all behind the header.
  fileprivate mutating func setPayloadLength() {
    let length = UInt16(truncatingIfNeeded: count &- IP6Header.size)
    var header = mutableBytes
    header.setU16(IP6Header.payloadLengthOffset, length)
  }

  /// Writes the hop limit. Of a packet whose header is in one piece, which may be written.
  mutating func setHopLimit(_ value: UInt8) {
    var header = mutableBytes
    header.setU8(IP6Header.hopLimitOffset, value)
  }

  /// Writes the source, and the checksum that depends on it.
  fileprivate mutating func setSource(_ source: IP6Address, _ destination: IP6Address) {
    var header = mutableBytes
    header.set(source, at: IP6Header.sourceOffset)
    let kind = bytes.u8(IP6Header.nextHeaderOffset)
    setTransportChecksum(kind, source, destination)
  }

  /// Finishes the checksum of an upper layer that begins right behind the header.
  private mutating func setTransportChecksum(_ kind: UInt8, _ source: IP6Address, _ destination: IP6Address) {
    let field: Int
    switch kind {
    case NextHeader.icmp6: field = 2
    case NextHeader.udp: field = 6
    case NextHeader.tcp: field = 16
    default: return
    }
    let length = count &- IP6Header.size
    guard length >= field &+ 2 else { return }
    store(0, at: IP6Header.size &+ field)
    var checksum = InternetChecksum(pseudo: source, destination, length: length, kind)
    add(from: IP6Header.size, count: length, to: &checksum)
    let value = checksum.value
    store(value == 0 && kind == NextHeader.udp ? 0xffff : value, at: IP6Header.size &+ field)
  }
}

extension MutableRawSpan {
  /// Writes an address at `offset`, behind which there are 16 bytes.
  @_lifetime(self: copy self)
  mutating func set(_ address: IP6Address, at offset: Int) {
    setU32(offset, UInt32(truncatingIfNeeded: address.high >> 32))
    setU32(offset &+ 4, UInt32(truncatingIfNeeded: address.high))
    setU32(offset &+ 8, UInt32(truncatingIfNeeded: address.low >> 32))
    setU32(offset &+ 12, UInt32(truncatingIfNeeded: address.low))
  }
}
