import ControlPlane

/// Interfaces as `netisr if` and `netisr stat` print them.
enum InterfaceText {
  /// What they are, with the reason below those that wait.
  static func list(_ interfaces: [InterfaceSummary]) -> String {
    var table = TextTable([
      ("Name", .left), ("Kind", .left), ("State", .left), ("Vnet", .right), ("MTU", .right), ("Address", .left),
      ("Addresses", .left), ("Spec", .left),
    ])
    for item in interfaces {
      table.add([
        item.name, item.kind, item.state, "\(item.vnet)", "\(item.mtu)", item.address.isEmpty ? "-" : item.address,
        item.addresses.isEmpty ? "-" : item.addresses.joined(separator: ","), item.spec,
      ])
    }
    var lines = table.lines
    var text = lines.removeFirst() + "\n"
    for (line, item) in zip(lines, interfaces) {
      text += line + "\n"
      if let reason = item.reason { text += "    \(reason)\n" }
    }
    return text
  }

  /// What came in and went out.
  static func figures(_ interfaces: [InterfaceSummary]) -> String {
    var table = TextTable([
      ("Name", .left), ("Link type", .left), ("Received", .right), ("Bytes", .right), ("Entered", .right),
      ("Refused", .right), ("KDrops", .right), ("Sent", .right), ("Bytes", .right), ("SDrops", .right),
      ("Passes", .right), ("State", .left), ("Spec", .left),
    ])
    for item in interfaces {
      table.add([
        item.name, item.linktype.isEmpty ? "-" : item.linktype, "\(item.frames)", "\(item.bytes)", "\(item.entered)",
        "\(item.frames - item.entered)", "\(item.kernelDropped)", "\(item.sent)", "\(item.sentBytes)",
        "\(item.sendDropped)", "\(item.passes)", item.state, item.spec,
      ])
    }
    return table.text
  }
}
