import NetISRPlugin

/// udp (RFC 768): checks a datagram, and hands it to whoever has claimed its port, or else the protocol. Whoever sent to a
/// port that nobody has is told.
///
/// Of what an interface hears that only listens, nothing is missed here: what nobody claims is of no protocol that is taken,
/// and no more is said of it.
///
/// `packet` is a whole datagram; of a capture that kept only its beginning, what is there.
func udpInput(_ packet: consuming Packet, _ header: IPHeader) {
  let isMonitor = packet.interface?.isMonitor ?? false
  let holder = udpHolder(of: packet, header)
  if isMonitor, holder == nil { return unsafe counters.noproto.add() }

  unsafe udpCounters.total.add()
  unsafe counters.delivered.add()
  guard UDPHeader.isRight(in: packet, header) else { return }
  guard let holder else {
    unsafe udpCounters.noport.add()
    if packet.flags & (M_BCAST | M_MCAST | manyFlag) != 0 { unsafe udpCounters.noportbcast.add() }
    return ICMPError.unreachable(.port).send(about: packet, header)
  }
  if packet.hand(to: holder) == 0 { unsafe udpCounters.delivered.add() }
}

/// Who takes a datagram.
private func udpHolder(of packet: borrowing Packet, _ header: IPHeader) -> Int32? {
  guard unsafe !claims.isEmpty, let ports = packet.word(at: header.length) else { return nil }
  return unsafe claims.holder(of: .udpPort(UInt16(truncatingIfNeeded: ports)))
    ?? claims.holder(of: .ipProtocol(ProtocolNumber.udp))
}

/// The header: ports, length, checksum.
private enum UDPHeader {
  static let size = 8

  /// Whether length and checksum are right; counts why not.
  static func isRight(in packet: borrowing Packet, _ header: IPHeader) -> Bool {
    let room = header.totalLength &- header.length
    guard room >= size, let word = packet.word(at: header.length &+ 4) else {
      unsafe udpCounters.tooshort.add()
      return false
    }
    let length = Int(word >> 16)
    guard length >= size, length <= room else {
      unsafe udpCounters.badlen.add()
      return false
    }
    // RFC 768: a checksum of 0 is none.
    guard word & 0xffff != 0 else {
      unsafe udpCounters.nosum.add()
      return true
    }
    // Of a datagram that was not captured whole, nothing can be said.
    if packet.isTransportChecksumVerified || packet.count < header.length &+ length { return true }
    var checksum = InternetChecksum()
    checksum.add(header.source)
    checksum.add(header.destination)
    checksum.add(UInt16(ProtocolNumber.udp))
    checksum.add(UInt16(truncatingIfNeeded: length))
    packet.add(from: header.length, count: length, to: &checksum)
    guard checksum.value == 0 else {
      unsafe udpCounters.badsum.add()
      return false
    }
    return true
  }
}

extension Packet {
  /// Hands the packet to another protocol, without this one's marks. 0 or an errno value.
  consuming func hand(to protocolNumber: Int32) -> Int32 {
    flags &= ~(loopedFlag | manyFlag)
    return dispatch(to: protocolNumber)
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var claims = Claims()
