import NetISRPlugin

/// A valid message of Multicast Listener Discovery (RFC 2710; RFC 3810 for version 2).
struct ListenerMessage {
  /// Group records of a version 2 report.
  private var records = 0

  /// Bytes of a version 2 query or of a record, without sources.
  private static let query2Size = 28
  private static let recordSize = 20

  /// Nil when the message is invalid: it must be silently discarded then.
  init?(_ packet: borrowing Packet, _ message: ICMP6Message, _ chain: HeaderChain) {
    // MLD never passes a router.
    guard chain.hopLimit == 1 else { return nil }
    switch message.type {
    case ICMP6Type.listenerQuery:
      guard chain.source.isLinkLocal, let group = packet.address(at: message.start &+ 8),
        group.isUnspecified || group.isMulticast
      else { return nil }
      // 24 bytes are version 1, 28 and more version 2; between them is nothing (RFC 3810, section 8.1).
      if message.length == ICMP6Type.minimum(message.type) { return }
      guard message.length >= Self.query2Size, chain.hasRouterAlert,
        let sources = packet.u16(at: message.start &+ 26),
        Self.query2Size &+ Int(sources) &* 16 <= message.length
      else { return nil }
    case ICMP6Type.listenerReport2:
      // Who has no address yet may report from :: (RFC 3810, section 5.2.13), for the switches that listen.
      guard chain.source.isLinkLocal || chain.source.isUnspecified, chain.hasRouterAlert,
        let count = packet.u16(at: message.start &+ 6)
      else { return nil }
      records = Int(count)
      var isValid = true
      let walked = forEachRecord(packet, message) { record in
        isValid = isValid && record.group.isMulticast
      }
      guard walked, isValid else { return nil }
    default:
      // A version 1 report or done; RFC 3590 lets a report come from ::.
      guard chain.source.isLinkLocal || (chain.source.isUnspecified && message.type == ICMP6Type.listenerReport),
        let group = packet.address(at: message.start &+ 8), group.isMulticast
      else { return nil }
    }
  }

  /// A group record (RFC 3810, section 5.2).
  struct Record {
    var type: UInt8
    var group: IP6Address
    /// Where its source addresses begin in the packet, and how many there are.
    var sources: Int
    var sourceCount: Int
  }

  /// Calls `body` with each record; false when one reaches beyond the message. A record has at least 20 bytes.
  private func forEachRecord(
    _ packet: borrowing Packet, _ message: ICMP6Message, _ body: (Record) -> Void
  ) -> Bool {
    var position = message.start &+ ICMP6Type.minimum(message.type)
    var left = records
    while left > 0 {
      guard position &+ Self.recordSize <= message.end, let word = packet.u32(at: position),
        let group = packet.address(at: position &+ 4)
      else { return false }
      let auxiliary = Int((word >> 16) & 0xff) &* 4
      let sourceCount = Int(word & 0xffff)
      let length = Self.recordSize &+ sourceCount &* 16 &+ auxiliary
      guard position &+ length <= message.end else { return false }
      body(
        Record(
          type: UInt8(truncatingIfNeeded: word >> 24), group: group, sources: position &+ Self.recordSize,
          sourceCount: sourceCount))
      position &+= length
      left &-= 1
    }
    return true
  }

  /// Enters what a report or a done says into the table. A query says nothing of listeners.
  func learn(from packet: borrowing Packet, _ message: ICMP6Message, _ chain: HeaderChain) {
    let learner = MembershipLearner(
      interface: message.interfaceIndex, vnet: message.vnet, moment: packet.moment, reporter: chain.source.wire)
    switch message.type {
    case ICMP6Type.listenerReport2:
      _ = forEachRecord(packet, message) { learner.apply($0, of: packet) }
    case ICMP6Type.listenerReport:
      guard let group = packet.address(at: message.start &+ 8) else { return }
      learner.join(group)
    case ICMP6Type.listenerDone:
      guard let group = packet.address(at: message.start &+ 8) else { return }
      learner.leave(group)
    default:
      break
    }
  }
}
