import NetISRPlugin

/// The key of "arp.neighbours": 8 bytes.
struct NeighbourKey: BitwiseCopyable {
  /// The four bytes of the IPv4 address as they are in a packet.
  let address: UInt32
  /// The index of the interface behind which the neighbour is.
  let interface: UInt32

  init(_ address: IPv4Address, _ interface: UInt32) {
    self.address = address.number.bigEndian
    self.interface = interface
  }

  /// Nobody's.
  static let none = NeighbourKey(.unspecified, 0)
}

/// The value of "arp.neighbours": 32 bytes, without padding.
///
/// Who reads it from another plugin ignores it when `clock` is that of the packet in hand and `seen` lies more than
/// 20 minutes back.
struct Neighbour: Aging {
  /// The link-level address as it is in a packet.
  var address: InlineArray<6, UInt8> = .init(repeating: 0)
  /// Whether a reply (1) or a request (0) confirmed it last.
  var flags: UInt16 = 0
  /// By which clock `learned` and `seen` are.
  var clock: UInt32 = 0
  /// How often the link-level address changed.
  var moves: UInt32 = 0
  /// When this neighbour was new: nanoseconds since the epoch.
  var learned: UInt64 = 0
  /// When a packet confirmed it last.
  var seen: UInt64 = 0

  static let confirmedByReply: UInt16 = 1

  var link: LinkAddress {
    get {
      let high = UInt16(address[0]) << 8 | UInt16(address[1])
      let middle = UInt32(address[2]) << 24 | UInt32(address[3]) << 16
      return LinkAddress(high: high, low: middle | UInt32(address[4]) << 8 | UInt32(address[5]))
    }
    set {
      for index in 0..<6 {
        address[index] = UInt8(truncatingIfNeeded: newValue.number >> UInt64(40 &- 8 &* index))
      }
    }
  }
}

/// Who is where: what IP asks for the link-level address of a next hop.
struct Neighbours {
  /// As long as FreeBSD keeps a neighbour that it doesn't hear of: 20 minutes.
  static let lifetime: UInt64 = 20 * 60 * 1_000_000_000
  static let limit: UInt32 = 16384

  fileprivate var table = AgingTable<NeighbourKey, Neighbour>(lifetime: lifetime, empty: Neighbour())

  /// Opens the host's table, after the counters are defined. [control]
  mutating func open() throws(Errno) {
    try unsafe table.open(
      "arp.neighbours", timers: "arp.timers", maxEntries: Self.limit,
      format: "address:ipv4 interface:u32 = link:mac reply:u16 clock:u32 moves:u32 learned:time seen:time",
      timeouts: counters.timeouts, evictions: counters.evicted
    ) { unsafe neighbours.table.age($0) }
  }

  /// Whether the neighbour is known at `now`.
  func contains(_ key: NeighbourKey, at now: Moment, vnet: UInt32) -> Bool {
    table.lookup(key, at: now, vnet: vnet) != nil
  }

  /// Where a neighbour is that is known at `now`.
  func link(of key: NeighbourKey, at now: Moment, vnet: UInt32) -> LinkAddress? {
    table.lookup(key, at: now, vnet: vnet)?.link
  }

  /// Whoever was behind an interface that is down may be elsewhere when it comes back.
  func forgetLinksThatAreDown(vnet: UInt32) {
    guard table.count(vnet: vnet) > 0 else { return }
    table.sweep(vnet: vnet) { key, _ in
      // What only listens is not told of its links.
      let isDown = Interface(index: key.interface).map { !$0.isUp && !$0.isMonitor } ?? false
      return isDown ? .remove : .keep
    }
  }

  /// Notes that `key` is at `link`. False when there was no room.
  func learn(_ key: NeighbourKey, at link: LinkAddress, flags: UInt16, now: Moment, vnet: UInt32) -> Bool {
    var lesson = Whereabouts(link: link, flags: flags, time: now.time)
    guard table.learn(&lesson, of: key, at: now, vnet: vnet) else { return false }
    if lesson.isNew { unsafe counters.learned.add() }
    if lesson.isMoved { unsafe counters.moved.add() }
    return true
  }
}

/// Where a sender says it is.
private struct Whereabouts: Lesson {
  let link: LinkAddress
  let flags: UInt16
  let time: UInt64
  var isNew = false
  var isMoved = false

  mutating func apply(to neighbour: inout Neighbour, isNew: Bool) {
    self.isNew = isNew
    isMoved = !isNew && neighbour.link != link
    if isNew { neighbour.learned = time }
    if isMoved { neighbour.moves &+= 1 }
    neighbour.link = link
    neighbour.flags = flags
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var neighbours = Neighbours()
