import NetISRPlugin

/// This station's addresses: `ip6.addresses`.
struct Addresses {
  private var table = Table<AddressKey, OwnAddress>()

  /// [control]
  mutating func open() throws(Errno) {
    table = try Table(
      opening: "ip6.addresses", maxEntries: OwnAddress.limit,
      format: """
        address:ipv6 zone:u32 = state:u8 origin:u8 prefix:u8 probes:u8 interface:u32 ticks:u32 valid:u32 \
        preferred:u32 conflicts:u32 nonce:u64
        """)
  }

  func lookup(_ address: IP6Address, on interface: UInt32, vnet: UInt32) -> OwnAddress? {
    table.lookup(AddressKey(address, on: interface), vnet: vnet, initial: OwnAddress())
  }

  /// Whether packets to the address that come in by an interface are for this station.
  ///
  /// A host with several links takes what is for any of its addresses, wherever it comes in (RFC 1122's weak model).
  func isOwn(_ address: IP6Address, on interface: UInt32, vnet: UInt32) -> Bool {
    lookup(address, on: interface, vnet: vnet)?.isUsable ?? false
  }

  func count(vnet: UInt32) -> Int { table.count(vnet: vnet) }

  // MARK: Changes

  /// Enters an address; what is known of it stays. Whether it is new.
  @discardableResult
  func add(_ address: IP6Address, _ arriving: OwnAddress, vnet: UInt32) -> Bool {
    var arrival = Arrival(arriving: arriving)
    _ = table.update(AddressKey(address, on: arriving.interface), vnet: vnet, with: &arrival)
    return arrival.isNew
  }

  /// Forgets addresses that no interface has any more.
  func forgetStrangers(vnet: UInt32) {
    guard table.count(vnet: vnet) > 0 else { return }
    let makesLinkLocal = unsafe settings.autoLinkLocal.isOn
    table.sweep(vnet: vnet) { key, own in
      guard let interface = Interface(index: own.interface), interface.speaksIP6, interface.vnet == vnet else {
        return .remove
      }
      let address = key.address.address
      switch own.origin {
      case OwnAddress.Origin.configured:
        return interface.hasIPv6(high: address.high, low: address.low) ? .keep : .remove
      case OwnAddress.Origin.linkLocal:
        let isWanted = makesLinkLocal && !interface.hasConfiguredLinkLocal && interface.linkLocal == address
        return isWanted ? .keep : .remove
      default:
        // Another link-level address makes other identifiers.
        return address.low == IP6Address.identifier(of: interface.etherAddress ?? 0) ? .keep : .remove
      }
    }
  }

  /// Calls `body` with each address of an interface, or of all of a vnet's.
  func forEach(on interface: Interface?, vnet: UInt32, _ body: (_ address: IP6Address, _ own: OwnAddress) -> Void) {
    guard table.count(vnet: vnet) > 0 else { return }
    table.sweep(vnet: vnet) { key, own in
      if interface == nil || interface?.index == own.interface { body(key.address.address, own) }
      return .keep
    }
  }

  /// The link-local address of an interface, once it may be used.
  func linkLocal(of interface: Interface) -> IP6Address? {
    var found: IP6Address?
    forEach(on: interface, vnet: interface.vnet) { address, own in
      if address.isLinkLocal && own.isUsable { found = address }
    }
    return found
  }

  /// What a router says of an address that was made of its prefix (RFC 4862, section 5.5.3 e).
  func renew(_ address: IP6Address, valid: UInt32, preferred: UInt32, vnet: UInt32) {
    var renewal = Renewal(valid: valid, preferred: preferred)
    _ = table.update(AddressKey(address, on: 0), vnet: vnet, with: &renewal)
  }

  // MARK: Time

  /// A tenth of a second has passed in a vnet. Whether another tick is needed.
  func tick(vnet: UInt32) -> Bool {
    guard table.count(vnet: vnet) > 0 else { return false }
    let count = unsafe UInt8(truncatingIfNeeded: settings.dadCount.value)
    var due = InlineArray<32, AddressKey>(repeating: .none)
    var found = InlineArray<32, OwnAddress>(repeating: OwnAddress())
    var begins: UInt32 = 0
    var number = 0
    var isBusy = false
    table.sweep(vnet: vnet) { key, own in
      guard own.state == OwnAddress.State.tentative else { return .keep }
      isBusy = true
      // More than can be remembered: in the next tick.
      guard number < due.count else { return .keep }
      switch own.tick(count: count, interval: Timer.second) {
      case .nothing: return .keep
      case .probe: break
      case .begin: begins |= 1 << UInt32(truncatingIfNeeded: number)
      }
      due[number] = key
      found[number] = own
      number &+= 1
      return .keep
    }
    for index in 0..<number {
      guard let interface = Interface(index: found[index].interface) else { continue }
      let address = due[index].address.address
      if begins & 1 << UInt32(truncatingIfNeeded: index) != 0 {
        begin(address, on: interface)
      } else {
        DiscoveryMessage.probe(address, nonce: found[index].nonce, by: interface)
      }
    }
    return isBusy
  }

