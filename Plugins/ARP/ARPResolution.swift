import NetISRPlugin

/// The value of "arp.waiting", whose key is the neighbour: packets that wait until it says where it is.
struct Waiting: BitwiseCopyable {
  /// Neighbours that are asked for, per vnet.
  static let limit: UInt32 = 1024
  /// Packets that wait for one, as many as FreeBSD keeps; of more, the oldest goes.
  static let packetLimit = 16
  /// Requests for a neighbour, one a second (RFC 1122, section 2.3.2.1), before it is given up.
  static let tries: UInt32 = 5

  var held: HeldPackets
  /// Ticks until the next request.
  var ticks: UInt32
  /// Requests so far.
  var tries: UInt32
}

/// Finding link-level addresses for packets that go out.
struct Resolution {
  private var table = Table<NeighbourKey, Waiting>()

  /// [control]
  mutating func open() throws(Errno) {
    table = try Table(
      opening: "arp.waiting", maxEntries: Waiting.limit, flags: TABLE_HOLDS_MBUFS,
      format: "address:ipv4 interface:u32 = -:8 bytes:u32 packets:u32 -:8 ticks:u32 tries:u32")
  }

  /// Sends a packet to an address on its interface's link, now or when it is known where that is.
  func send(_ packet: consuming Packet, to address: IPv4Address) {
    guard let interface = packet.interface, !interface.isMonitor, interface.etherAddress != nil else {
      return unsafe counters.txfailed.add()
    }
    if address.isGroup { return packet.sendIPv4(to: LinkAddress(group: address), by: interface) }
    if address.number == .max || interface.isIPv4Broadcast(address.number) {
      return packet.sendIPv4(to: .broadcast, by: interface)
    }
    let key = NeighbourKey(address, interface.index)
    let vnet = packet.vnet
    if let link = unsafe neighbours.link(of: key, at: .now(of: interface.clock), vnet: vnet) {
      return packet.sendIPv4(to: link, by: interface)
    }
    hold(packet, key, vnet, interface)
  }

  private func hold(_ packet: consuming Packet, _ key: NeighbourKey, _ vnet: UInt32, _ interface: Interface) {
    var holding = unsafe Holding(packet.release())
    guard table.update(key, vnet: vnet, with: &holding) else {
      unsafe counters.holdfull.add()
      return holding.free()
    }
    if holding.hasDropped { unsafe counters.holdfull.add() }
    holding.free()
    unsafe counters.held.add()
    if holding.isFirst {
      ask(for: key, by: interface, vnet: vnet)
      unsafe timer.arm()
    }
  }

  /// Sends what waits for a neighbour that has said where it is.
  func release(_ key: NeighbourKey, to link: LinkAddress, vnet: UInt32) {
    guard table.count(vnet: vnet) > 0, let interface = Interface(index: key.interface) else { return }
    var taking = Taking()
    _ = table.update(key, vnet: vnet, with: &taking)
    while let packet = taking.queue.takeFirst() { packet.sendIPv4(to: link, by: interface) }
  }

  /// A tenth of a second has passed in a vnet: asks again, or gives up. Whether anybody is still asked for.
  func tick(vnet: UInt32) -> Bool {
    guard table.count(vnet: vnet) > 0 else { return false }
    var due = InlineArray<64, NeighbourKey>(repeating: .none)
    var count = 0
    var lost = PacketQueue()
    table.sweep(vnet: vnet) { key, waiting in
      if waiting.ticks > 1 {
        waiting.ticks &-= 1
        return .keep
      }
      guard waiting.tries < Waiting.tries else {
        unsafe counters.unreachable.add(UInt64(waiting.held.count))
        lost.append(waiting.held.takeAll())
        return .remove
      }
      // More than can be remembered: in the next tick.
      guard count < due.count else { return .keep }
      waiting.ticks = Timer.second
      waiting.tries &+= 1
      due[count] = key
      count &+= 1
      return .keep
    }
    // Whoever sent them may have to be told (RFC 1812, section 5.2.7.1): that is ip's to do.
    while let packet = lost.takeFirst() { packet.dispatch(to: NETISR_IP) }
    for index in 0..<count {
      let key = due[index]
      guard let interface = Interface(index: key.interface) else { continue }
      // It may have become known just before its packets began to wait.
      if let link = unsafe neighbours.link(of: key, at: .now(of: interface.clock), vnet: vnet) {
        release(key, to: link, vnet: vnet)
      } else {
        ask(for: key, by: interface, vnet: vnet)
      }
    }
    return table.count(vnet: vnet) > 0
  }

  /// Sends a request, from the address that is on the neighbour's network, or else any that this station may use.
  private func ask(for key: NeighbourKey, by interface: Interface, vnet: UInt32) {
    let target = IPv4Address(number: UInt32(bigEndian: key.address))
    guard let sender = unsafe addresses.sender(for: target, by: interface, vnet: vnet) else { return }
    let request = OutgoingMessage(
      operation: Operation.request, destination: .broadcast, sender: sender, target: target)
    _ = request.send(by: interface)
  }
}

/// A packet on its way into the table. Who made it calls `free` in the end.
@safe
private struct Holding: TableVisitor {
  /// The packet, until it is in the table; then the one that went for it.
  private var packet: UnsafeMutablePointer<mbuf>?
  private(set) var isFirst = false
  private(set) var hasDropped = false

  init(_ packet: UnsafeMutablePointer<mbuf>) { unsafe self.packet = packet }

  mutating func visit(_ waiting: inout Waiting, isNew: Bool) -> TableVerdict {
    guard let packet = unsafe packet else { return .keep }
    isFirst = isNew
    if isNew {
      waiting.ticks = Timer.second
      waiting.tries = 1
    }
    unsafe self.packet = waiting.held.append(packet, limit: Waiting.packetLimit)
    hasDropped = unsafe self.packet != nil
    return .keep
  }

  func free() { unsafe m_freem(packet) }
}

/// Takes out what waits.
private struct Taking: TableVisitor {
  var queue = PacketQueue()

  mutating func visit(_ waiting: inout Waiting, isNew: Bool) -> TableVerdict {
    queue = waiting.held.takeAll()
    return .remove
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var resolution = Resolution()
