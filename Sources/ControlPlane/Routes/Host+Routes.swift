import NetISR

// Routes as the operator sees and changes them.

extension Host {
  /// The routes of a vnet's main table, and the networks of its interfaces, which come before them.
  public func routes(vnet: UInt32) throws(ControlError) -> RouteList {
    let interfaces = RouteInterfaces(engine, vnet: vnet)
    let networks = interfaces.own.filter(\.isUsable).flatMap { interface in
      interface.addresses.map { address in
        let network = RoutePrefix(bytes: address.bytes, length: address.prefixLength)
        return RouteSummary(connected: network, interface.name)
      }
    }
    let known = (TableReader("route.routes", of: engine)?.all(vnet: vnet) ?? []).filter { $0["table"] == 254 }
    // In the order of families, prefixes and metrics.
    let sorted = known.sorted { a, b in
      let (one, other) = (RouteSummary.order(a), RouteSummary.order(b))
      return one.lexicographicallyPrecedes(other)
    }
    return RouteList(vnet: vnet, routes: networks + sorted.map { RouteSummary($0, interfaces) })
  }

  /// Where packets to an address go: the longest prefix of the interfaces' networks and of what route has selected; of
  /// two that are equal, the network.
  public func route(to text: String, vnet: UInt32) throws(ControlError) -> RouteLookup {
    guard let address = RoutePrefix.address(text) else {
      throw ControlError(.badRequest, "address '\(text)': expected an IPv4 or IPv6 address")
    }
    let interfaces = RouteInterfaces(engine, vnet: vnet)
    let network = interfaces.network(of: address)
    let table = TableReader(address.count == 4 ? "route.inet" : "route.inet6", of: engine)
    let selected = table?.match(address, vnet: vnet)
    var route: RouteSummary?
    if let network, network.network.length >= selected?.prefixLength ?? 0 {
      route = RouteSummary(connected: network.network, network.interface.name)
    } else if let selected {
      let prefix = RoutePrefix(bytes: address, length: UInt8(truncatingIfNeeded: selected.prefixLength))
      route = RouteSummary(selected.fields, prefix, interfaces)
    }
    return RouteLookup(address: RoutePrefix.text(address), isLocal: interfaces.isLocal(address), route: route)
  }

  /// Makes, changes or takes away a route. Answers with what there is then, or was.
  public func change(_ request: RouteRequest) throws(ControlError) -> RouteList {
    try VnetRange.check(request.vnet)
    let operation = try RouteOperation(request, self)
    return RouteList(vnet: request.vnet, routes: try operation.perform())
  }
}

extension RouteSummary {
  /// An interface's own network.
  init(connected network: RoutePrefix, _ interface: String) {
    prefix = network.description
    type = "connected"
    self.interface = interface
    origin = "interface"
  }

  /// An entry of "route.routes".
  init(_ fields: TableFields, _ interfaces: RouteInterfaces) {
    let bytes = fields[bytes: "destination"]
    let prefix = RoutePrefix(
      bytes: fields["family"] == 4 ? Array(bytes.prefix(4)) : bytes, length: UInt8(clamping: fields["prefix_length"]))
    self.init(fields, prefix, interfaces)
  }

  /// An entry of any of route's tables.
  init(_ fields: TableFields, _ prefix: RoutePrefix, _ interfaces: RouteInterfaces) {
    self.prefix = prefix.description
    type = RouteWords.type(fields["type"])
    let family = fields["gateway_family"]
    if family != 0 {
      let bytes = fields[bytes: "gateway"]
      via = RoutePrefix.text(family == 4 ? Array(bytes.prefix(4)) : bytes)
    }
    interface = interfaces.name(fields["interface"])
    metric = fields["metric"]
    mtu = fields["mtu"] == 0 ? nil : fields["mtu"]
    origin = RouteWords.origin(fields["origin"])
    tos = fields["tos"]
    nextHops = fields["next_hops"]
  }

  /// Sorts as people read.
  fileprivate static func order(_ fields: TableFields) -> [UInt8] {
    let numbers = [fields["metric"], fields["interface"]].flatMap { number in
      (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    }
    return fields[bytes: "family"] + fields[bytes: "destination"] + fields[bytes: "prefix_length"] + numbers
  }
}
