import NetISRPlugin

/// What a member of groups does about queries and about others' reports (RFC 3810, section 6.2; RFC 2710, section 4).
extension ListenerMessage {
  func act(on interface: Interface, _ packet: borrowing Packet, _ message: ICMP6Message, _ chain: HeaderChain) {
    guard let group = packet.address(at: message.start &+ 8) else { return }
    switch message.type {
    case ICMP6Type.listenerQuery:
      let code = packet.u16(at: message.start &+ 4) ?? 0
      if message.length == ICMP6Type.minimum(ICMP6Type.listenerQuery) {
        // In milliseconds.
        answerOld(group, within: UInt32(code), on: interface)
      } else {
        answer(group, within: Self.maximumDelay(code), on: interface, packet, message)
      }
    case ICMP6Type.listenerReport:
      unsafe groups.hearReport(of: group, on: interface)
    default:
      break
    }
  }

  private func answerOld(_ group: IP6Address, within milliseconds: UInt32, on interface: Interface) {
    unsafe mldCounters.rcv_v1_queries.add()
    unsafe links.apply(.oldQuery(response: milliseconds / 1000 &+ 1), to: interface)
    unsafe groups.respond(
      to: group.isUnspecified ? nil : group, within: Self.ticks(milliseconds), on: interface)
  }

  private func answer(
    _ group: IP6Address, within milliseconds: UInt32, on interface: Interface, _ packet: borrowing Packet,
    _ message: ICMP6Message
  ) {
    unsafe mldCounters.rcv_v2_queries.add()
    guard let flags = packet.u8(at: message.start &+ 24), let interval = packet.u8(at: message.start &+ 25) else {
      return
    }
    unsafe links.apply(.query(robustness: flags & 7, interval: Self.interval(interval)), to: interface)
    let ticks = Self.ticks(milliseconds)
    // As long as an old querier is there, all is answered in its version (section 8.2.1).
    if unsafe group.isUnspecified && links.lookup(interface).oldQuerier == 0 {
      let delay = Chance.ticks(upTo: ticks, UInt64(message.start), on: interface)
      unsafe links.apply(.respond(ticks: delay), to: interface)
      unsafe timer.arm()
    } else {
      // Of the sources in the query nothing is remembered, as section 6.2 allows: the group is answered for.
      unsafe groups.respond(to: group.isUnspecified ? nil : group, within: ticks, on: interface)
    }
  }

  private static func ticks(_ milliseconds: UInt32) -> UInt32 { max(milliseconds / 100, 1) }

  /// Section 5.1.3, in milliseconds: a floating-point number from 32,768 on.
  static func maximumDelay(_ code: UInt16) -> UInt32 {
    guard code >= 0x8000 else { return UInt32(code) }
    return (UInt32(code & 0xfff) | 0x1000) << UInt32((code >> 12 & 7) &+ 3)
  }

  /// Section 5.1.9, in seconds: the same, from 128 on.
  static func interval(_ code: UInt8) -> UInt32 {
    guard code >= 0x80 else { return UInt32(code) }
    return (UInt32(code & 0xf) | 0x10) << UInt32((code >> 4 & 7) &+ 3)
  }
}
