import NetISRPlugin

/// The value of `ip6.destinations`, whose key is that of `ip6.addresses`: what this host was told of its way to somebody
/// (RFC 4861, section 5.1; RFC 8201). 40 bytes, without padding.
struct Destination: Aging {
  /// The first hop that a router has named; :: when none has.
  var nextHop = IP6AddressBytes.unspecified
  /// When it was told last: nanoseconds, by `clock`.
  var seen: UInt64 = 0
  var clock: UInt32 = 0
  /// The index of the interface on which that first hop is.
  var interface: UInt32 = 0
  /// The longest packet that gets there, in bytes; 0 when nobody has complained.
  var mtu: UInt32 = 0
  var spare: UInt32 = 0

  /// RFC 8201, section 5.3: ten minutes later a longer one is tried.
  static let lifetime: UInt64 = 600_000_000_000
  static let limit: UInt32 = 16_384

  static let empty = Destination()

  /// What is known of the way to a destination.
  static func lookup(_ address: IP6Address, on interface: UInt32, vnet: UInt32) -> Destination? {
    guard unsafe tables.destinations.count(vnet: vnet) > 0 else { return nil }
    return unsafe tables.destinations.lookup(AddressKey(address, on: interface), at: .now(), vnet: vnet)
  }

  /// A router said that a packet to a destination was too long for the next link (RFC 8201, section 4).
  static func learn(mtu: UInt32, to address: IP6Address, from packet: borrowing Packet) {
    // A lesser one than every link has to take would be a lie, or nothing that a sender can help.
    guard mtu >= UInt32(IP6Header.minimumMTU), let interface = packet.interface else { return }
    var lesson = NarrowWay(mtu: mtu)
    let key = AddressKey(address, on: interface.index)
    guard unsafe tables.destinations.learn(&lesson, of: key, at: .now(), vnet: packet.vnet) else { return }
    if lesson.hasChanged { unsafe icmp6Counters.pmtuchg.add() }
  }

  /// A router said that there is a better first hop.
  static func learn(nextHop: IP6Address, on interface: Interface, to address: IP6Address) {
    var lesson = BetterWay(nextHop: nextHop.wire, interface: interface.index)
    _ = unsafe tables.destinations.learn(
      &lesson, of: AddressKey(address, on: interface.index), at: .now(), vnet: interface.vnet)
  }
}

private struct NarrowWay: Lesson {
  let mtu: UInt32
  var hasChanged = false

  mutating func apply(to destination: inout Destination, isNew: Bool) {
    // It only ever gets narrower, until it is forgotten: a message can't make it wider.
    hasChanged = destination.mtu == 0 || mtu < destination.mtu
    if hasChanged { destination.mtu = mtu }
  }
}

private struct BetterWay: Lesson {
  let nextHop: IP6AddressBytes
  let interface: UInt32

  mutating func apply(to destination: inout Destination, isNew: Bool) {
    destination.nextHop = nextHop
    destination.interface = interface
  }
}
