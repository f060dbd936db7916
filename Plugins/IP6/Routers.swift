import NetISRPlugin

/// The value of `ip6.routers`, whose key is that of `ip6.neighbours`: a router that offers itself for all that has no other
/// way (RFC 4861, section 6.3.4). 8 bytes.
struct Router: BitwiseCopyable {
  /// Seconds for which it does.
  var lifetime: UInt32 = 0
  /// RFC 4191, section 2.1: 0 low, 1 medium, 2 high.
  var preference: UInt8 = 1
  var spare: (UInt8, UInt8, UInt8) = (0, 0, 0)

  static let limit: UInt32 = 64
}

/// The default routers of this host.
struct Routers {
  private var table = Table<NeighbourKey, Router>()

  /// [control]
  mutating func open() throws(Errno) {
    table = try Table(
      opening: "ip6.routers", maxEntries: Router.limit,
      format: "address:ipv6 interface:u32 = lifetime:u32 preference:u8 -:3")
  }

  /// What a router says of itself; 0 seconds: it is none.
  func learn(_ address: IP6Address, on interface: Interface, lifetime: UInt32, preference: UInt8) {
    guard lifetime > 0 else { return remove(address, on: interface.index, vnet: interface.vnet) }
    let key = NeighbourKey(address: address.wire, interface: interface.index)
    table.insert(key, Router(lifetime: lifetime, preference: preference), vnet: interface.vnet)
  }

  func remove(_ address: IP6Address, on interface: UInt32, vnet: UInt32) {
    _ = table.remove(NeighbourKey(address: address.wire, interface: interface), vnet: vnet)
  }

  /// The router to take: the most preferred one; of equals, one that is known to be there (section 6.3.6).
  func best(vnet: UInt32) -> NeighbourKey? {
    guard table.count(vnet: vnet) > 0 else { return nil }
    var keys = InlineArray<64, NeighbourKey>(repeating: NeighbourKey(address: .unspecified, interface: 0))
    var preferences = InlineArray<64, UInt8>(repeating: 0)
    var count = 0
    table.sweep(vnet: vnet) { key, router in
      guard count < keys.count, router.lifetime > 0 else { return .keep }
      keys[count] = key
      preferences[count] = router.preference
      count &+= 1
      return .keep
    }
    var best: (place: Int, rank: Int)?
    for place in 0..<count {
      let neighbour = unsafe tables.neighbours.lookup(keys[place], at: .now(), vnet: vnet)
      let isThere = neighbour.map { $0.ether != nil && $0.state != Neighbour.probe } ?? false
      let rank = Int(preferences[place]) &* 2 &+ (isThere ? 1 : 0)
      if rank > best?.rank ?? -1 { best = (place, rank) }
    }
    return best.map { keys[$0.place] }
  }

  func forgetStrangers(vnet: UInt32) {
    guard table.count(vnet: vnet) > 0 else { return }
    table.sweep(vnet: vnet) { key, _ in
      let isThere = Interface(index: key.interface).map { $0.speaksIP6 && $0.vnet == vnet } ?? false
      return isThere ? .keep : .remove
    }
  }

  /// A second has passed in a vnet.
  func age(vnet: UInt32) {
    guard table.count(vnet: vnet) > 0 else { return }
    table.sweep(vnet: vnet) { _, router in
      router.lifetime = router.lifetime > 0 ? router.lifetime &- 1 : 0
      return router.lifetime > 0 ? .keep : .remove
    }
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var routers = Routers()
