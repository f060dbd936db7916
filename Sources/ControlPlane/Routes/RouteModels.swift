/// What is to become of a route: the body of a request.
public struct RouteRequest: Codable, Sendable {
  /// What is to be done.
  public enum Action: String, Codable, Sendable {
    /// Make a new one.
    case add
    /// Make one, or change the one that is there.
    case replace
    /// Take one away.
    case delete
  }

  /// What becomes of packets that a route is for.
  public enum Kind: String, Codable, Sendable {
    /// They go to the next hop.
    case unicast
    /// They vanish.
    case blackhole
    /// Their senders are told that there is no way.
    case unreachable
    /// Their senders are told that it is forbidden.
    case prohibit

    /// RTN_UNICAST, ... of rtnetlink(7).
    var number: UInt8 {
      switch self {
      case .unicast: 1
      case .blackhole: 6
      case .unreachable: 7
      case .prohibit: 8
      }
    }
  }

  /// What is to be done.
  public var action: Action
  /// ADDRESS/BITS, ADDRESS, or `default`.
  public var prefix: String
  /// The next hop's address.
  public var via: String?
  /// The name of the interface.
  public var interface: String?
  /// The lower, the better; nil: 0 of IPv4, 1024 of IPv6, as in Linux. Of a deletion: any.
  public var metric: UInt32?
  /// In bytes; nil: the interface's.
  public var mtu: UInt32?
  /// nil: unicast. Of a deletion: any.
  public var kind: Kind?
  /// The virtual stack.
  public var vnet: UInt32 = 0

  /// A request.
  public init(_ action: Action, _ prefix: String, vnet: UInt32) {
    self.action = action
    self.prefix = prefix
    self.vnet = vnet
  }
}

/// A way to a prefix.
public struct RouteSummary: Codable, Sendable {
  /// "10.0.0.0/8"
  public var prefix: String
  /// `connected` (an interface's own network), `unicast`, `local`, `broadcast`, `multicast`, `blackhole`, `unreachable`,
  /// `prohibit`, `throw`, or a number.
  public var type: String
  /// The next hop; nil: destinations are on the link, or nowhere.
  public var via: String?
  /// The interface's name, or `#` and the system's index of one without; nil when there is none.
  public var interface: String?
  /// The lower, the better.
  public var metric: UInt32 = 0
  /// In bytes; nil when the route has none of its own.
  public var mtu: UInt32?
  /// Who made it: `kernel`, `boot`, `static`, `ra`, `dhcp`, `operator` (with `netisr route`), `interface`, or a number.
  public var origin: String
  /// For this type of service only, if not 0.
  public var tos: UInt32 = 0
  /// How many next hops the route has; each has a line of its own.
  public var nextHops: UInt32 = 1

  enum CodingKeys: String, CodingKey {
    case prefix, type, via, interface, metric, mtu, origin, tos
    case nextHops = "next_hops"
  }
}

/// What `netisr route list --json` prints.
public struct RouteList: Codable, Sendable {
  /// The vnet.
  public var vnet: UInt32
  /// Of the main table, by prefix and metric.
  public var routes: [RouteSummary]
}

/// Where packets to an address go.
public struct RouteLookup: Codable, Sendable {
  /// The address that was asked for.
  public var address: String
  /// Whether the address is an interface's own.
  public var isLocal: Bool
  /// The way; nil when there is none.
  public var route: RouteSummary?

  enum CodingKeys: String, CodingKey {
    case address, route
    case isLocal = "local"
  }
}

/// What `netisr route get --json` prints.
public struct RouteLookups: Codable, Sendable {
  /// In the order in which they were asked for.
  public var lookups: [RouteLookup]

  /// Answers.
  public init(_ lookups: [RouteLookup]) { self.lookups = lookups }
}
