import NetISRPlugin

/// The key of `ip6.neighbours`: the address in network order, the interface's index in host order.
struct NeighbourKey: BitwiseCopyable {
  var address: IP6AddressBytes
  var interface: UInt32
}

/// The value of `ip6.neighbours`.
struct Neighbour: BitwiseCopyable {
  /// The link-level address: `lladdrlen` bytes, then zeros.
  var lladdr: UInt64
  /// When it was confirmed or changed last: nanoseconds, by `clock`.
  var time: UInt64
  var clock: UInt32
  /// RFC 4861, section 7.3.2: 2 is STALE, 1 REACHABLE.
  var state: UInt8
  var lladdrlen: UInt8
  var isRouter: UInt8
  var spare: UInt8 = 0

  static let reachable: UInt8 = 1
  static let stale: UInt8 = 2
}

extension NeighbourMessage {
  /// Enters what the message says into the table.
  func learn(from packet: borrowing Packet, _ message: ICMP6Message, _ chain: HeaderChain) {
    let learner = NeighbourLearner(
      interface: message.interfaceIndex, vnet: message.vnet, time: packet.timestamp, clock: packet.clock)
    switch message.type {
    case ICMP6Type.routerSolicitation:
      // Section 6.2.6; it comes from a host.
      learner.hear(chain.source, sourceLink, isRouter: false)
    case ICMP6Type.routerAdvertisement:
      // Section 6.3.4.
      learner.hear(chain.source, sourceLink, isRouter: true)
    case ICMP6Type.neighbourSolicitation:
      // Section 7.2.3. It does not say whether the sender is a router.
      learner.hear(chain.source, sourceLink, isRouter: nil)
    case ICMP6Type.neighbourAdvertisement:
      // Only who listens to others takes an advertisement for which it did not ask.
      learner.advertise(self, mayCreate: packet.interface?.isMonitor ?? false)
    default:
      // Section 8.3: the target is a router unless it is the destination itself.
      learner.hear(target, targetLink, isRouter: target == redirected ? nil : true)
    }
  }
}

/// Changes entries as RFC 4861 says.
private struct NeighbourLearner {
  var interface: UInt32
  var vnet: UInt32
  var time: UInt64
  var clock: UInt32

  /// Somebody told its own address, or a router another's: an address that is new is STALE, one that is known stays as it is.
  func hear(_ address: IP6Address, _ link: LinkAddress?, isRouter: Bool?) {
    guard let link, !address.isUnspecified, !address.isMulticast else { return }
    visit(address, mayCreate: true) { neighbour, isNew in
      if isNew || !neighbour.has(link) {
        neighbour.set(link)
        neighbour.state = Neighbour.stale
        neighbour.touch(time, clock)
      }
      if let isRouter { neighbour.isRouter = isRouter ? 1 : 0 }
      return .keep
    }
  }

  /// Section 7.2.5.
  func advertise(_ message: NeighbourMessage, mayCreate: Bool) {
    visit(message.target, mayCreate: mayCreate && message.targetLink != nil) { neighbour, isNew in
      if isNew {
        guard mayCreate, let link = message.targetLink else { return .remove }
        neighbour.set(link)
        neighbour.state = message.isSolicited ? Neighbour.reachable : Neighbour.stale
      } else {
        let changes = message.targetLink.map { !neighbour.has($0) } ?? false
        if changes && !message.overrides {
          // Somebody else claims it: doubt what is known, but keep it.
          if neighbour.state == Neighbour.reachable { neighbour.state = Neighbour.stale }
          return .keep
        }
        if let link = message.targetLink { neighbour.set(link) }
        if message.isSolicited {
          neighbour.state = Neighbour.reachable
        } else if changes {
          neighbour.state = Neighbour.stale
        }
      }
      neighbour.isRouter = message.isRouter ? 1 : 0
      neighbour.touch(time, clock)
      return .keep
    }
  }

  private func visit(_ address: IP6Address, mayCreate: Bool, _ body: (inout Neighbour, Bool) -> TableVerdict) {
    let key = NeighbourKey(address: address.wire, interface: interface)
    if unsafe tables.neighbours.update(key, vnet: vnet, body) || !mayCreate { return }
    // The table is full: the entry that was made first goes.
    _ = unsafe tables.neighbours.evictOldest(vnet: vnet) { _, _ in }
    _ = unsafe tables.neighbours.update(key, vnet: vnet, body)
  }
}

extension Neighbour {
  fileprivate func has(_ link: LinkAddress) -> Bool {
    lladdr == link.bytes.bigEndian && lladdrlen == link.length
  }

  fileprivate mutating func set(_ link: LinkAddress) {
    lladdr = link.bytes.bigEndian
    lladdrlen = link.length
  }

  fileprivate mutating func touch(_ time: UInt64, _ clock: UInt32) {
    self.time = time
    self.clock = clock
  }
}
