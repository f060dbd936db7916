/// Routes and their changes as lines of text.
public enum RouteText {
  /// "10.0.0.0/8 via 10.1.1.1 dev eth0 metric 5 mtu 1400 origin operator"
  public static func line(_ route: RouteSummary) -> String {
    var words = route.type == "unicast" ? [route.prefix] : [route.type, route.prefix]
    if let via = route.via { words += ["via", via] }
    if let interface = route.interface { words += ["dev", interface] }
    if route.metric != 0 { words += ["metric", "\(route.metric)"] }
    if route.tos != 0 { words += ["tos", "\(route.tos)"] }
    if let mtu = route.mtu { words += ["mtu", "\(mtu)"] }
    if route.nextHops > 1 { words += ["of", "\(route.nextHops)"] }
    if route.type != "connected" { words += ["origin", route.origin] }
    return words.joined(separator: " ")
  }

  /// "192.0.2.9: via 10.1.1.1 dev eth0, 192.0.2.0/24 ..."
  public static func line(_ lookup: RouteLookup) -> String {
    let local = lookup.isLocal ? "local, " : ""
    guard let route = lookup.route else { return "\(lookup.address): \(local)no route" }
    return "\(lookup.address): \(local)\(line(route))"
  }

  /// "added route 10.0.0.0/8 via 10.1.1.1 dev eth0 unicast metric 5"
  public static func line(_ change: RouteChange) -> String {
    if let count = change.count {
      return "deleted \(count) \(count == 1 ? "route" : "routes") dev \(change.interface ?? "-") with the link"
    }
    var words = [change.change, change.subject]
    if let destination = change.destination { words.append(destination) }
    if let via = change.via { words += [change.subject == "address" ? "peer" : "via", via] }
    if let interface = change.interface { words += ["dev", interface] }
    if let link = change.link { words += ["lladdr", link] }
    if let state = change.state { words.append(state) }
    if let metric = change.metric, metric != 0 { words += ["metric", "\(metric)"] }
    if let mtu = change.mtu { words += ["mtu", "\(mtu)"] }
    if let table = change.table, table != 254 { words += ["table", "\(table)"] }
    return words.joined(separator: " ")
  }
}
