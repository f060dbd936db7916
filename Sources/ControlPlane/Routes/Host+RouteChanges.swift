import NetISR

// What route says of every change: its ring of changes, from a number on.

extension Host {
  /// The changes behind a number, as far as they are still there, at most 4,096; nil: none, but the number of the last.
  public func routeChanges(after: UInt64?, vnet: UInt32) throws(ControlError) -> RouteChangeList {
    guard let ring = TableReader("route.changes", of: engine), let last = TableReader("route.changed", of: engine)
    else {
      throw ControlError(.conflict, "nobody tells of changes: load the route plugin")
    }
    let place = [UInt8](repeating: 0, count: 4)
    let sequence = last.value(of: place, vnet: vnet)?[number: "sequence"] ?? 0
    guard var next = after, next < sequence else {
      return RouteChangeList(sequence: sequence, lost: 0, changes: [])
    }
    let size = UInt64(ring.table.maxEntries)
    var lost: UInt64 = 0
    if sequence - next > size {
      lost = sequence - next - size
      next = sequence - size
    }
    let interfaces = RouteInterfaces(engine, vnet: vnet)
    var changes: [RouteChange] = []
    while next < sequence {
      next += 1
      let place = unsafe withUnsafeBytes(of: UInt32(next % size)) { unsafe Array($0) }
      // Others may have come in its place since.
      if let fields = ring.value(of: place, vnet: vnet), fields[number: "sequence"] == next {
        changes.append(RouteChange(fields, interfaces))
      } else {
        lost += 1
      }
    }
    return RouteChangeList(sequence: sequence, lost: lost, changes: changes)
  }
}

extension RouteChange {
  /// An entry of "route.changes".
  init(_ fields: TableFields, _ interfaces: RouteInterfaces) {
    sequence = fields[number: "sequence"]
    time = fields[number: "time"]
    let words = ["absent", "added", "changed", "deleted", "swept"]
    change = words.indices.contains(Int(fields["change"])) ? words[Int(fields["change"])] : "\(fields["change"])"
    interface = interfaces.name(fields["interface"])
    let size = fields["family"] == 4 ? 4 : 16
    let address = RoutePrefix.text(Array(fields[bytes: "address"].prefix(size)))
    if fields["gateway_family"] != 0 {
      via = RoutePrefix.text(Array(fields[bytes: "gateway"].prefix(fields["gateway_family"] == 4 ? 4 : 16)))
    }
    if fields["link_length"] > 0 { link = fields[text: "link"] }
    switch fields["subject"] {
    case 16:
      subject = "link"
      // The link's own name, which it may have no more.
      if !fields[text: "name"].isEmpty { interface = fields[text: "name"] }
      state = fields["flags"] & 1 != 0 ? "up" : "down"
      mtu = fields["mtu"]
    case 20:
      subject = "address"
      destination = "\(address)/\(fields["prefix_length"])"
    case 28:
      subject = "neighbour"
      destination = address
      state = RouteWords.state(fields["flags"])
    default:
      subject = "route"
      guard fields["change"] != 4 else {
        count = fields["count"]
        return
      }
      destination = "\(address)/\(fields["prefix_length"])"
      state = RouteWords.type(fields["type"])
      metric = fields["metric"]
      if fields["mtu"] != 0 { mtu = fields["mtu"] }
      table = fields["table"]
    }
  }
}
