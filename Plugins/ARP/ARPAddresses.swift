import NetISRPlugin

/// The value of "arp.addresses", whose key is an address of an interface of this station: how far it is with using it
/// (RFC 5227). 16 bytes, without padding.
struct OwnAddress: BitwiseCopyable {
  /// Whether it may be used yet.
  enum State {
    /// Section 2.1.1: asks whether somebody else uses it; this station may not.
    static let probing: UInt8 = 1
    /// Section 2.3: in use, and the others are told.
    static let announcing: UInt8 = 2
    static let settled: UInt8 = 3
    /// Section 2.1.1: somebody else uses it. After a while it is tried again.
    static let conflicting: UInt8 = 4
  }

  /// Section 1.1, in ticks where they are times.
  enum Constant {
    static let probeCount: UInt8 = 3
    static let announceCount: UInt8 = 2
    static let announceWait = 2 * Timer.second
    static let announceInterval = 2 * Timer.second
    static let defendInterval = 10 * Timer.second
    static let rateLimitInterval = 60 * Timer.second
  }

  var state: UInt8 = 0
  /// Probes or announcements so far.
  var count: UInt8 = 0
  var spare: UInt16 = 0
  /// Ticks until the next step.
  var ticks: UInt32 = 0
  /// Ticks in which another defence would be too soon.
  var quiet: UInt32 = 0
  /// Packets of others that claimed it.
  var conflicts: UInt32 = 0

  var isUsable: Bool { state == State.announcing || state == State.settled }
  var isAtRest: Bool { state == State.settled && quiet == 0 }

  /// What is to be sent for an address.
  enum Step {
    case nothing, probe, announce
  }

  /// One that has just come to an interface; `chance` is any number.
  init(detecting: Bool, chance: UInt32) {
    state = detecting ? State.probing : State.announcing
    // PROBE_WAIT: up to a second, so that stations that start together don't speak together.
    ticks = detecting ? 1 &+ chance % Timer.second : 1
  }

  /// A tick has passed.
  mutating func tick(chance: UInt32) -> Step {
    if quiet > 0 { quiet &-= 1 }
    if state == State.settled { return .nothing }
    if ticks > 1 {
      ticks &-= 1
      return .nothing
    }
    switch state {
    case State.probing where count < Constant.probeCount:
      count &+= 1
      // PROBE_MIN to PROBE_MAX: one to two seconds.
      ticks = count < Constant.probeCount ? Timer.second &+ chance % (Timer.second &+ 1) : Constant.announceWait
      return .probe
    case State.conflicting:
      self = OwnAddress(detecting: true, chance: chance, conflicts: conflicts)
      return .nothing
    default:
      if state == State.probing {
        state = State.announcing
        count = 0
      }
      count &+= 1
      ticks = Constant.announceInterval
      if count >= Constant.announceCount { state = State.settled }
      return .announce
    }
  }

  private init(detecting: Bool, chance: UInt32, conflicts: UInt32) {
    self.init(detecting: detecting, chance: chance)
    self.conflicts = conflicts
  }

  /// Somebody else claims it. Whether this station says once more whose it is: section 2.4 (b), and no more often
  /// than each ten seconds.
  mutating func conflict() -> Bool {
    conflicts &+= 1
    guard isUsable else {
      state = State.conflicting
      count = 0
      ticks = Constant.rateLimitInterval
      return false
    }
    guard quiet == 0 else { return false }
    quiet = Constant.defendInterval
    return true
  }
}

/// This station's addresses.
struct Addresses {
  private var table = Table<NeighbourKey, OwnAddress>()

  /// [control]
  mutating func open() throws(Errno) {
    table = try Table(
      opening: "arp.addresses", maxEntries: 16384,
      format: "address:ipv4 interface:u32 = state:u8 count:u8 -:2 ticks:u32 quiet:u32 conflicts:u32")
  }

  /// Whether this station may use an address of an interface.
  func mayUse(_ key: NeighbourKey, vnet: UInt32) -> Bool {
    table.lookup(key, vnet: vnet, initial: OwnAddress(detecting: true, chance: 0))?.isUsable ?? false
  }

  /// The address by which a station on an interface's link is asked; nil when there is none that may be used.
  func sender(for target: IPv4Address, by interface: Interface, vnet: UInt32) -> IPv4Address? {
    var found: IPv4Address?
    for index in 0..<interface.addressCount {
      guard let (address, prefixLength) = interface.ipv4(at: index) else { continue }
      let candidate = IPv4Address(number: address)
      guard mayUse(NeighbourKey(candidate, interface.index), vnet: vnet) else { continue }
      let mask = prefixLength == 0 ? 0 : UInt32.max << (32 &- min(prefixLength, 32))
      if (address ^ target.number) & mask == 0 { return candidate }
      if found == nil { found = candidate }
    }
    return found
  }

  // MARK: Changes

