import NetISRPlugin

/// Where a packet goes next.
struct Hop {
  let interface: Interface
  /// The neighbour to whom it is given: the destination itself, or a router.
  let address: IP6Address
  /// Bytes that may go that way, as far as this host knows.
  let mtu: Int
  /// The destination is a neighbour.
  var isDestination = false
}

/// Why a packet has no next hop.
enum NoHop: Error {
  case noRoute
  /// Somebody has forbidden the way (RTN_PROHIBIT).
  case prohibited
  /// Somebody wants packets to vanish (RTN_BLACKHOLE).
  case blackhole
}

/// Finding the next hop: prefixes of the links, the route plugin's table, and on hosts the routers that offer themselves. Of
/// all prefixes the longest counts; of equal ones the link's own.
struct Routing {
  private var table = Table<RouteKey6, RouteEntry>()
  private var multipath = Multipath()

  private enum RouteType {
    static let unicast: UInt8 = 1
    static let blackhole: UInt8 = 6
    static let prohibit: UInt8 = 8
  }

  /// [control]
  mutating func open() throws(Errno) {
    table = try Table(finding: "route.inet6", kind: TABLE_LPM)
    multipath = try Multipath(finding: ())
  }

  /// The next hop to a destination that is not this host itself.
  ///
  /// - Parameters:
  ///   - source: :: while it is not chosen yet. Where a route has several next hops, its packets take one of them.
  ///   - interface: where the destination is, of one that means something on one link only.
  ///   - isOwn: the packet is of this host; else it is passed on.
  func hop(
    from source: IP6Address, to destination: IP6Address, by interface: Interface?, vnet: UInt32, isOwn: Bool
  ) throws(NoHop) -> Hop {
    if destination.isMulticast || destination.isLinkLocal {
      guard let interface, interface.speaksIP6 else { throw .noRoute }
      return Hop(
        interface: interface, address: destination, mtu: unsafe links.mtu(of: interface), isDestination: true)
    }
    let onLink = unsafe onLinkPrefixes.match(destination, vnet: vnet)
    let route = table.match(destination.wire, vnet: vnet, initial: RouteEntry())
    if let onLink, onLink.length >= route?.prefixLength ?? 0, let interface = Interface(index: onLink.interface),
      interface.speaksIP6
    {
      return Hop(interface: interface, address: destination, mtu: mtu(of: interface, isOwn), isDestination: true)
    }
    if let route {
      return try hop(from: source, to: destination, by: route.value, route.prefixLength, vnet, isOwn)
    }
    if isOwn, let router = unsafe routers.best(vnet: vnet), let interface = Interface(index: router.interface),
      interface.speaksIP6
    {
      return Hop(interface: interface, address: router.address.address, mtu: mtu(of: interface, isOwn))
    }
    throw .noRoute
  }

  private func hop(
    from source: IP6Address, to destination: IP6Address, by route: RouteEntry, _ length: UInt32, _ vnet: UInt32,
    _ isOwn: Bool
  ) throws(NoHop) -> Hop {
    switch route.type {
    case RouteType.unicast: break
    case RouteType.blackhole: throw .blackhole
    case RouteType.prohibit: throw .prohibited
    default: throw .noRoute
    }
    if route.nextHops > 1 {
      let prefix = RoutePrefix(address: RouteAddress(destination.prefix(length)), length: length, family: 6)
      var found: Hop?
      _ = multipath.choose(
        prefix, from: RouteAddress(source), to: RouteAddress(destination), vnet: vnet
      ) { hop in
        var one = route
        one.gateway = hop.gateway
        one.gatewayFamily = hop.gatewayFamily
        one.interface = hop.interface
        found = self.hop(to: destination, by: one, vnet, isOwn)
        return found != nil
      }
      if let found { return found }
    }
    guard let hop = self.hop(to: destination, by: route, vnet, isOwn) else { throw .noRoute }
    return hop
  }

  /// The next hop of a route that has only one; nil when its interface is not this host's, or does not speak IPv6, or its
  /// gateway is none of IPv6.
  private func hop(to destination: IP6Address, by route: RouteEntry, _ vnet: UInt32, _ isOwn: Bool) -> Hop? {
    guard let interface = Interface(systemIndex: route.interface, vnet: vnet), interface.speaksIP6 else { return nil }
    let linkMTU = mtu(of: interface, isOwn)
    let said = Int(route.mtu)
    let mtu = said >= IP6Header.minimumMTU ? min(said, linkMTU) : linkMTU
    guard route.gatewayFamily != 0 else {
      return Hop(interface: interface, address: destination, mtu: mtu, isDestination: true)
    }
    guard route.gatewayFamily == 6 else { return nil }
    return Hop(interface: interface, address: IP6Address(route.gateway), mtu: mtu)
  }

  /// What routers say of a link is for hosts: who passes packets on knows the device.
  private func mtu(of interface: Interface, _ isOwn: Bool) -> Int {
    isOwn ? unsafe links.mtu(of: interface) : interface.mtu
  }
}

extension RouteAddress {
  init(_ address: IP6Address) {
    func word(_ half: UInt64, _ shift: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: half >> shift).bigEndian }
    self.init(word(address.high, 32), word(address.high, 0), word(address.low, 32), word(address.low, 0))
  }
}

extension IP6Address {
  init(_ bytes: RouteAddress) {
    self.init(
      high: UInt64(bytes.word0.bigEndian) << 32 | UInt64(bytes.word1.bigEndian),
      low: UInt64(bytes.word2.bigEndian) << 32 | UInt64(bytes.word3.bigEndian))
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var routing = Routing()
