import NetISRPlugin

/// Options of Neighbor Discovery.
enum DiscoveryOption {
  static let sourceLink: UInt8 = 1
  static let targetLink: UInt8 = 2
  static let prefix: UInt8 = 3
  static let redirected: UInt8 = 4
  static let mtu: UInt8 = 5
  static let nonce: UInt8 = 14
}

/// What this station says by Neighbor Discovery (RFC 4861).
enum DiscoveryMessage {
  /// Section 7.2.2: asks for a neighbour's link-level address, all who may have the address, or (`isUnicast`, section
  /// 7.3.3) the one who had it. Not from an address that may not be used yet.
  static func solicit(
    _ target: IP6Address, from preferred: IP6Address?, isUnicast: Bool = false, by interface: Interface
  ) {
    guard let own = interface.etherAddress, let source = sender(preferred, for: target, by: interface) else { return }
    var message = OutgoingMessage(
      ICMP6Type.neighbourSolicitation, from: source, to: isUnicast ? target : target.solicitedNode)
    message.put32(0)
    message.put(target)
    message.put(DiscoveryOption.sourceLink, ether: own)
    if message.send(by: interface) { unsafe icmp6Counters.snd_nd_solicit.add() }
  }

  /// The address of the packet that waits, if it is the interface's own; else one that the interface has.
  private static func sender(_ preferred: IP6Address?, for target: IP6Address, by interface: Interface) -> IP6Address? {
    if let preferred, let own = unsafe addresses.lookup(preferred, on: interface.index, vnet: interface.vnet),
      own.interface == interface.index, own.isUsable
    {
      return preferred
    }
    return SourceSelection.address(for: target, by: interface, isOnlyItsOwn: true)
  }

  /// RFC 4862, section 5.4.2: looks whether somebody has an address that this station wants.
  static func probe(_ target: IP6Address, nonce: UInt64, by interface: Interface) {
    var message = OutgoingMessage(ICMP6Type.neighbourSolicitation, from: .unspecified, to: target.solicitedNode)
    message.put32(0)
    message.put(target)
    message.put(nonce: nonce)
    if message.send(by: interface) { unsafe icmp6Counters.snd_nd_solicit.add() }
  }

  /// Section 7.2.4: tells where this station is, who asked or, if that one has no address yet, all.
  static func advertise(_ target: IP6Address, to asker: IP6Address, by interface: Interface) {
    guard let own = interface.etherAddress else { return }
    let isToAll = asker.isUnspecified
    var message = OutgoingMessage(
      ICMP6Type.neighbourAdvertisement, from: target, to: isToAll ? .allNodes : asker)
    // Router, solicited, override.
    let isRouter: UInt32 = unsafe settings.forwarding.isOn ? 0x8000_0000 : 0
    message.put32(isRouter | (isToAll ? 0 : 0x4000_0000) | 0x2000_0000)
    message.put(target)
    message.put(DiscoveryOption.targetLink, ether: own)
    if message.send(by: interface) { unsafe icmp6Counters.snd_nd_advert.add() }
  }

  /// Section 6.3.7: asks for routers.
  static func solicitRouters(by interface: Interface) {
    guard let own = interface.etherAddress else { return }
    let source = unsafe addresses.linkLocal(of: interface) ?? .unspecified
    var message = OutgoingMessage(ICMP6Type.routerSolicitation, from: source, to: .allRouters)
    message.put32(0)
    if !source.isUnspecified { message.put(DiscoveryOption.sourceLink, ether: own) }
    if message.send(by: interface) { unsafe icmp6Counters.snd_router_solicit.add() }
  }
}