  /// Looks which addresses there are now: new ones are probed, those that have gone are forgotten, and with a link that
  /// is down its neighbours too. [handler]
  func look() {
    Interface.forEach { interface in
      if interface.speaksARP { look(at: interface) }
      return true
    }
    for vnet in 0..<UInt32(NETISR_MAXVNET) {
      table.sweep(vnet: vnet) { key, _ in
        let interface = Interface(index: key.interface)
        let isThere = interface.map { $0.speaksARP && $0.hasIPv4(UInt32(bigEndian: key.address)) } ?? false
        return isThere ? .keep : .remove
      }
      unsafe neighbours.forgetLinksThatAreDown(vnet: vnet)
    }
    unsafe timer.arm()
  }

  private func look(at interface: Interface) {
    for index in 0..<interface.addressCount {
      guard let (number, _) = interface.ipv4(at: index) else { continue }
      let address = IPv4Address(number: number)
      guard address.isHost else { continue }
      var arrival = Arrival(detecting: !interface.skipsDetection, chance: interface.chance(number))
      _ = table.update(NeighbourKey(address, interface.index), vnet: interface.vnet, with: &arrival)
    }
  }

  // MARK: Time

  /// A tenth of a second has passed in a vnet. Whether another tick is needed.
  func tick(vnet: UInt32) -> Bool {
    guard table.count(vnet: vnet) > 0 else { return false }
    var due = InlineArray<32, NeighbourKey>(repeating: .none)
    var probes: UInt32 = 0
    var count = 0
    var isBusy = false
    table.sweep(vnet: vnet) { key, address in
      if !address.isAtRest { isBusy = true }
      // More than can be remembered: in the next tick.
      guard count < due.count, let interface = Interface(index: key.interface) else { return .keep }
      switch address.tick(chance: interface.chance(key.address)) {
      case .nothing: return .keep
      case .probe: probes |= 1 << UInt32(truncatingIfNeeded: count)
      case .announce: break
      }
      due[count] = key
      count &+= 1
      return .keep
    }
    for index in 0..<count {
      guard let interface = Interface(index: due[index].interface) else { continue }
      let address = IPv4Address(number: UInt32(bigEndian: due[index].address))
      if probes & 1 << UInt32(truncatingIfNeeded: index) != 0 {
        // Section 2.1.1: from nobody, so that nobody's knowledge of the address is changed.
        if say(address, from: .unspecified, by: interface) { unsafe counters.txprobes.add() }
      } else {
        announce(address, by: interface)
      }
    }
    return isBusy
  }

  private func announce(_ address: IPv4Address, by interface: Interface) {
    if say(address, from: address, by: interface) { unsafe counters.txannounces.add() }
  }

  private func say(_ address: IPv4Address, from sender: IPv4Address, by interface: Interface) -> Bool {
    OutgoingMessage(operation: Operation.request, destination: .broadcast, sender: sender, target: address)
      .send(by: interface)
  }

  // MARK: Others

  /// Another station claims an address of this one, or probes for it while this one does.
  func conflict(_ address: IPv4Address, with link: LinkAddress, by interface: Interface, vnet: UInt32) {
    var claim = Claim()
    guard table.update(NeighbourKey(address, interface.index), vnet: vnet, with: &claim), claim.isKnown else { return }
    if claim.isFirst { LogLine.conflict(address, link, isDefended: claim.mayDefend) }
    if claim.mayDefend {
      unsafe counters.defended.add()
      announce(address, by: interface)
    }
    unsafe timer.arm()
  }

  /// Whether an address is only being probed for.
  func isProbing(_ key: NeighbourKey, vnet: UInt32) -> Bool {
    let found = table.lookup(key, vnet: vnet, initial: OwnAddress(detecting: true, chance: 0))
    return found?.state == OwnAddress.State.probing
  }
}

/// An address that an interface has: it may be new.
private struct Arrival: TableVisitor {
  let detecting: Bool
  let chance: UInt32

  mutating func visit(_ address: inout OwnAddress, isNew: Bool) -> TableVerdict {
    if isNew { address = OwnAddress(detecting: detecting, chance: chance) }
    return .keep
  }
}

/// Somebody else's claim.
private struct Claim: TableVisitor {
  var isKnown = false
  /// Not each packet of a conflict is worth a line.
  var isFirst = false
  var mayDefend = false

  mutating func visit(_ address: inout OwnAddress, isNew: Bool) -> TableVerdict {
    if isNew { return .remove }
    isKnown = true
    let wasUsable = address.isUsable
    let wasConflicting = address.state == OwnAddress.State.conflicting
    mayDefend = address.conflict()
    isFirst = wasUsable ? mayDefend : !wasConflicting
    return .keep
  }
}

extension Interface {
  /// Whether arp is at home there: it can send, and has a link-level address.
  var speaksARP: Bool { isUp && !isMonitor && etherAddress != nil }

  /// A number that other stations don't share.
  func chance(_ salt: UInt32) -> UInt32 {
    var hash = FlowHash(common: netisr_time())
    hash.addEnd(etherAddress ?? 0, UInt64(salt), port: 0)
    return hash.value
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var addresses = Addresses()
