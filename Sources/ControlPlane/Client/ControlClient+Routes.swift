extension ControlClient {
  /// The routes of a vnet.
  public func routes(vnet: UInt32) throws(ControlError) -> RouteList { try get("routes?vnet=\(vnet)") }

  /// Makes, changes or takes away a route; answers with what there is then, or was.
  public func change(_ route: RouteRequest) throws(ControlError) -> RouteList {
    try send(.POST, "routes", JSON.encode(route))
  }

  /// Where packets to an address go.
  public func route(to address: String, vnet: UInt32) throws(ControlError) -> RouteLookup {
    try get("routes/lookup?address=\(address)&vnet=\(vnet)")
  }

  /// The changes behind a number; nil: none, but the number of the last.
  public func routeChanges(after: UInt64?, vnet: UInt32) throws(ControlError) -> RouteChangeList {
    try get("routes/changes?vnet=\(vnet)" + (after.map { "&after=\($0)" } ?? ""))
  }
}
