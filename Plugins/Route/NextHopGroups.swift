import NetISRPlugin

/// The next hops of selected routes that have several: "route.multipath".
///
/// Next hops of one route are those entries of "route.routes" that have prefix, metric and order in common.
enum NextHopGroups {
  /// A message has told all next hops of a route: they are kept if the route is the selected one of its prefix.
  static func set(_ group: NextHopGroup, of route: Route, order: Int32, vnet: UInt32) {
    guard route.isSelectable, group.count > 1, let best = Selection.lookup(route.prefix, vnet: vnet),
      best.metric == route.metric, best.order == order
    else { return }
    unsafe tables.multipath.insert(route.prefix, group, vnet: vnet)
  }

  /// Looks for the next hops of a route that was selected, by one of them.
  static func collect(like route: Route, _ entry: RouteEntry, vnet: UInt32) {
    let prefix = route.prefix
    var group = NextHopGroup()
    unsafe tables.routes.sweep(vnet: vnet) { other, found in
      if other.isSelectable && other.prefix == prefix && found.metric == entry.metric && found.order == entry.order {
        group.append(NextHopGroup.Hop(found))
      }
      return .keep
    }
    settle(group, of: prefix, entry, vnet: vnet)
  }

  /// A next hop of a selected route has gone, of which another one is shown as the best: of IPv6, each may go alone.
  static func remove(_ route: Route, vnet: UInt32) {
    let prefix = route.prefix
    guard let best = Selection.lookup(prefix, vnet: vnet),
      var group = unsafe tables.multipath.lookup(prefix, vnet: vnet, initial: NextHopGroup())
    else { return }
    let before = group.count
    group.removeAll { $0.interface == route.interface && $0.gateway == route.gateway }
    guard group.count < before else { return }
    settle(group, of: prefix, best, vnet: vnet)
  }

  /// The next hops by an interface have gone, from the routes that `matches` chooses.
  static func removeHops(
    of interface: UInt32, vnet: UInt32, where matches: (_ entry: RouteEntry, _ family: UInt8) -> Bool
  ) {
    guard unsafe tables.multipath.count(vnet: vnet) > 0 else { return }
    var hop = RouteEntry()
    hop.interface = interface
    hop.type = 1
    unsafe tables.multipath.sweep(vnet: vnet) { prefix, group in
      guard matches(hop, UInt8(truncatingIfNeeded: prefix.family)) else { return .keep }
      group.removeAll { $0.interface == interface }
      // Who is left alone is the selected route's own next hop, or will be selected.
      return group.count > 1 ? .keep : .remove
    }
  }

  /// Has all say how many next hops there are: the group, the selected entry, and those of the other next hops.
  private static func settle(_ group: NextHopGroup, of prefix: Prefix, _ entry: RouteEntry, vnet: UInt32) {
    let count = UInt16(truncatingIfNeeded: max(group.count, 1))
    if count > 1 { unsafe tables.multipath.insert(prefix, group, vnet: vnet) }
    // More than are kept in a group stay as they were told.
    guard entry.nextHops != count, Int(count) < NextHopGroup.limit else { return }
    var best = entry
    best.nextHops = count
    Selection.insert(prefix, best, vnet: vnet)
    unsafe tables.routes.sweep(vnet: vnet) { other, found in
      if other.isSelectable && other.prefix == prefix && found.metric == entry.metric && found.order == entry.order {
        found.nextHops = count
      }
      return .keep
    }
  }
}

extension NextHopGroup.Hop {
  /// That of an entry.
  init(_ entry: RouteEntry) {
    self.init()
    gateway = entry.gateway
    interface = entry.interface
    weight = entry.weight
    gatewayFamily = entry.gatewayFamily
  }
}
