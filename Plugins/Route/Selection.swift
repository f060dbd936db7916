import NetISRPlugin

/// Which route of a prefix others see: "route.inet" and "route.inet6" hold for each prefix the best route of the main
/// table.
///
/// - **Main table only.** The local table (255) says which addresses are the host's own: "route.addresses" says that
///   too. Tables of policy routing apply to what the rules choose, and a longest-prefix match knows no rules. All of
///   them are in "route.routes".
/// - **Unreachable, blackhole, prohibit, throw** are entries with that `type`: they hide the shorter prefixes, as in
///   the kernel.
/// - **The lowest metric wins.** Among equals the one that the kernel has put first; among next hops of one route, that
///   with the lowest interface index, and the others are in "route.multipath".
/// - Routes for one type of service only are not selected.
///
/// Most prefixes have one route. Those that have had several are remembered in "route.shared"; only for them a
/// deletion must look through all routes for the next best.
///
/// One netlink interface in a vnet, whose packets are handled in their order, is what this expects: two that report
/// the same prefix at the same moment could leave the worse one selected.
enum Selection {
  // MARK: One route

  /// Sets a route: whether it is new, or nil when there is no room.
  static func add(_ route: Route, _ entry: RouteEntry, vnet: UInt32) -> Bool? {
    let isNew = unsafe tables.routes.lookup(route, vnet: vnet, initial: entry) == nil
    guard unsafe tables.routes.insert(route, entry, vnet: vnet) else { return nil }
    guard route.isSelectable else { return isNew }
    let prefix = route.prefix
    guard let best = lookup(prefix, vnet: vnet) else { return insert(prefix, entry, vnet: vnet) ? isNew : nil }
    if route.isSelected(in: best) { return insert(prefix, entry, vnet: vnet) ? isNew : nil }
    var sharing = Sharing()
    _ = unsafe tables.shared.update(prefix, vnet: vnet, with: &sharing)
    if entry.precedes(best) { insert(prefix, entry, vnet: vnet) }
    return isNew
  }

  /// The place of a route that was not there among those of its prefix and metric: before or behind them all.
  static func order(of route: Route, isFirst: Bool, vnet: UInt32) -> Int32 {
    guard route.isSelectable, lookup(route.prefix, vnet: vnet) != nil else { return 0 }
    var placing = Placing(isFirst: isFirst)
    _ = unsafe tables.shared.update(route.prefix, vnet: vnet, with: &placing)
    return placing.order
  }

  /// Removes a route; false when it was not there.
  static func remove(_ route: Route, vnet: UInt32) -> Bool {
    guard unsafe tables.routes.remove(route, vnet: vnet) else { return false }
    guard route.isSelectable, let best = lookup(route.prefix, vnet: vnet) else { return true }
    if route.isSelected(in: best) {
      replaceBest(of: route.prefix, vnet: vnet)
    } else if best.nextHops > 1 && best.metric == route.metric {
      NextHopGroups.remove(route, vnet: vnet)
    }
    return true
  }

  /// Removes the routes in whose place `route` comes: same table, prefix, type of service and metric; of IPv4 only the
  /// first of these. Answers with their order; nil when there are none.
  static func removeAlternatives(to route: Route, vnet: UInt32) -> Int32? {
    let prefix = route.prefix
    if route.isSelectable, !isShared(prefix, vnet: vnet) {
      // The only route of its prefix is the selected one.
      guard let only = lookup(prefix, vnet: vnet), only.metric == route.metric else { return nil }
      var known = route
      known.gateway = only.gateway
      known.interface = only.interface
      known.type = only.type
      return remove(known, vnet: vnet) ? only.order : nil
    }
    func isAlternative(_ other: Route) -> Bool {
      other.prefix == prefix && other.table == route.table && other.metric == route.metric
        && other.typeOfService == route.typeOfService
    }
    var first: Int32?
    unsafe tables.routes.sweep(vnet: vnet) { other, entry in
      if isAlternative(other) { first = min(first ?? entry.order, entry.order) }
      return .keep
    }
    guard let first else { return nil }
    unsafe tables.routes.sweep(vnet: vnet) { other, entry in
      isAlternative(other) && (other.family == 6 || entry.order == first) ? .remove : .keep
    }
    if route.isSelectable { replaceBest(of: prefix, vnet: vnet) }
    return first
  }

  /// Some selected route is for the destination.
  static func covers(_ destination: RouteAddress, _ family: Family, vnet: UInt32) -> Bool {
    switch family {
    case .inet: unsafe tables.inet.match(destination.word0, vnet: vnet, initial: RouteEntry()) != nil
    case .inet6: unsafe tables.inet6.match(destination, vnet: vnet, initial: RouteEntry()) != nil
    }
  }

  // MARK: All routes of a link

  /// Removes routes of an interface, those that `matches` chooses: of one that is gone, all; of one that is down, those of
  /// IPv4, except the host's own addresses. For these the kernel sends no messages; for IPv6 it does. Returns how many.
  static func removeRoutes(
    of interface: UInt32, vnet: UInt32, where matches: (_ entry: RouteEntry, _ family: UInt8) -> Bool
  ) -> UInt32 {
    func goes(_ entry: RouteEntry, _ family: UInt8) -> TableVerdict {
      entry.interface == interface && matches(entry, family) ? .remove : .keep
    }
    let removed = unsafe tables.routes.sweep(vnet: vnet) { route, entry in goes(entry, route.family) }
    guard removed > 0 else { return 0 }
    unsafe tables.inet.sweep(vnet: vnet) { _, entry in goes(entry, 4) }
    unsafe tables.inet6.sweep(vnet: vnet) { _, entry in goes(entry, 6) }
    NextHopGroups.removeHops(of: interface, vnet: vnet, where: matches)
    replaceMissing(vnet: vnet)
    return removed
  }

