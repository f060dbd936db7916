import NetISR

// Virtual stacks: addresses, tables and protocols of their own on the interfaces that belong to them.

extension Host {
  /// The vnets that there are.
  public func vnets() -> VnetList {
    let protocols = engine.protocolStatistics()
    var entries: [UInt32: Int] = [:]
    for table in engine.tableList() {
      for part in table.vnets { entries[part.vnet, default: 0] += part.entries }
    }
    return VnetList(
      vnets: existing().sorted { $0.key < $1.key }.map { vnet, interfaces in
        let (enabled, disabled) = protocols.reduce(into: ([String](), [String]())) { lists, item in
          if item.vnets.contains(Int(vnet)) { lists.0.append(item.name) } else { lists.1.append(item.name) }
        }
        return VnetSummary(
          vnet: vnet, interfaces: interfaces, protocols: enabled.sorted(), disabled: disabled.sorted(),
          entries: entries[vnet] ?? 0)
      })
  }

  /// Makes a vnet.
  public func createVnet(_ vnet: UInt32) throws(ControlError) -> VnetList {
    try VnetRange.check(vnet)
    guard existing()[vnet] == nil, vnetSet.insert(vnet) else {
      throw ControlError(.conflict, "vnet \(vnet) is there already")
    }
    return summary(of: vnet)
  }

  /// Ends a vnet without interfaces: what is queued for its protocols is dropped, what the tables have of it is forgotten,
  /// and who uses its number next finds all protocols enabled.
  public func deleteVnet(_ vnet: UInt32) throws(ControlError) -> VnetList {
    try VnetRange.check(vnet)
    guard vnet != 0 else { throw ControlError(.conflict, "vnet 0 is the host's own: it can't be deleted") }
    guard let interfaces = existing()[vnet] else { throw ControlError(.notFound, "there is no vnet \(vnet)") }
    guard interfaces.isEmpty else {
      throw ControlError(
        .conflict, "vnet \(vnet) has interfaces: remove \(interfaces.joined(separator: ", ")) first")
    }
    let last = summary(of: vnet)
    let protocols = engine.protocolStatistics()
    // A protocol may go meanwhile: then it has nothing there either.
    for item in protocols { try? engine.unregisterVnet(item.proto, Int(vnet)) }
    engine.removeTableEntries(vnet: vnet)
    for item in protocols { try? engine.registerVnet(item.proto, Int(vnet)) }
    plugins.forget(vnet: Int(vnet))
    vnetSet.remove(vnet)
    return last
  }

  /// Enables a protocol in a vnet, or disables it there: then what is queued for it there is dropped, and what comes is
  /// refused. Other vnets do not notice.
  public func setProtocol(_ name: String, in vnet: UInt32, enabled: Bool) throws(ControlError) -> VnetList {
    try VnetRange.check(vnet)
    let protocols = engine.protocolStatistics()
    guard let item = protocols.first(where: { $0.name == name || "\($0.proto)" == name }) else {
      let hint = NearMiss.best(for: name, among: protocols.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
      throw ControlError(.notFound, "nobody serves a protocol '\(name)'\(hint)")
    }
    do throws(EngineError) {
      if enabled {
        try engine.registerVnet(item.proto, Int(vnet))
      } else {
        try engine.unregisterVnet(item.proto, Int(vnet))
      }
    } catch {
      throw ControlError(.failed, error.description)
    }
    return summary(of: vnet)
  }

  /// The interfaces of each vnet that there is.
  private func existing() -> [UInt32: [String]] {
    var vnets: [UInt32: [String]] = [:]
    for vnet in vnetSet.all { vnets[vnet] = [] }
    for interface in interfaceSummaries() { vnets[interface.vnet, default: []].append(interface.name) }
    // Where nobody is, a protocol may be disabled in advance.
    for item in engine.protocolStatistics() where item.vnets.count < Int(VnetRange.limit) {
      let enabled = Set(item.vnets.map { UInt32($0) })
      for vnet in 0..<VnetRange.limit where !enabled.contains(vnet) && vnets[vnet] == nil { vnets[vnet] = [] }
    }
    return vnets
  }

  private func summary(of vnet: UInt32) -> VnetList {
    VnetList(vnets: vnets().vnets.filter { $0.vnet == vnet })
  }
}
