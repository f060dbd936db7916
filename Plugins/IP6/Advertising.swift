import NetISRPlugin

/// A router says on its links that it is one, and which prefixes are there (RFC 4861, section 6.2), with
/// `net.inet6.ip6.rtadv`: those of the interface's configured addresses, on the link and for autoconfiguration.
enum Advertising {
  /// Section 6.2.1, in seconds, and section 10.
  private static let longestInterval: UInt32 = 600
  private static let firstInterval: UInt32 = 16
  private static let firstAdvertisements: UInt32 = 3
  static let shortestInterval: UInt32 = 3
  private static let lifetime: UInt16 = 1800
  /// MAX_FINAL_RTR_ADVERTISEMENTS.
  static let finalAdvertisements: UInt32 = 3
  private static let validLifetime: UInt32 = 2_592_000
  private static let preferredLifetime: UInt32 = 604_800

  /// Seconds from one unsolicited advertisement to the next: a third of the longest interval to all of it; the first few
  /// come sooner (section 6.2.4).
  static func interval(after count: UInt32, _ salt: UInt32) -> UInt32 {
    let least = longestInterval / 3
    let chance = UInt32(truncatingIfNeeded: Chance.mix(netisr_time() ^ UInt64(salt)) >> 32)
    let interval = least &+ chance % (longestInterval &- least &+ 1)
    return count < firstAdvertisements ? min(interval, firstInterval) : interval
  }

  /// Somebody asks: all are told, soon, but not too often (section 6.2.6).
  static func respond(on interface: Interface) {
    guard unsafe settings.advertises.isOn else { return }
    unsafe links.apply(.advertise(within: 1), to: interface)
    unsafe timer.armAgeing()
  }

  /// This host ceases to be a router, because ip6 goes: the links where it has said that it is one are told (section
  /// 6.2.5). Not when another generation of ip6 goes on. [control]
  static func endAll() {
    guard netisr_serves(UInt32(NETISR_IPV6)) == 0 else { return }
    Interface.forEach { interface in
      if unsafe links.lookup(interface).advertisements > 0 {
        advertise(by: interface, isLast: true)
        // Who comes after this begins anew, and does not wait for the turn of who was there.
        unsafe links.apply(.ceased, to: interface)
      }
      return true
    }
  }

  /// Tells all nodes.
  ///
  /// - Parameter isLast: that this is no router for them any more; the prefixes stay what they are.
  static func advertise(by interface: Interface, isLast: Bool = false) {
    guard let own = interface.etherAddress, let source = unsafe addresses.linkLocal(of: interface) else { return }
    var message = OutgoingMessage(ICMP6Type.routerAdvertisement, from: source, to: .allNodes)
    message.put8(unsafe UInt8(truncatingIfNeeded: settings.hopLimit.value))
    message.put8(0)
    message.put16(isLast ? 0 : lifetime)
    // Of reachability and retransmission nothing is said.
    message.put32(0)
    message.put32(0)
    message.put(DiscoveryOption.sourceLink, ether: own)
    message.put8(DiscoveryOption.mtu)
    message.put8(1)
    message.put16(0)
    message.put32(UInt32(truncatingIfNeeded: interface.mtu))
    for place in 0..<interface.addressCount {
      guard let (high, low, length) = interface.ipv6(at: place) else { continue }
      let address = IP6Address(high: high, low: low)
      guard address.isHost, !address.isLinkLocal, length > 0, length <= 128 else { continue }
      put(address.prefix(length), length, in: &message)
    }
    if message.send(by: interface) { unsafe icmp6Counters.snd_router_advert.add() }
  }

  /// Section 4.6.2.
  private static func put(_ prefix: IP6Address, _ length: UInt32, in message: inout OutgoingMessage) {
    message.put8(DiscoveryOption.prefix)
    message.put8(4)
    message.put8(UInt8(truncatingIfNeeded: length))
    message.put8(length == 64 ? 0xc0 : 0x80)
    message.put32(validLifetime)
    message.put32(preferredLifetime)
    message.put32(0)
    message.put(prefix)
  }
}
