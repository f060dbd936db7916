import NetISRPlugin

/// udpecho: the echo and discard services (RFC 862, RFC 863), over IPv4 and IPv6: the smallest handler that sits above IP.
///
/// It gets whole datagrams, headers first, of which all checks are done.
func udpEchoInput(_ packet: consuming Packet) {
  guard let first = packet.load(at: 0, initial: UInt8(0)), let interface = packet.interface else {
    return unsafe counters.failed.add()
  }
  let isIPv4 = first >> 4 == 4
  guard let datagram = isIPv4 ? packet.udpOverIPv4 : packet.udpOverIPv6 else { return unsafe counters.failed.add() }
  guard datagram.destinationPort == UDPPort.echo else { return unsafe counters.discarded.add() }
  guard !interface.isMonitor else { return unsafe counters.overheard.add() }
  guard UDPPort.mayBeAnswered(datagram.sourcePort), !packet.isForMany(isIPv4: isIPv4, at: interface) else {
    return unsafe counters.refused.add()
  }
  if (isIPv4 ? packet.replyIPv4UDP() : packet.replyIPv6UDP()) == 0 {
    unsafe counters.echoed.add()
  } else {
    unsafe counters.failed.add()
  }
}

/// UDP ports (IANA).
enum UDPPort {
  static let echo: UInt16 = 7
  static let discard: UInt16 = 9

  /// Services answer from low ports. One that answers everything, as this one does, would go on with it for ever, so
  /// whoever forges the sender of one datagram would have made a storm.
  static func mayBeAnswered(_ port: UInt16) -> Bool { port >= 1024 }
}

extension Packet {
  /// Whether many stations got it: each would answer.
  fileprivate func isForMany(isIPv4: Bool, at interface: Interface) -> Bool {
    if flags & (M_BCAST | M_MCAST) != 0 { return true }
    guard isIPv4 else { return load(at: 24, initial: UInt8(0)) == 0xff }
    guard let word = load(at: 16, initial: UInt32(0)) else { return true }
    let destination = UInt32(bigEndian: word)
    return destination >> 28 >= 0xe || destination == 0 || interface.isIPv4Broadcast(destination)
  }
}
