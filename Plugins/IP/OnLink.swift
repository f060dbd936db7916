import NetISRPlugin

/// What an address means at this host's own interfaces: the value of "ip.onlink", whose key is a prefix. 12 bytes.
struct OnLink: BitwiseCopyable {
  /// What the prefix is.
  enum Kind {
    /// A network: its stations are neighbours.
    static let network: UInt32 = 0
    /// An address of this host.
    static let own: UInt32 = 1
    /// The broadcast address of a network.
    static let broadcast: UInt32 = 2
  }

  var kind: UInt32 = Kind.network
  /// The index of the interface.
  var interface: UInt32 = 0
  /// The host's address there, as it lies in packets.
  var address: UInt32 = 0
}

/// The prefixes of this host's interfaces, in a table for longest-prefix match, so that one look says whether a packet is for
/// this host, for all of a network, or for a neighbour, however many interfaces there are.
///
/// Made from the interfaces' addresses whenever these change. What only listens has no say. Of a network that several
/// interfaces have, the first one that is up is used; addresses stay this host's while their interface is down.
struct OnLinkTable {
  static let limit: UInt32 = 1 << 16

  private var table = Table<RouteKey4, OnLink>()

  /// An address, the longest prefix that covers it, and that prefix's length in bits.
  struct Match {
    var value: OnLink
    var prefixLength: UInt32
  }

  /// [control]
  mutating func open() throws(Errno) {
    table = try Table(
      opening: "ip.onlink", kind: TABLE_LPM, maxEntries: Self.limit, format: "= kind:u32 interface:u32 address:ipv4")
  }

  /// What an address, as a number, is.
  @inline(__always)
  func match(_ address: UInt32, vnet: UInt32) -> Match? {
    guard let found = table.match(address.bigEndian, vnet: vnet, initial: OnLink()) else { return nil }
    return Match(value: found.value, prefixLength: found.prefixLength)
  }

  // MARK: Changes

  /// Looks which addresses there are now. [handler]
  func look() {
    for vnet in 0..<UInt32(NETISR_MAXVNET) where table.count(vnet: vnet) > 0 {
      // What is still true stays where it is: packets look here all the time.
      table.sweep(vnet: vnet) { key, value in
        guard let interface = Interface(index: value.interface) else { return .remove }
        return OnLinkTable.has(interface, key, value) ? .keep : .remove
      }
    }
    Interface.forEach { interface in
      if !interface.isMonitor { enter(interface) }
      return true
    }
  }

  private func enter(_ interface: Interface) {
    for index in 0..<interface.addressCount {
      guard let own = interface.ipv4(at: index), IPAddress.isUnicast(own.address) else { continue }
      // Own addresses before all: a network of one station is nobody's but this host's.
      enter(own.address, 32, OnLink.Kind.own, own.address, interface)
      guard interface.isUp else { continue }
      enter(own.address, own.prefixLength, OnLink.Kind.network, own.address, interface)
      if let broadcast = Self.broadcast(of: own) {
        enter(broadcast, 32, OnLink.Kind.broadcast, own.address, interface)
      }
    }
  }

  private func enter(
    _ address: UInt32, _ length: UInt32, _ kind: UInt32, _ own: UInt32, _ interface: Interface
  ) {
    let length = min(length, 32)
    let key = RouteKey4(prefixLength: length, address: (address & prefixMask(length)).bigEndian)
    if let known = table.lookup(key, vnet: interface.vnet, initial: OnLink()) {
      guard kind == OnLink.Kind.own, known.kind != kind else { return }
    }
    table.insert(
      key, OnLink(kind: kind, interface: interface.index, address: own.bigEndian), vnet: interface.vnet)
  }

  /// Whether an entry is what the interface's addresses say now.
  private static func has(_ interface: Interface, _ key: RouteKey4, _ value: OnLink) -> Bool {
    guard !interface.isMonitor else { return false }
    let address = UInt32(bigEndian: key.address)
    for index in 0..<interface.addressCount {
      guard let own = interface.ipv4(at: index), own.address.bigEndian == value.address else { continue }
      switch value.kind {
      case OnLink.Kind.own: return true
      case OnLink.Kind.broadcast: if interface.isUp, broadcast(of: own) == address { return true }
      default:
        if interface.isUp, own.prefixLength == key.prefixLength, own.address & prefixMask(own.prefixLength) == address {
          return true
        }
      }
    }
    return false
  }

  /// The broadcast address of a network (RFC 919, section 7); one of one or two stations has none (RFC 3021).
  private static func broadcast(of own: (address: UInt32, prefixLength: UInt32)) -> UInt32? {
    own.prefixLength < 31 ? own.address | ~prefixMask(own.prefixLength) : nil
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var onLink = OnLinkTable()
