import NetISRPlugin

/// The value of `ip6.probes`, whose key is the neighbour: it is asked where it is, or whether it is still there (RFC 4861,
/// section 7.3.2).
struct NeighbourProbe: BitwiseCopyable {
  enum State {
    /// Nothing is known of it; packets wait.
    static let incomplete: UInt32 = 0
    /// In use; something may confirm it before it is asked.
    static let delay: UInt32 = 1
    /// It is asked, where it was.
    static let probe: UInt32 = 2
  }

  /// Neighbours that are asked for, per vnet.
  static let limit: UInt32 = 2048
  /// Packets that wait for one; of more, the oldest goes.
  static let packetLimit = 16
  /// MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT, DELAY_FIRST_PROBE_TIME in ticks (section 10).
  static let tries: UInt32 = 3
  static let delay = 5 * Timer.second

  var held: HeldPackets
  /// The source of the first packet, in whose name is asked.
  var source: IP6AddressBytes
  /// Ticks until the next step.
  var ticks: UInt32
  /// Solicitations so far.
  var tries: UInt32
  var state: UInt32
  var spare: UInt32
}

/// Finding link-level addresses for packets that go out, and finding out whether neighbours are still there.
struct Resolution {
  private var table = Table<NeighbourKey, NeighbourProbe>()

  /// [control]
  mutating func open() throws(Errno) {
    table = try Table(
      opening: "ip6.probes", maxEntries: NeighbourProbe.limit, flags: TABLE_HOLDS_MBUFS,
      format: "address:ipv6 interface:u32 = -:8 bytes:u32 packets:u32 -:8 source:ipv6 ticks:u32 tries:u32 state:u32 -:4"
    )
  }

  /// Sends a packet to an address on an interface's link, now or when it is known where that is. False when it can't go.
  @discardableResult
  func send(_ packet: consuming Packet, to address: IP6Address, by interface: Interface) -> Bool {
    guard interface.speaksIP6 else {
      unsafe counters.txfailed.add()
      return false
    }
    if address.isMulticast { return packet.transmitIPv6(to: address.etherGroup, by: interface) }
    let key = NeighbourKey(address: address.wire, interface: interface.index)
    let vnet = interface.vnet
    let now = Moment.now(of: interface.clock)
    if let neighbour = unsafe tables.neighbours.lookup(key, at: now, vnet: vnet), let ether = neighbour.ether {
      if neighbour.isDoubtful(at: now) { doubt(key, now, vnet) }
      return packet.transmitIPv6(to: ether, by: interface)
    }
    hold(packet, key, vnet, interface)
    return true
  }

  /// Whether a neighbour is asked where it is.
  func isAsking(_ key: NeighbourKey, vnet: UInt32) -> Bool {
    guard table.count(vnet: vnet) > 0 else { return false }
    var looking = Looking()
    _ = table.update(key, vnet: vnet, with: &looking)
    return looking.isAsking
  }

  private func hold(_ packet: consuming Packet, _ key: NeighbourKey, _ vnet: UInt32, _ interface: Interface) {
    let source = packet.address(at: 8) ?? .unspecified
    let ticks = unsafe links.lookup(interface).retransmissionTicks
    var holding = unsafe Holding(packet.release(), source: source.wire, ticks: ticks)
    guard table.update(key, vnet: vnet, with: &holding) else {
      unsafe icmp6Counters.nd_holdfull.add()
      return holding.free()
    }
    if holding.hasDropped { unsafe icmp6Counters.nd_holdfull.add() }
    holding.free()
    unsafe icmp6Counters.nd_held.add()
    if holding.isFirst {
      DiscoveryMessage.solicit(key.address.address, from: source, by: interface)
      unsafe timer.arm()
    }
  }

  /// A neighbour that was not heard of lately is sent to: after a while without a sign it is asked.
  private func doubt(_ key: NeighbourKey, _ now: Moment, _ vnet: UInt32) {
    var delaying = Delaying()
    guard unsafe tables.neighbours.learn(&delaying, of: key, at: now, vnet: vnet), delaying.hasBegun else { return }
    var beginning = BeginningDelay()
    _ = table.update(key, vnet: vnet, with: &beginning)
    unsafe timer.arm()
  }

