import NetISRPlugin

/// Cuts a datagram that is too long for its way, and sends the pieces (RFC 8200, section 4.5). Only who makes a
/// datagram does: nobody on its way may. The data are not copied.
func fragment(_ packet: consuming Packet, by hop: Hop, mtu: Int) {
  guard let head = UnfragmentablePart(packet) else { return unsafe counters.cantfrag.add() }
  // All but the last are multiples of 8.
  let room = (max(mtu, IP6Header.minimumMTU) &- head.count &- FragmentHeader.size) & ~7
  let chance = Chance.number(UInt64(truncatingIfNeeded: packet.count), on: hop.interface)
  let identification = UInt32(truncatingIfNeeded: chance)
  unsafe counters.fragmented.add()
  var rest = packet
  rest.removeFirst(head.count)
  var offset = 0
  while rest.count > room {
    guard let following = rest.cut(after: room) else { return unsafe counters.nobufs.add() }
    guard send(rest, head, offset: offset, more: true, identification, by: hop) else { return }
    offset &+= room
    rest = following
  }
  _ = send(rest, head, offset: offset, more: false, identification, by: hop)
}

/// Puts the headers in front of a piece. False without memory.
private func send(
  _ data: consuming Packet, _ head: UnfragmentablePart, offset: Int, more: Bool, _ identification: UInt32, by hop: Hop
) -> Bool {
  let payload = data.count &+ head.count &+ FragmentHeader.size &- IP6Header.size
  guard var piece = data.prepending(head.count &+ FragmentHeader.size) else {
    unsafe counters.nobufs.add()
    return false
  }
  piece.setInterface(hop.interface)
  piece.clearFlowID()
  var bytes = piece.mutableBytes
  for index in 0..<head.count { bytes.setU8(index, head.bytes[index]) }
  bytes.setU16(IP6Header.payloadLengthOffset, UInt16(truncatingIfNeeded: payload))
  bytes.setU8(head.nextHeaderOffset, NextHeader.fragment)
  bytes.setU8(head.count, head.nextHeader)
  bytes.setU8(head.count &+ 1, 0)
  bytes.setU16(head.count &+ 2, UInt16(truncatingIfNeeded: offset) | (more ? 1 : 0))
  bytes.setU32(head.count &+ 4, identification)
  unsafe counters.ofragments.add()
  return unsafe resolution.send(piece, to: hop.address, by: hop.interface)
}

/// The headers that stay in front of each piece: those for who is on the way.
private struct UnfragmentablePart {
  /// With a Fragment header they fit into one mbuf.
  private static let limit = 120

  private(set) var bytes = InlineArray<120, UInt8>(repeating: 0)
  private(set) var count = IP6Header.size
  private(set) var nextHeaderOffset = IP6Header.nextHeaderOffset
  private(set) var nextHeader: UInt8

  /// Nil when they are longer than anybody needs, or cut off.
  init?(_ packet: borrowing Packet) {
    guard let first = packet.u8(at: IP6Header.nextHeaderOffset) else { return nil }
    nextHeader = first
    while nextHeader == NextHeader.hopByHop || nextHeader == NextHeader.routing {
      guard let next = packet.u8(at: count), let lengthField = packet.u8(at: count &+ 1) else { return nil }
      nextHeaderOffset = count
      count &+= NextHeader.extensionLength(nextHeader, lengthField: lengthField)
      nextHeader = next
      guard count <= Self.limit else { return nil }
    }
    guard count <= packet.count else { return nil }
    for index in 0..<count { bytes[index] = packet.u8(at: index) ?? 0 }
  }
}

extension Packet {
  /// Keeps the first `count` bytes and gives out the others; nil, with nothing changed, without memory.
  fileprivate mutating func cut(after count: Int) -> Packet? {
    let head = unsafe release()
    let tail = unsafe m_split(head, Int32(truncatingIfNeeded: count), M_NOWAIT)
    self = unsafe Packet(adopting: head)
    guard let tail = unsafe tail else { return nil }
    return unsafe Packet(adopting: tail)
  }
}
