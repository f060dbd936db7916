import NetISRPlugin

/// Where a packet goes next.
struct NextHop {
  let interface: Interface
  /// The station on the interface's link, as a number.
  let address: UInt32
  /// Bytes that a packet may have.
  let mtu: Int
}

/// Why there is no next hop.
enum RouteFailure: Error {
  /// No route.
  case noRoute
  /// The route says that the destination can't be reached, or leads to an interface that can't send.
  case unreachable
  /// The route says that packets are not wanted.
  case prohibited
  /// The route says that packets vanish.
  case blackhole
}

/// Finding next hops: in the networks of this host's interfaces, and in the route plugin's "route.inet". The longest prefix
/// wins; among equals, the interfaces' own.
struct Routes {
  private var table = Table<RouteKey4, RouteEntry>()
  private var multipath = Multipath()

  /// RTN_... of rtnetlink(7).
  private enum RouteType {
    static let unicast: UInt8 = 1
    static let blackhole: UInt8 = 6
    static let unreachable: UInt8 = 7
    static let prohibit: UInt8 = 8
  }

  /// [control]
  mutating func open() throws(Errno) {
    table = try Table(finding: "route.inet", kind: TABLE_LPM)
    multipath = try Multipath(finding: ())
  }

  /// The next hop to a station, given what "ip.onlink" says of it: not one of this host's own addresses. Where a route has
  /// several, packets from one `source`, which may be 0, take one of them.
  func nextHop(
    from source: UInt32, to destination: UInt32, vnet: UInt32, onLink: OnLinkTable.Match?
  ) throws(RouteFailure) -> NextHop {
    let connected = onLink.flatMap { $0.value.kind == OnLink.Kind.network ? $0 : nil }
    // Nothing is longer.
    if let connected, connected.prefixLength == 32, let hop = hop(to: destination, connected) { return hop }
    if let found = table.match(destination.bigEndian, vnet: vnet, initial: RouteEntry()) {
      if connected.map({ found.prefixLength > $0.prefixLength }) ?? true {
        if let hop = try hop(from: source, to: destination, found.value, found.prefixLength, vnet: vnet) { return hop }
        return try shorterRoute(from: source, to: destination, than: found.prefixLength, vnet: vnet, connected)
      }
    }
    if let connected, let hop = hop(to: destination, connected) { return hop }
    guard connected == nil else { throw .unreachable }
    throw .noRoute
  }

  /// The longest route that can be used did not do: the next one. Each length is asked for once.
  @inline(never)
  private func shorterRoute(
    from source: UInt32, to destination: UInt32, than length: UInt32, vnet: UInt32, _ connected: OnLinkTable.Match?
  ) throws(RouteFailure) -> NextHop {
    var length = min(length, 32)
    while length > 0 {
      length &-= 1
      if let connected, length == connected.prefixLength, let hop = hop(to: destination, connected) { return hop }
      let key = RouteKey4(prefixLength: length, address: (destination & prefixMask(length)).bigEndian)
      guard let entry = table.lookup(key, vnet: vnet, initial: RouteEntry()) else { continue }
      if let hop = try hop(from: source, to: destination, entry, length, vnet: vnet) { return hop }
    }
    throw .unreachable
  }

  @inline(__always)
  private func hop(to destination: UInt32, _ connected: OnLinkTable.Match) -> NextHop? {
    guard let interface = Interface(index: connected.value.interface), interface.isUp else { return nil }
    return NextHop(interface: interface, address: destination, mtu: interface.mtu)
  }

  /// Nil when the route is good, but leads nowhere now: its interface is not this host's, or is down.
  @inline(__always)
  private func hop(
    from source: UInt32, to destination: UInt32, _ entry: RouteEntry, _ length: UInt32, vnet: UInt32
  ) throws(RouteFailure) -> NextHop? {
    switch entry.type {
    case RouteType.unicast: break
    case RouteType.blackhole: throw .blackhole
    case RouteType.unreachable: throw .unreachable
    case RouteType.prohibit: throw .prohibited
    // RTN_THROW: as if there were none in this table, which is the only one.
    default: throw .noRoute
    }
    if entry.nextHops > 1, let hop = hopOfSeveral(from: source, to: destination, entry, length, vnet: vnet) {
      return hop
    }
    return NextHop(to: destination, entry, vnet: vnet)
  }

  /// That of the flow, or the one behind it that can be used.
  @inline(never)
  private func hopOfSeveral(
    from source: UInt32, to destination: UInt32, _ entry: RouteEntry, _ length: UInt32, vnet: UInt32
  ) -> NextHop? {
    let length = min(length, 32)
    let address = RouteAddress((destination & prefixMask(length)).bigEndian)
    var found: NextHop?
    _ = multipath.choose(
      RoutePrefix(address: address, length: length, family: 4), from: RouteAddress(source.bigEndian),
      to: RouteAddress(destination.bigEndian), vnet: vnet
    ) { hop in
      var one = entry
      one.gateway = hop.gateway
      one.gatewayFamily = hop.gatewayFamily
      one.interface = hop.interface
      found = NextHop(to: destination, one, vnet: vnet)
      return found != nil
    }
    return found
  }
}

extension NextHop {
  /// That of a route; nil when its interface is not this host's, or is down, or its gateway is none of IPv4.
  @inline(__always)
  fileprivate init?(to destination: UInt32, _ entry: RouteEntry, vnet: UInt32) {
    guard entry.gatewayFamily == 0 || entry.gatewayFamily == 4,
      let interface = Interface(systemIndex: entry.interface, vnet: vnet), interface.isUp, !interface.isMonitor
    else { return nil }
    let address = entry.gatewayFamily == 4 ? UInt32(bigEndian: entry.gateway.word0) : destination
    let own = interface.mtu
    self.init(interface: interface, address: address, mtu: entry.mtu > 0 ? min(Int(entry.mtu), own) : own)
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var routes = Routes()
