import CNetISR
import NetISR

/// One change of a route: checked, told to the route plugin, and looked for in its table. [control]
struct RouteOperation {
  private let host: Host
  private let request: RouteRequest
  private let gateway: [UInt8]?
  private let prefix: RoutePrefix
  private let interfaces: RouteInterfaces
  private let table: TableReader

  /// Understands a request.
  init(_ request: RouteRequest, _ host: Host) throws(ControlError) {
    self.host = host
    self.request = request
    var gateway: [UInt8]?
    if let via = request.via {
      gateway = RoutePrefix.address(via)
      guard gateway != nil else { throw ControlError(.badRequest, "via '\(via)': expected an IPv4 or IPv6 address") }
    }
    self.gateway = gateway
    prefix = try RoutePrefix(request.prefix, via: gateway)
    guard host.engine.protocolStatistics().contains(where: { $0.proto == UInt32(NETISR_ROUTE) }),
      let table = TableReader("route.routes", of: host.engine)
    else {
      throw ControlError(.conflict, "nobody serves protocol \(NETISR_ROUTE), route: load the route plugin")
    }
    self.table = table
    interfaces = RouteInterfaces(host.engine, vnet: request.vnet)
  }

  /// Does it; the routes that there are now, or were.
  func perform() throws(ControlError) -> [RouteSummary] {
    switch request.action {
    case .add: return [try make(replaces: false)]
    case .replace: return [try make(replaces: true)]
    case .delete: return try delete()
    }
  }

  // MARK: Making

  private func make(replaces: Bool) throws(ControlError) -> RouteSummary {
    let draft = try draft()
    if let other = known().first(where: { $0["metric"] == draft.metric }) {
      let summary = RouteSummary(other, interfaces)
      guard replaces else {
        throw ControlError(
          .conflict, "\(prefix.description) with metric \(draft.metric) is there already: \(RouteText.line(summary))")
      }
      try requireOperators(other)
    }
    guard let key = draft.key(in: table) else { throw unknownTable() }
    try host.routeSocket.send(draft.message(isDeletion: false, replaces: replaces), vnet: request.vnet)
    guard let made = wait({ table.value(of: key, vnet: request.vnet) }, until: { $0?["mtu"] == draft.mtu ?? 0 }) else {
      throw ControlError(.failed, "\(prefix.description): route did not take it: see its counters malformed and full")
    }
    return RouteSummary(made, interfaces)
  }

  /// The route that was asked for.
  private func draft() throws(ControlError) -> RouteDraft {
    var draft = RouteDraft(prefix: prefix)
    draft.type = (request.kind ?? .unicast).number
    draft.metric = request.metric ?? (prefix.family == 4 ? 0 : 1024)
    draft.mtu = request.mtu
    if let mtu = request.mtu, !(68...65_535).contains(mtu) {
      throw ControlError(.badRequest, "mtu \(mtu): expected 68 to 65535")
    }
    guard request.kind ?? .unicast == .unicast else {
      guard gateway == nil, request.interface == nil else {
        throw ControlError(
          .badRequest, "a route of kind \(request.kind!.rawValue) leads nowhere: expected neither via nor dev")
      }
      return draft
    }
    draft.gateway = gateway
    if let name = request.interface {
      draft.interface = try interfaces.index(name)
    } else if let gateway {
      draft.interface = try link(of: gateway)
    } else {
      throw ControlError(.badRequest, "\(prefix.description): expected via GATEWAY, dev INTERFACE, or both")
    }
    if let gateway, interfaces.isLocal(gateway) {
      throw ControlError(.badRequest, "via \(RoutePrefix.text(gateway)): it is this host's own address")
    }
    return draft
  }

  /// The interface on whose link a gateway is: by the networks of the interfaces, or by a route that needs no gateway.
  private func link(of gateway: [UInt8]) throws(ControlError) -> UInt32 {
    if let network = interfaces.network(of: gateway) { return network.interface.index }
    let selected = TableReader(gateway.count == 4 ? "route.inet" : "route.inet6", of: host.engine)
    if let found = selected?.match(gateway, vnet: request.vnet)?.fields, found["gateway_family"] == 0,
      found["type"] == 1, found["interface"] != 0
    {
      return found["interface"]
    }
    throw ControlError(
      .badRequest, "via \(RoutePrefix.text(gateway)): it is on no interface's network; say which one with dev")
  }

  // MARK: Deleting

  private func delete() throws(ControlError) -> [RouteSummary] {
    let index = try request.interface.map { name throws(ControlError) in try interfaces.index(name) }
    let matching = known().filter { route in
      (request.metric == nil || route["metric"] == request.metric) && (index == nil || route["interface"] == index)
        && (request.kind == nil || route["type"] == UInt32(request.kind!.number))
        && (gateway == nil || Array(route[bytes: "gateway"].prefix(gateway!.count)) == gateway)
    }
    // Of several, the best, with all of its next hops.
    guard let metric = matching.map({ $0["metric"] }).min() else {
      throw ControlError(.notFound, "there is no such route to \(prefix.description) in vnet \(request.vnet)")
    }
    let going = matching.filter { $0["metric"] == metric }
    for route in going { try requireOperators(route) }
    for route in going {
      var draft = RouteDraft(prefix: prefix)
      let family = route["gateway_family"]
      if family != 0 { draft.gateway = Array(route[bytes: "gateway"].prefix(family == 4 ? 4 : 16)) }
      draft.interface = route["interface"]
      draft.metric = metric
      draft.type = UInt8(truncatingIfNeeded: route["type"])
      guard let key = draft.key(in: table) else { throw unknownTable() }
      try host.routeSocket.send(draft.message(isDeletion: true, replaces: false), vnet: request.vnet)
      guard wait({ table.value(of: key, vnet: request.vnet) == nil ? true : nil }, until: { $0 == true }) != nil else {
        throw ControlError(.failed, "\(prefix.description): route did not let go of it")
      }
    }
    return going.map { RouteSummary($0, interfaces) }
  }

  /// What the kernel has told is the kernel's: here it would be gone only until the kernel tells it again.
  private func requireOperators(_ route: TableFields) throws(ControlError) {
    guard route["origin"] == UInt32(RouteDraft.origin) else {
      let summary = RouteSummary(route, interfaces)
      throw ControlError(
        .conflict,
        "\(RouteText.line(summary)): not made with `netisr route`, but told by the kernel; change it with ip-route(8)"
      )
    }
  }

  // MARK: Parts

  /// The routes of the prefix, of the main table, for all types of service.
  private func known() -> [TableFields] {
    table.all(vnet: request.vnet).filter { route in
      route["table"] == 254 && route["tos"] == 0 && route["family"] == UInt32(prefix.family)
        && route["prefix_length"] == UInt32(prefix.length)
        && Array(route[bytes: "destination"].prefix(prefix.bytes.count)) == prefix.bytes
    }
  }

  /// Looks until it is so: the message may wait in route's queue. nil after two seconds.
  private func wait<Value>(_ look: () -> Value?, until condition: (Value?) -> Bool) -> Value? {
    let deadline = SteadyClock.now + 2_000_000_000
    var backoff = Backoff()
    while true {
      let value = look()
      if condition(value) { return value }
      guard SteadyClock.now < deadline else { return nil }
      backoff.pause()
    }
  }

  private func unknownTable() -> ControlError {
    ControlError(.failed, "the table route.routes is of a route plugin that this host does not know")
  }
}
