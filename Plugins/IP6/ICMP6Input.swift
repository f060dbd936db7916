import NetISRPlugin

/// ICMPv6 (RFC 4443): checks and counts a message, and learns from Neighbor Discovery and Multicast Listener Discovery.
/// Nothing is answered yet.
func icmp6Input(_ packet: borrowing Packet, _ chain: HeaderChain) {
  let message: ICMP6Message
  do throws(ICMP6Message.Refusal) {
    message = try ICMP6Message(packet, chain)
  } catch {
    return error.count()
  }
  ICMP6Type.counter(message.type).add()
  switch message.type {
  case ICMP6Type.routerSolicitation, ICMP6Type.routerAdvertisement, ICMP6Type.neighbourSolicitation,
    ICMP6Type.neighbourAdvertisement, ICMP6Type.redirect:
    guard let discovery = NeighbourMessage(packet, message, chain) else { return unsafe icmp6Counters.nd_bad.add() }
    discovery.learn(from: packet, message, chain)
  case ICMP6Type.listenerQuery, ICMP6Type.listenerReport, ICMP6Type.listenerDone, ICMP6Type.listenerReport2:
    guard let listening = ListenerMessage(packet, message, chain) else { return unsafe icmp6Counters.mld_bad.add() }
    listening.learn(from: packet, message, chain)
  default:
    break
  }
}

extension ICMP6Message.Refusal {
  func count() {
    switch self {
    case .tooShort: unsafe icmp6Counters.tooshort.add()
    case .badSum: unsafe icmp6Counters.badsum.add()
    case .snapped(let type):
      if let type { ICMP6Type.counter(type).add() }
      unsafe icmp6Counters.snapped.add()
    }
  }
}
