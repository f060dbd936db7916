/// One change of what route keeps, as `netisr route monitor` prints it.
public struct RouteChange: Codable, Sendable {
  /// Which change of its vnet it is, from 1.
  public var sequence: UInt64
  /// Nanoseconds since the epoch.
  public var time: UInt64
  /// `link`, `address`, `route` or `neighbour`.
  public var subject: String
  /// `added`, `changed`, `deleted`; `swept`: as many routes as `count` says went with their interface.
  public var change: String
  /// A prefix or an address; nil of a link.
  public var destination: String?
  /// The next hop of a route; the other end of a point-to-point link.
  public var via: String?
  /// The interface's name, or `#` and the system's index of one without.
  public var interface: String?
  /// The link-level address of a link or a neighbour.
  public var link: String?
  /// Of a route: as in `RouteSummary`. Of a neighbour its state: `reachable`, `stale`, ... Of a link `up` or `down`.
  public var state: String?
  /// Of a route.
  public var metric: UInt32?
  /// Of a route that has one of its own, or of a link; in bytes.
  public var mtu: UInt32?
  /// Of a route, the system's routing table.
  public var table: UInt32?
  /// Routes that went with their interface.
  public var count: UInt32?
}

/// The changes behind a number.
public struct RouteChangeList: Codable, Sendable {
  /// The number of the last change of all.
  public var sequence: UInt64
  /// Changes that are gone before they were asked for.
  public var lost: UInt64
  /// In order.
  public var changes: [RouteChange]
}
