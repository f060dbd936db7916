import NetISRPlugin

/// The value of `ip6.prefixes`, whose key is a prefix: its addresses are neighbours. 12 bytes.
struct OnLinkPrefix: BitwiseCopyable {
  /// The index of the interface whose link it is.
  var interface: UInt32 = 0
  /// Seconds for which it is.
  var valid = OwnAddress.infinite
  /// As of addresses: `configured`, or `autoconfigured` when a router says so.
  var origin: UInt8 = 0
  var spare: (UInt8, UInt8, UInt8) = (0, 0, 0)

  static let limit: UInt32 = 16_384
  /// Of these, how many routers may tell of.
  static let advertisedLimit = 256
}

/// Which destinations are on the links themselves.
struct Prefixes {
  private var table = Table<RouteKey6, OnLinkPrefix>()

  /// [control]
  mutating func open() throws(Errno) {
    table = try Table(
      opening: "ip6.prefixes", kind: TABLE_LPM, maxEntries: OnLinkPrefix.limit,
      format: "= interface:u32 valid:u32 origin:u8 -:3")
  }

  /// The interface on whose link an address is, and by how many bits it is known; nil when it is on none.
  func match(_ address: IP6Address, vnet: UInt32) -> (interface: UInt32, length: UInt32)? {
    guard let found = table.match(address.wire, vnet: vnet, initial: OnLinkPrefix()) else { return nil }
    return (found.value.interface, found.prefixLength)
  }

  /// What a router says: for so many seconds the prefix is on the link (RFC 4861, section 6.3.4).
  func learn(_ prefix: IP6Address, _ length: UInt32, on interface: Interface, valid: UInt32) {
    let key = Self.key(prefix, length)
    let known = table.lookup(key, vnet: interface.vnet, initial: OnLinkPrefix())
    // What the operator says counts more.
    guard known?.origin != OwnAddress.Origin.configured else { return }
    guard valid > 0 else {
      if known != nil { _ = table.remove(key, vnet: interface.vnet) }
      return
    }
    guard known != nil || advertisedCount(vnet: interface.vnet) < OnLinkPrefix.advertisedLimit else { return }
    let entry = OnLinkPrefix(
      interface: interface.index, valid: valid, origin: OwnAddress.Origin.autoconfigured)
    table.insert(key, entry, vnet: interface.vnet)
  }

  private func advertisedCount(vnet: UInt32) -> Int {
    var count = 0
    table.sweep(vnet: vnet) { _, prefix in
      if prefix.origin == OwnAddress.Origin.autoconfigured { count &+= 1 }
      return .keep
    }
    return count
  }

  /// Brings the prefixes of a vnet into line with its interfaces' addresses.
  func settle(vnet: UInt32) {
    if table.count(vnet: vnet) > 0 {
      table.sweep(vnet: vnet) { key, prefix in
        guard let interface = Interface(index: prefix.interface), interface.speaksIP6, interface.vnet == vnet else {
          return .remove
        }
        guard prefix.origin == OwnAddress.Origin.configured else { return .keep }
        return Self.isConfigured(key, on: interface) ? .keep : .remove
      }
    }
    guard unsafe links.count(vnet: vnet) > 0 else { return }
    Interface.forEach(vnet: vnet) { interface in
      if interface.speaksIP6 { add(of: interface) }
      return true
    }
  }

  private func add(of interface: Interface) {
    for place in 0..<interface.addressCount {
      guard let (high, low, length) = interface.ipv6(at: place) else { continue }
      let address = IP6Address(high: high, low: low)
      guard address.isHost, !address.isLinkLocal, length > 0 else { continue }
      let key = Self.key(address, length)
      // Of two links with one prefix, the first is taken.
      let known = table.lookup(key, vnet: interface.vnet, initial: OnLinkPrefix())
      if known?.origin == OwnAddress.Origin.configured { continue }
      let entry = OnLinkPrefix(
        interface: interface.index, valid: OwnAddress.infinite, origin: OwnAddress.Origin.configured)
      table.insert(key, entry, vnet: interface.vnet)
    }
  }

  private static func isConfigured(_ key: RouteKey6, on interface: Interface) -> Bool {
    for place in 0..<interface.addressCount {
      guard let (high, low, length) = interface.ipv6(at: place), length == key.prefixLength else { continue }
      if Self.key(IP6Address(high: high, low: low), length).address == key.address { return true }
    }
    return false
  }

  private static func key(_ address: IP6Address, _ length: UInt32) -> RouteKey6 {
    let bytes = address.prefix(length).wire
    let words = RouteAddress(
      UInt32(truncatingIfNeeded: bytes.high), UInt32(truncatingIfNeeded: bytes.high >> 32),
      UInt32(truncatingIfNeeded: bytes.low), UInt32(truncatingIfNeeded: bytes.low >> 32))
    return RouteKey6(prefixLength: min(length, 128), address: words)
  }

  /// A second has passed in a vnet.
  func age(vnet: UInt32) {
    guard table.count(vnet: vnet) > 0 else { return }
    table.sweep(vnet: vnet) { _, prefix in
      guard prefix.valid != OwnAddress.infinite else { return .keep }
      prefix.valid = prefix.valid > 0 ? prefix.valid &- 1 : 0
      return prefix.valid > 0 ? .keep : .remove
    }
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var onLinkPrefixes = Prefixes()