  /// Sends what waits for a neighbour that is known now. If it is known to be reachable, it needs not be asked.
  func release(_ key: NeighbourKey, to ether: UInt64, isReachable: Bool, vnet: UInt32) {
    guard table.count(vnet: vnet) > 0, let interface = Interface(index: key.interface) else { return }
    var taking = Taking(isReachable: isReachable)
    _ = table.update(key, vnet: vnet, with: &taking)
    var isFirst = true
    while let packet = taking.queue.takeFirst() {
      if isFirst && !isReachable { doubt(key, .now(of: interface.clock), vnet) }
      isFirst = false
      packet.transmitIPv6(to: ether, by: interface)
    }
  }

  /// A tenth of a second has passed in a vnet: asks again, or gives up. Whether anybody is still asked.
  func tick(vnet: UInt32) -> Bool {
    guard table.count(vnet: vnet) > 0 else { return false }
    var due = DueProbes()
    table.sweep(vnet: vnet) { key, probe in
      if probe.ticks > 1 {
        probe.ticks &-= 1
        return .keep
      }
      // More than can be remembered: in the next tick.
      guard !due.isFull else { return .keep }
      if probe.state == NeighbourProbe.State.delay {
        probe.state = NeighbourProbe.State.probe
        probe.tries = 0
      }
      let interface = Interface(index: key.interface)
      guard probe.tries < NeighbourProbe.tries, let interface, interface.speaksIP6 else {
        due.append(key, probe, giveUp: true, packets: probe.held.takeAll())
        return .remove
      }
      probe.tries &+= 1
      // What the link says is asked for where the table is not locked.
      probe.ticks = Timer.second
      due.append(key, probe, giveUp: false, packets: PacketQueue())
      return .keep
    }
    for index in 0..<due.count { act(due, index, vnet) }
    return table.count(vnet: vnet) > 0
  }

  private func act(_ due: borrowing DueProbes, _ index: Int, _ vnet: UInt32) {
    let key = due.keys[index]
    let isIncomplete = due.states[index] == NeighbourProbe.State.incomplete
    if due.hasEnded(index) {
      giveUp(due.packets[index], key, isIncomplete, vnet)
      return
    }
    guard let interface = Interface(index: key.interface) else { return }
    let address = key.address.address
    if isIncomplete {
      // It may have become known just before its packets began to wait.
      let now = Moment.now(of: interface.clock)
      if let ether = unsafe tables.neighbours.lookup(key, at: now, vnet: vnet)?.ether {
        return release(key, to: ether, isReachable: false, vnet: vnet)
      }
      DiscoveryMessage.solicit(address, from: due.sources[index].address, by: interface)
    } else {
      var probing = Probing()
      _ = unsafe tables.neighbours.learn(&probing, of: key, at: .now(of: interface.clock), vnet: vnet)
      DiscoveryMessage.solicit(address, from: nil, isUnicast: true, by: interface)
    }
  }

  /// Nobody has answered: who waited is told (section 7.2.2), and who was known is forgotten.
  private func giveUp(_ packets: PacketQueue, _ key: NeighbourKey, _ isIncomplete: Bool, _ vnet: UInt32) {
    if !isIncomplete { unsafe tables.neighbours.remove(key, vnet: vnet) }
    var packets = packets
    while let waited = packets.takeFirst() {
      unsafe icmp6Counters.nd_unreachable.add()
      // Of this host's own packets nobody is told: nobody waits for an answer from itself.
      guard let source = waited.address(at: 8),
        unsafe !addresses.isOwn(source, on: key.interface, vnet: vnet)
      else { continue }
      ICMP6Error.addressUnreachable.send(about: waited)
    }
  }
}

/// Neighbours for whom something is to be done in a tick.
private struct DueProbes: ~Copyable {
  private(set) var keys = InlineArray<128, NeighbourKey>(
    repeating: NeighbourKey(address: .unspecified, interface: 0))
  private(set) var states = InlineArray<128, UInt32>(repeating: 0)
  private(set) var sources = InlineArray<128, IP6AddressBytes>(repeating: .unspecified)
  private(set) var packets = InlineArray<128, PacketQueue>(repeating: PacketQueue())
  private var ended = InlineArray<128, Bool>(repeating: false)
  private(set) var count = 0

  var isFull: Bool { count == keys.count }

  func hasEnded(_ index: Int) -> Bool { ended[index] }

  mutating func append(
    _ key: NeighbourKey, _ probe: NeighbourProbe, giveUp: Bool, packets queue: PacketQueue
  ) {
    guard !isFull else { return }
    keys[count] = key
    states[count] = probe.state
    sources[count] = probe.source
    packets[count] = queue
    ended[count] = giveUp
    count &+= 1
  }
}

