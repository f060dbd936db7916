import NetISRPlugin

/// What a station does about messages of Neighbor Discovery, on links where it does more than listen.
extension NeighbourMessage {
  func act(on interface: Interface, _ packet: borrowing Packet, _ message: ICMP6Message, _ chain: HeaderChain) {
    switch message.type {
    case ICMP6Type.neighbourSolicitation:
      answerSolicitation(on: interface, packet, message, chain)
    case ICMP6Type.neighbourAdvertisement:
      // Of an own address (RFC 4862, section 5.4.4), unless it came back.
      guard !(targetLink?.ether == interface.etherAddress && targetLink != nil) else { return }
      if unsafe addresses.conflict(target, nonce: 0, on: interface, vnet: message.vnet) { return }
      learn(from: packet, message, chain)
    case ICMP6Type.routerSolicitation:
      // Section 6.2.6: only routers listen to them.
      guard unsafe settings.forwarding.isOn else { return }
      learn(from: packet, message, chain)
      Advertising.respond(on: interface)
    case ICMP6Type.routerAdvertisement:
      guard unsafe settings.isAdvised else { return }
      learn(from: packet, message, chain)
      RouterAdvertisement(self, packet, message, chain).apply(on: interface)
    default:
      if Redirect.take(self, from: chain.source, on: interface) { learn(from: packet, message, chain) }
    }
  }

  /// Section 7.2.3 and 7.2.4.
  private func answerSolicitation(
    on interface: Interface, _ packet: borrowing Packet, _ message: ICMP6Message, _ chain: HeaderChain
  ) {
    guard let own = unsafe addresses.lookup(target, on: interface.index, vnet: message.vnet),
      own.interface == interface.index
    else { return }
    guard own.isUsable else {
      // Somebody else looks for the same address (RFC 4862, section 5.4.3).
      if chain.source.isUnspecified {
        _ = unsafe addresses.conflict(target, nonce: nonce, on: interface, vnet: message.vnet)
      }
      return
    }
    guard unsafe !addresses.isOwn(chain.source, on: interface.index, vnet: message.vnet) else { return }
    learn(from: packet, message, chain)
    DiscoveryMessage.advertise(target, to: chain.source, by: interface)
  }
}
