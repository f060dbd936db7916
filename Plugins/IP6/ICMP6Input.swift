import NetISRPlugin

/// ICMPv6 (RFC 4443): checks and counts a message, answers echo requests, and hands Neighbor Discovery and Multicast
/// Listener Discovery on. Where only is listened, it learns and does no more.
func icmp6Input(_ packet: consuming Packet, _ chain: HeaderChain) {
  let message: ICMP6Message
  do throws(ICMP6Message.Refusal) {
    message = try ICMP6Message(packet, chain)
  } catch {
    return error.count()
  }
  ICMP6Type.counter(message.type).add()
  let live = packet.interface.flatMap { $0.isMonitor ? nil : $0 }
  switch message.type {
  case ICMP6Type.listenerQuery, ICMP6Type.listenerReport, ICMP6Type.listenerDone, ICMP6Type.listenerReport2:
    guard let listening = ListenerMessage(packet, message, chain) else { return unsafe icmp6Counters.mld_bad.add() }
    listening.learn(from: packet, message, chain)
    if let live { listening.act(on: live, packet, message, chain) }
  case _ where chain.isForForeignGroup:
    unsafe counters.notmember.add()
  case ICMP6Type.routerSolicitation, ICMP6Type.routerAdvertisement, ICMP6Type.neighbourSolicitation,
    ICMP6Type.neighbourAdvertisement, ICMP6Type.redirect:
    guard let discovery = NeighbourMessage(packet, message, chain) else { return unsafe icmp6Counters.nd_bad.add() }
    if let live {
      discovery.act(on: live, packet, message, chain)
    } else {
      discovery.learn(from: packet, message, chain)
    }
  case ICMP6Type.echo:
    if live != nil { answerEcho(packet, message, chain) }
  case ICMP6Type.tooBig:
    if let live { learnPathMTU(from: packet, message, on: live) }
  default:
    break
  }
}

/// A packet of this host's was too long for a link on its way: what the message holds of it says whose way that is.
private func learnPathMTU(from packet: borrowing Packet, _ message: ICMP6Message, on interface: Interface) {
  let quoted = message.start &+ ICMP6Type.minimum(ICMP6Type.tooBig)
  guard quoted &+ IP6Header.size <= message.end, let mtu = packet.u32(at: message.start &+ 4),
    let source = packet.address(at: quoted &+ IP6Header.sourceOffset),
    let destination = packet.address(at: quoted &+ IP6Header.destinationOffset),
    // Nobody tells this host of packets that it has not sent.
    unsafe addresses.isOwn(source, on: interface.index, vnet: message.vnet)
  else { return }
  Destination.learn(mtu: mtu, to: destination, from: packet)
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
