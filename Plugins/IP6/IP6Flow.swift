import NetISRPlugin

/// nh_m2flow of ip6: the flow id of a packet, the same for both directions.
///
/// Addresses, protocol and ports. A fragment has no ports to show: it is hashed by addresses and identification, so
/// that all fragments of a datagram meet. (Not by the protocol: only the first fragment tells it reliably.)
/// Whatever the packet lacks does not go into the hash; to judge the packet is the handler's business.
func ip6Flow(_ packet: consuming Packet) -> Packet {
  var packet = packet
  guard let source = packet.address(at: 8), let destination = packet.address(at: 24),
    let first = packet.u8(at: IP6Header.nextHeaderOffset)
  else {
    packet.setFlowID(0, hashType: M_HASHTYPE_OPAQUE)
    return packet
  }
  let key = FlowKey(packet, from: first)
  var hash = FlowHash(common: key.common)
  hash.addEnd(source.high, source.low, port: key.sourcePort)
  hash.addEnd(destination.high, destination.low, port: key.destinationPort)
  packet.setFlowID(hash.value, hashType: key.hashType)
  return packet
}

/// What besides the addresses belongs to a flow.
private struct FlowKey {
  var common: UInt64
  var sourcePort: UInt16 = 0
  var destinationPort: UInt16 = 0
  var hashType = M_HASHTYPE_RSS_IPV6

  /// Tells an identification from a protocol number.
  private static let fragmentTag: UInt64 = 1 << 32

  init(_ packet: borrowing Packet, from first: UInt8) {
    var kind = first
    var offset = IP6Header.size
    var headers = 0
    // The bounds of HeaderChain: behind them the handler drops the packet anyway.
    while NextHeader.isExtension(kind), headers < HeaderLimit.headers {
      guard let next = packet.u8(at: offset), let lengthField = packet.u8(at: offset &+ 1) else { break }
      if kind == NextHeader.fragment {
        guard let header = FragmentHeader(packet, at: offset) else { break }
        if !header.isAtomic {
          common = FlowKey.fragmentTag | UInt64(header.identification)
          return
        }
      }
      offset &+= NextHeader.extensionLength(kind, lengthField: lengthField)
      guard offset <= HeaderLimit.bytes else { break }
      kind = next
      headers &+= 1
    }
    common = UInt64(kind)
    switch kind {
    case NextHeader.tcp: hashType = M_HASHTYPE_RSS_TCP_IPV6
    case NextHeader.udp: hashType = M_HASHTYPE_RSS_UDP_IPV6
    case NextHeader.udpLite, NextHeader.sctp: hashType = M_HASHTYPE_OPAQUE
    default: return
    }
    guard let ports = packet.u32(at: offset) else { return }
    sourcePort = UInt16(truncatingIfNeeded: ports >> 16)
    destinationPort = UInt16(truncatingIfNeeded: ports)
  }
}
