import NetISRPlugin

/// What is known of the recorded host, in the host's tables of ours: it survives a swap.
struct Tables {
  var links = Table<UInt32, Link>()
  var addresses = Table<AddressKey, InterfaceAddress>()
  var neighbours = Table<NeighbourKey, Neighbour>()
  /// All routes: of all of the system's routing tables, and the worse ones too.
  var routes = Table<Route, RouteEntry>()
  /// The best routes of the main table, for everybody to read: see `Selection`.
  var inet = Table<RouteKey4, RouteEntry>()
  var inet6 = Table<RouteKey6, RouteEntry>()
  /// Prefixes that have, or once had, several routes in the main table.
  var shared = Table<Prefix, SharedPrefix>()

  init() {}

  init(opening _: Void) throws(Errno) {
    links = try Table(opening: "route.links", maxEntries: 1 << 16)
    addresses = try Table(opening: "route.addresses", maxEntries: 1 << 18)
    neighbours = try Table(opening: "route.neighbours", maxEntries: 1 << 18)
    // More than the Internet's tables have, with some alternatives.
    routes = try Table(opening: "route.routes", maxEntries: 1 << 22)
    inet = try Table(opening: "route.inet", kind: TABLE_LPM, maxEntries: 1 << 21)
    inet6 = try Table(opening: "route.inet6", kind: TABLE_LPM, maxEntries: 1 << 20)
    shared = try Table(opening: "route.shared", maxEntries: 1 << 18)
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var tables = Tables()