  /// An address is used from now on.
  func begin(_ address: IP6Address, on interface: Interface) {
    guard address.isLinkLocal else { return }
    // Now there is an address from which to ask for routers, and from which groups are reported (RFC 3590, section 4).
    unsafe groups.reportAll(on: interface)
    unsafe links.solicit(on: interface)
  }

  /// A second has passed in a vnet: lifetimes run. Whether addresses went.
  func age(vnet: UInt32) -> Bool {
    guard table.count(vnet: vnet) > 0 else { return false }
    return table.sweep(vnet: vnet) { _, own in own.age() ? .keep : .remove } > 0
  }

  // MARK: Others

  /// Somebody else says that it has an address, or looks whether it may have one that this station looks for, too
  /// (RFC 4862, section 5.4). `nonce` is what the message brought, 0 for none. Whether that is a conflict.
  func conflict(_ address: IP6Address, nonce: UInt64, on interface: Interface, vnet: UInt32) -> Bool {
    var claim = AddressClaim(interface: interface.index, nonce: nonce)
    _ = table.update(AddressKey(address, on: interface.index), vnet: vnet, with: &claim)
    guard claim.isConflict else { return false }
    unsafe icmp6Counters.duplicates.add()
    if claim.isFirst { LogLine.duplicate(address, isGivenUp: claim.isGivenUp) }
    return true
  }
}

/// An address that an interface has: it may be new.
private struct Arrival: TableVisitor {
  let arriving: OwnAddress
  var isNew = false

  mutating func visit(_ own: inout OwnAddress, isNew: Bool) -> TableVerdict {
    self.isNew = isNew
    if isNew { own = arriving }
    return .keep
  }
}

/// New lifetimes.
private struct Renewal: TableVisitor {
  let valid: UInt32
  let preferred: UInt32

  /// Seconds below which nobody but the owner of the prefix could cut an address's life short (RFC 4862, section 5.5.3 e).
  static let twoHours: UInt32 = 7200

  mutating func visit(_ own: inout OwnAddress, isNew: Bool) -> TableVerdict {
    if isNew { return .remove }
    guard own.origin == OwnAddress.Origin.autoconfigured else { return .keep }
    own.preferred = preferred
    if own.isUsable { own.state = preferred > 0 ? OwnAddress.State.preferred : OwnAddress.State.deprecated }
    if valid > Self.twoHours || valid > own.valid {
      own.valid = valid
    } else if own.valid > Self.twoHours {
      own.valid = Self.twoHours
    }
    return .keep
  }
}

/// Somebody else's claim.
private struct AddressClaim: TableVisitor {
  let interface: UInt32
  let nonce: UInt64
  var isConflict = false
  /// The address was tentative, and is not used.
  var isGivenUp = false
  /// Not each message of a conflict is worth a line.
  var isFirst = false

  mutating func visit(_ own: inout OwnAddress, isNew: Bool) -> TableVerdict {
    if isNew { return .remove }
    // The same address on another link of this host's is no business of this link.
    guard own.interface == interface, nonce == 0 || nonce != own.nonce else { return .keep }
    isConflict = true
    isFirst = own.conflicts == 0
    own.conflicts &+= 1
    if own.state == OwnAddress.State.tentative {
      own.state = OwnAddress.State.duplicate
      isGivenUp = true
    }
    return .keep
  }
}

extension Interface {
  /// Whether ip6 is at home there: it can send, and has a link-level address.
  var speaksIP6: Bool { isUp && !isMonitor && etherAddress != nil }

  /// The link-local address that is made of its link-level one.
  var linkLocal: IP6Address? { etherAddress.map { IP6Address(linkLocalOf: $0) } }

  /// The operator has given it one: then it needs none that is made.
  var hasConfiguredLinkLocal: Bool {
    for index in 0..<addressCount {
      if let (high, low, _) = ipv6(at: index), IP6Address(high: high, low: low).isLinkLocal { return true }
    }
    return false
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var addresses = Addresses()