/// A packet on its way into the table. Who made it calls `free` in the end.
@safe
private struct Holding: TableVisitor {
  /// The packet, until it is in the table; then the one that went for it.
  private var packet: UnsafeMutablePointer<mbuf>?
  private let source: IP6AddressBytes
  private let ticks: UInt32
  private(set) var isFirst = false
  private(set) var hasDropped = false

  init(_ packet: UnsafeMutablePointer<mbuf>, source: IP6AddressBytes, ticks: UInt32) {
    unsafe self.packet = packet
    self.source = source
    self.ticks = ticks
  }

  mutating func visit(_ probe: inout NeighbourProbe, isNew: Bool) -> TableVerdict {
    guard let packet = unsafe packet else { return .keep }
    // One that was known, and was forgotten while it was asked, is asked for anew.
    isFirst = isNew || probe.state != NeighbourProbe.State.incomplete
    if isFirst {
      probe.state = NeighbourProbe.State.incomplete
      probe.source = source
      probe.ticks = ticks
      probe.tries = 1
    }
    unsafe self.packet = probe.held.append(packet, limit: NeighbourProbe.packetLimit)
    hasDropped = unsafe self.packet != nil
    return .keep
  }

  func free() { unsafe m_freem(packet) }
}

/// Takes out what waits.
private struct Taking: TableVisitor {
  let isReachable: Bool
  var queue = PacketQueue()

  init(isReachable: Bool) { self.isReachable = isReachable }

  mutating func visit(_ probe: inout NeighbourProbe, isNew: Bool) -> TableVerdict {
    queue = probe.held.takeAll()
    // Who is asked whether it is still there has not said so by telling where it is.
    return isNew || isReachable || probe.state == NeighbourProbe.State.incomplete ? .remove : .keep
  }
}

private struct Looking: TableVisitor {
  var isAsking = false

  mutating func visit(_ probe: inout NeighbourProbe, isNew: Bool) -> TableVerdict {
    isAsking = !isNew
    return isNew ? .remove : .keep
  }
}

private struct BeginningDelay: TableVisitor {
  mutating func visit(_ probe: inout NeighbourProbe, isNew: Bool) -> TableVerdict {
    guard isNew else { return .keep }
    probe.state = NeighbourProbe.State.delay
    probe.ticks = NeighbourProbe.delay
    return .keep
  }
}

/// A neighbour in use of which nothing was heard lately.
private struct Delaying: Lesson {
  var hasBegun = false

  mutating func apply(to neighbour: inout Neighbour, isNew: Bool) {
    guard !isNew else { return }
    // Only one of those who send to it at the same time begins.
    hasBegun = neighbour.state == Neighbour.stale || neighbour.state == Neighbour.reachable
    if hasBegun { neighbour.state = Neighbour.delay }
  }
}

/// A neighbour that is asked.
private struct Probing: Lesson {
  mutating func apply(to neighbour: inout Neighbour, isNew: Bool) {
    if !isNew { neighbour.state = Neighbour.probe }
  }
}

extension Packet {
  /// Puts an Ethernet header in front of an IPv6 packet, and sends it. False when it could not go.
  @discardableResult
  consuming func transmitIPv6(to destination: UInt64, by interface: Interface) -> Bool {
    guard let own = interface.etherAddress, var frame = prepending(14) else {
      unsafe counters.txfailed.add()
      return false
    }
    // What was said of it as a packet that came in, was made here, or waited, is over.
    frame.flags &= ~(M_NEXTHOP | M_LOCALOUT | M_BCAST | M_MCAST | M_PROMISC | M_VLANTAG)
    var header = frame.mutableBytes
    guard header.byteCount >= 14 else {
      unsafe counters.txfailed.add()
      return false
    }
    header.setU16(0, UInt16(truncatingIfNeeded: destination >> 32))
    header.setU32(2, UInt32(truncatingIfNeeded: destination))
    header.setU16(6, UInt16(truncatingIfNeeded: own >> 32))
    header.setU32(8, UInt32(truncatingIfNeeded: own))
    header.setU16(12, 0x86dd)
    guard frame.transmit(by: interface) == 0 else {
      unsafe counters.txfailed.add()
      return false
    }
    return true
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var resolution = Resolution()
