import NetISR

// Multicast groups of which this host is a member.

extension Host {
  /// Makes this host a member of a group by an interface: igmp and ip6 say so to the link's routers.
  public func join(_ group: String, on name: String) throws(ControlError) -> GroupMembership {
    let (address, interface, table) = try membership(of: group, on: name)
    guard !table.contains(address, on: interface.index, vnet: interface.vnet) else {
      throw ControlError(.conflict, "\(name) has joined \(RoutePrefix.text(address)) already")
    }
    guard table.insert(address, on: interface.index, vnet: interface.vnet) else {
      throw ControlError(.failed, "vnet \(interface.vnet) has 256 groups already: no room for more")
    }
    engine.noteInterfaceChange()
    return GroupMembership(interface: name, group: RoutePrefix.text(address))
  }

  /// Ends a membership.
  public func leave(_ group: String, on name: String) throws(ControlError) -> GroupMembership {
    let (address, interface, table) = try membership(of: group, on: name)
    guard table.remove(address, on: interface.index, vnet: interface.vnet) else {
      throw ControlError(.notFound, "\(name) has not joined \(RoutePrefix.text(address))")
    }
    engine.noteInterfaceChange()
    return GroupMembership(interface: name, group: RoutePrefix.text(address))
  }

  private func membership(
    of group: String, on name: String
  ) throws(ControlError) -> (address: [UInt8], interface: InterfaceSummary, table: GroupTable) {
    guard let address = RoutePrefix.address(group), address[0] & 0xf0 == 0xe0 || address.count == 16,
      address[0] == 0xff || address.count == 4
    else {
      throw ControlError(.badRequest, "group '\(group)': expected an address of 224.0.0.0/4 or ff00::/8")
    }
    let all = interfaceSummaries()
    guard let interface = all.first(where: { $0.name == name }) else {
      let hint = NearMiss.best(for: name, among: all.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
      throw ControlError(.notFound, "no interface '\(name)'\(hint)")
    }
    guard interface.kind != "file", interface.kind != "netlink" else {
      throw ControlError(.conflict, "\(name): a \(interface.kind) interface sends nothing, and can't join a group")
    }
    guard let table = GroupTable(engine) else {
      throw ControlError(.failed, "the table shared.groups is of a plugin that this host does not know")
    }
    return (address, interface, table)
  }
}

/// What `netisr if join` and `netisr if leave` have done.
public struct GroupMembership: Codable, Sendable {
  /// The interface's name.
  public var interface: String
  /// The group's address.
  public var group: String
}

/// The body of a request to join a group.
struct GroupRequest: Codable, Sendable {
  var group: String
}