  /// Selects again where a sweep took the best away and others are left. A sweep can't use other tables: so it
  /// collects some prefixes and marks them, until none is left unmarked.
  private static func replaceMissing(vnet: UInt32) {
    unsafe tables.shared.sweep(vnet: vnet) { _, shared in
      shared.isVisited = 0
      return .keep
    }
    var count: Int
    repeat {
      var some: InlineArray<16, Prefix> = .init(repeating: Prefix(address: RouteAddress(), length: 0, family: 0))
      count = 0
      unsafe tables.shared.sweep(vnet: vnet) { prefix, shared in
        guard shared.isVisited == 0, count < some.count else { return .keep }
        shared.isVisited = 1
        some[count] = prefix
        count &+= 1
        return .keep
      }
      for index in 0..<count where lookup(some[index], vnet: vnet) == nil {
        replaceBest(of: some[index], vnet: vnet)
      }
    } while count == 16
  }

  /// Selects the best of the routes that a prefix has left, or none.
  private static func replaceBest(of prefix: Prefix, vnet: UInt32) {
    var best: (route: Route, entry: RouteEntry)?
    var count = 0
    if isShared(prefix, vnet: vnet) {
      unsafe tables.routes.sweep(vnet: vnet) { route, entry in
        guard route.isSelectable, route.prefix == prefix else { return .keep }
        count &+= 1
        if best.map({ entry.precedes($0.entry) }) ?? true { best = (route, entry) }
        return .keep
      }
      if count < 2 {
        unsafe tables.shared.remove(prefix, vnet: vnet)
        // Who comes next begins to count anew.
        if var only = best {
          only.entry.order = 0
          unsafe tables.routes.insert(only.route, only.entry, vnet: vnet)
          best = only
        }
      }
    }
    if let best {
      insert(prefix, best.entry, vnet: vnet)
      if best.entry.nextHops > 1 { NextHopGroups.collect(like: best.route, best.entry, vnet: vnet) }
      return
    }
    unsafe tables.multipath.remove(prefix, vnet: vnet)
    if prefix.family == 4 {
      unsafe tables.inet.remove(key4(prefix), vnet: vnet)
    } else {
      unsafe tables.inet6.remove(key6(prefix), vnet: vnet)
    }
  }

  private static func isShared(_ prefix: Prefix, vnet: UInt32) -> Bool {
    unsafe tables.shared.lookup(prefix, vnet: vnet, initial: SharedPrefix()) != nil
  }

  // MARK: The tables of prefixes

  private static func key4(_ prefix: Prefix) -> RouteKey4 {
    RouteKey4(prefixLength: prefix.length, address: prefix.address.word0)
  }

  private static func key6(_ prefix: Prefix) -> RouteKey6 {
    RouteKey6(prefixLength: prefix.length, address: prefix.address)
  }

  /// The best route of a prefix.
  static func lookup(_ prefix: Prefix, vnet: UInt32) -> RouteEntry? {
    if prefix.family == 4 { return unsafe tables.inet.lookup(key4(prefix), vnet: vnet, initial: RouteEntry()) }
    return unsafe tables.inet6.lookup(key6(prefix), vnet: vnet, initial: RouteEntry())
  }

  /// Has others see a route as the best of its prefix; false when there is no room.
  @discardableResult
  static func insert(_ prefix: Prefix, _ entry: RouteEntry, vnet: UInt32) -> Bool {
    if entry.nextHops < 2, unsafe tables.multipath.count(vnet: vnet) > 0 {
      unsafe tables.multipath.remove(prefix, vnet: vnet)
    }
    if prefix.family == 4 { return unsafe tables.inet.insert(key4(prefix), entry, vnet: vnet) }
    return unsafe tables.inet6.insert(key6(prefix), entry, vnet: vnet)
  }
}

/// The value of "route.shared". 12 bytes.
struct SharedPrefix {
  /// Not 0: `replaceMissing` has been here.
  var isVisited: UInt32 = 0
  /// Routes that were put behind and before others.
  var appended: UInt32 = 0
  var prepended: UInt32 = 0
}

/// A prefix has several routes.
private struct Sharing: TableVisitor {
  mutating func visit(_ shared: inout SharedPrefix, isNew: Bool) -> TableVerdict { .keep }
}

/// Another route comes to a prefix.
private struct Placing: TableVisitor {
  let isFirst: Bool
  var order: Int32 = 0

  mutating func visit(_ shared: inout SharedPrefix, isNew: Bool) -> TableVerdict {
    if isFirst {
      shared.prepended &+= 1
      order = 0 &- Int32(truncatingIfNeeded: shared.prepended & 0x7fff_ffff)
    } else {
      shared.appended &+= 1
      order = Int32(truncatingIfNeeded: shared.appended & 0x7fff_ffff)
    }
    return .keep
  }
}

extension RouteEntry {
  /// Whether it is taken rather than another one of its prefix.
  func precedes(_ other: RouteEntry) -> Bool {
    if metric != other.metric { return metric < other.metric }
    return order == other.order ? interface < other.interface : order < other.order
  }
}
