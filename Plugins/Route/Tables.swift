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
  /// The next hops of those that have several.
  var multipath = Table<Prefix, NextHopGroup>()
  /// Prefixes that have, or once had, several routes in the main table.
  var shared = Table<Prefix, SharedPrefix>()

  /// A `RouteEntry`, for people.
  private static var entry: StaticString {
    """
    = gateway:ip/gateway_family interface:u32 metric:u32 table:u32 flags:u32 mtu:u32 -:4 next_hops:u16 weight:u16 \
    gateway_family:u8 origin:u8 scope:u8 type:u8
    """
  }

  init() {}

  init(opening _: Void) throws(Errno) {
    links = try Table(
      opening: "route.links", maxEntries: 1 << 16,
      format: "index:u32 = name:s16 link:mac -:26 link_length:u32 flags:u32 mtu:u32 type:u32")
    addresses = try Table(
      opening: "route.addresses", maxEntries: 1 << 18,
      format: "address:ip/family interface:u32 family:u8 prefix_length:u8 -:2 = peer:ip/family flags:u32 scope:u32")
    neighbours = try Table(
      opening: "route.neighbours", maxEntries: 1 << 18,
      format: "address:ip/family interface:u32 family:u32 = link:mac -:26 link_length:u32 state:u16 flags:u16")
    // More than the Internet's tables have, with some alternatives.
    routes = try Table(
      opening: "route.routes", maxEntries: 1 << 22,
      format: """
        destination:ip/family gateway:ip/family interface:u32 table:u32 metric:u32 prefix_length:u8 family:u8 tos:u8 \
        type:u8 = -:28 flags:u32 mtu:u32 -:4 next_hops:u16 weight:u16 gateway_family:u8 origin:u8 scope:u8 -:1
        """)
    inet = try Table(opening: "route.inet", kind: TABLE_LPM, maxEntries: 1 << 21, format: Self.entry)
    inet6 = try Table(opening: "route.inet6", kind: TABLE_LPM, maxEntries: 1 << 20, format: Self.entry)
    multipath = try Table(
      opening: "route.multipath", maxEntries: 1 << 18,
      format: "address:ip/family length:u32 family:u32 = count:u32 weights:u32 -:384")
    shared = try Table(
      opening: "route.shared", maxEntries: 1 << 18,
      format: "address:ip/family length:u32 family:u32 = visited:u32 appended:u32 prepended:u32")
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var tables = Tables()
