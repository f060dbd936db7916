import NetISRPlugin

/// A valid router advertisement that a host takes for true (RFC 4861, section 6.3.4; RFC 4862, section 5.5.3).
struct RouterAdvertisement {
  private let router: IP6Address
  private let lifetime: UInt16
  private let preference: UInt8
  private let hopLimit: UInt8
  private let reachable: UInt32
  private let retransmission: UInt32
  private var mtu: UInt32 = 0
  private var prefixes = InlineArray<16, Prefix>(repeating: Prefix())
  private var prefixCount = 0

  /// A prefix information option (section 4.6.2).
  private struct Prefix: BitwiseCopyable {
    var address = IP6Address.unspecified
    var length: UInt32 = 0
    var isOnLink = false
    var isAutonomous = false
    /// Seconds.
    var valid: UInt32 = 0
    var preferred: UInt32 = 0
  }

  /// Addresses that an interface makes of routers' prefixes.
  private static let addressLimit = 16

  /// Of a message that was checked: its fixed part is there, and its options are well-formed.
  init(_ discovery: NeighbourMessage, _ packet: borrowing Packet, _ message: ICMP6Message, _ chain: HeaderChain) {
    router = chain.source
    lifetime = discovery.routerLifetime
    hopLimit = packet.u8(at: message.start &+ 4) ?? 0
    // RFC 4191, section 2.2: 10 is taken for 00.
    switch (packet.u8(at: message.start &+ 5) ?? 0) >> 3 & 3 {
    case 1: preference = 2
    case 3: preference = 0
    default: preference = 1
    }
    reachable = packet.u32(at: message.start &+ 8) ?? 0
    retransmission = packet.u32(at: message.start &+ 12) ?? 0
    var position = message.start &+ ICMP6Type.minimum(message.type)
    while position &+ 8 <= message.end, let type = packet.u8(at: position), let units = packet.u8(at: position &+ 1),
      units > 0
    {
      switch (type, units) {
      case (DiscoveryOption.mtu, 1): mtu = packet.u32(at: position &+ 4) ?? 0
      case (DiscoveryOption.prefix, 4): addPrefix(packet, at: position)
      default: break
      }
      position &+= Int(units) &* 8
    }
  }

  private mutating func addPrefix(_ packet: borrowing Packet, at position: Int) {
    guard prefixCount < prefixes.count, let length = packet.u8(at: position &+ 2), length <= 128,
      let flags = packet.u8(at: position &+ 3), let valid = packet.u32(at: position &+ 4),
      let preferred = packet.u32(at: position &+ 8), let address = packet.address(at: position &+ 16)
    else { return }
    prefixes[prefixCount] = Prefix(
      address: address.prefix(UInt32(length)), length: UInt32(length), isOnLink: flags & 0x80 != 0,
      isAutonomous: flags & 0x40 != 0, valid: valid, preferred: preferred)
    prefixCount &+= 1
  }

  /// Does what it says.
  func apply(on interface: Interface) {
    unsafe routers.learn(router, on: interface, lifetime: UInt32(lifetime), preference: preference)
    let usable = mtu >= UInt32(IP6Header.minimumMTU) && Int(mtu) <= interface.mtu ? mtu : 0
    unsafe links.apply(
      .advised(
        hopLimit: hopLimit, reachable: reachable, retransmission: retransmission, mtu: usable, isRouter: lifetime > 0),
      to: interface)
    for index in 0..<prefixCount {
      let prefix = prefixes[index]
      guard !prefix.address.isLinkLocal, !prefix.address.isMulticast else { continue }
      if prefix.isOnLink, prefix.length > 0 {
        unsafe onLinkPrefixes.learn(prefix.address, prefix.length, on: interface, valid: prefix.valid)
      }
      if prefix.isAutonomous { makeAddress(of: prefix, on: interface) }
    }
    unsafe timer.armAgeing()
  }

  private func makeAddress(of prefix: Prefix, on interface: Interface) {
    // The identifier has 64 bits; others can't be made to fit.
    guard prefix.length == 64, prefix.preferred <= prefix.valid, prefix.address.isHost,
      let ether = interface.etherAddress
    else { return }
    let address = IP6Address(high: prefix.address.high, low: IP6Address.identifier(of: ether))
    if unsafe addresses.lookup(address, on: interface.index, vnet: interface.vnet) != nil {
      return unsafe addresses.renew(
        address, valid: prefix.valid, preferred: prefix.preferred, vnet: interface.vnet)
    }
    guard prefix.valid > 0, hasRoom(on: interface) else { return }
    let own = OwnAddress(
      origin: OwnAddress.Origin.autoconfigured, prefixLength: 64, on: interface, valid: prefix.valid,
      preferred: prefix.preferred, chance: Chance.number(address.high, on: interface))
    unsafe addresses.add(address, own, vnet: interface.vnet)
    // Its group is joined before it is looked for others that have it.
    unsafe stations.lookSoon()
  }

  private func hasRoom(on interface: Interface) -> Bool {
    var count = 0
    unsafe addresses.forEach(on: interface, vnet: interface.vnet) { _, own in
      if own.origin == OwnAddress.Origin.autoconfigured { count &+= 1 }
    }
    return count < Self.addressLimit
  }
}
