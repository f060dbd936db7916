import NetISRPlugin

/// A destination.
typealias Prefix = RoutePrefix

extension Prefix {
  static func == (a: Prefix, b: Prefix) -> Bool {
    a.address == b.address && a.length == b.length && a.family == b.family
  }
}

/// One way to a destination: the key of "route.routes", whose value is a `RouteEntry`. A route with several next hops
/// is as many of these.
///
/// All by which the kernel tells routes apart: two that differ only in metric, gateway or interface exist side by
/// side, and one of them may go. But for one thing: of IPv4 it may have the same next hop in two routes of one metric
/// (`ip route append`), which here is one.
struct Route {
  var destination: RouteAddress
  var gateway: RouteAddress
  var interface: UInt32
  var table: UInt32
  var metric: UInt32
  var prefixLength: UInt8
  /// 4 or 6.
  var family: UInt8
  /// For this type of service only, if not 0.
  var typeOfService: UInt8
  /// RTN_UNICAST 1, ...
  var type: UInt8

  var prefix: Prefix { Prefix(address: destination, length: UInt32(prefixLength), family: UInt32(family)) }

  /// It is among those of which `Selection` takes the best.
  var isSelectable: Bool { table == Self.mainTable && typeOfService == 0 }

  static let mainTable: UInt32 = 254

  /// `entry` is this route, among the routes of one prefix that are selectable.
  func isSelected(in entry: RouteEntry) -> Bool {
    entry.metric == metric && entry.interface == interface && entry.type == type && entry.gateway == gateway
  }
}

/// RTM_NEWROUTE, RTM_DELROUTE and RTM_GETROUTE: struct rtmsg, attributes.
struct RouteMessage {
  static let fixedSize = 12

  /// With the first next hop.
  private var route: Route
  private var entry: RouteEntry
  /// RTA_MULTIPATH: several next hops.
  private var multipath: NextHops?
  /// RTA_DST, all of its bits.
  private(set) var destination: RouteAddress?
  let family: Family

  init(_ message: NetlinkMessage, _ packet: borrowing Packet) throws(DropReason) {
    var attributes = try message.attributes(behind: Self.fixedSize)
    let body = message.start
    guard let family = Family(packet.u8(body)) else { throw .ignored }
    let prefixLength = packet.u8(body &+ 1)
    guard prefixLength <= family.addressBits else { throw .malformed }
    entry = RouteEntry()
    entry.table = UInt32(packet.u8(body &+ 4))
    entry.origin = packet.u8(body &+ 5)
    entry.scope = packet.u8(body &+ 6)
    entry.type = packet.u8(body &+ 7)
    entry.flags = packet.u32(body &+ 8, message.order)
    self.family = family
    var hop = NextHop()
    while let attribute = try attributes.next(packet) {
      switch attribute.type {
      case 1: destination = try attribute.address(packet, family)
      case 4: hop.interface = try attribute.u32(packet)
      case 5, 18: try hop.readGateway(attribute, packet, family)
      case 6: entry.metric = try attribute.u32(packet)
      case 8: entry.mtu = try Self.mtu(attribute, packet)
      case 9: multipath = try NextHops(attribute, packet, family)
      case 15: entry.table = try attribute.u32(packet)
      default: break
      }
    }
    // Source-specific routes are not for everybody; cached ones are answers, not routes.
    let isCached = entry.flags & 0x200 != 0
    guard message.type == MessageType.getRoute || (packet.u8(body &+ 2) == 0 && !isCached) else { throw .ignored }
    entry.nextHops = 1
    if let multipath {
      hop = try multipath.hop(at: 0, packet)
      entry.nextHops = UInt16(truncatingIfNeeded: multipath.count)
    }
    hop.store(in: &entry)
    route = Route(
      destination: (destination ?? RouteAddress()).masked(to: prefixLength), gateway: hop.gateway,
      interface: hop.interface,
      table: entry.table, metric: entry.metric, prefixLength: prefixLength, family: family.number,
      typeOfService: packet.u8(body &+ 3), type: entry.type)
  }

  /// RTAX_MTU within RTA_METRICS.
  private static func mtu(_ attribute: Attribute, _ packet: borrowing Packet) throws(DropReason) -> UInt32 {
    var mtu: UInt32 = 0
    var nested = attribute.nested
    while let metric = try nested.next(packet) {
      if metric.type == 2 { mtu = try metric.u32(packet) }
    }
    return mtu
  }

  func add(_ message: NetlinkMessage, _ packet: borrowing Packet) throws(DropReason) -> Change {
    let vnet = packet.vnet
    let time = packet.timestamp
    let replaced = message.isReplacement ? Selection.removeAlternatives(to: route, vnet: vnet) : nil
    let order = try self.order(replaced, message, packet)
    var group = NextHopGroup()
    var wasKnown = replaced != nil
    var isFull = false
    try forEachHop(packet) { route, found in
      var entry = found
      entry.order = order
      guard let isNew = Selection.add(route, entry, vnet: vnet) else {
        isFull = true
        return
      }
      group.append(NextHopGroup.Hop(entry))
      if !isNew { wasKnown = true }
      unsafe changes.note(
        ChangeRecord(route, entry), isNew && replaced == nil ? .added : .changed, at: time, vnet: vnet)
    }
    guard !isFull else { throw .full }
    if multipath != nil { NextHopGroups.set(group, of: route, order: order, vnet: vnet) }
    return wasKnown ? .changed : .added
  }

  /// Its place among the routes of its prefix and metric: where it was, or where that was in whose place it comes, or before
  /// or behind them all, as the kernel says of IPv4; of IPv6 it is always behind them.
  private func order(
    _ replaced: Int32?, _ message: NetlinkMessage, _ packet: borrowing Packet
  ) throws(DropReason) -> Int32 {
    if let replaced { return replaced }
    let vnet = packet.vnet
    var known: Int32?
    try forEachHop(packet) { route, entry in
      if known == nil { known = unsafe tables.routes.lookup(route, vnet: vnet, initial: entry)?.order }
    }
    return known ?? Selection.order(of: route, isFirst: family == .inet && message.isPrepended, vnet: vnet)
  }

  func remove(_ packet: borrowing Packet) throws(DropReason) -> Change {
    let vnet = packet.vnet
    var wasKnown = false
    let time = packet.timestamp
    try forEachHop(packet) { route, entry in
      guard Selection.remove(route, vnet: vnet) else { return }
      wasKnown = true
      unsafe changes.note(ChangeRecord(route, entry), .deleted, at: time, vnet: vnet)
    }
    return wasKnown ? .deleted : .absent
  }

  /// Calls `body` with each next hop's route.
  private func forEachHop(_ packet: borrowing Packet, _ body: (Route, RouteEntry) -> Void) throws(DropReason) {
    guard let multipath else { return body(route, entry) }
    var route = route
    var entry = entry
    var offset = 0
    while offset < multipath.size {
      let hop = try multipath.hop(at: offset, packet)
      hop.store(in: &entry)
      route.gateway = hop.gateway
      route.interface = hop.interface
      body(route, entry)
      offset = offset &+ hop.size
    }
  }
}
