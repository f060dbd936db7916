import NetISRPlugin

/// Reassembly (RFC 791, section 3.2; RFC 815): the datagrams of which fragments are missing, in the host's table
/// "ip.reassembly", so that a new generation of this plugin goes on where the old one stopped.
///
/// The payload is copied into pages (`Datagram`) with a bit for every eight bytes that are there. So a fragment costs
/// the same wherever it belongs, in whatever order and however many pieces a datagram comes; eight bytes of payload
/// occupy eight bytes, not the buffer in which they came; and the datagram is complete when the bits are counted.
/// Rejected: the list of holes of RFC 815, and BSD's sorted queue of the packets themselves. They copy nothing, but
/// hold the buffers of up to 8,189 fragments for one datagram, and are searched from end to end for each when these
/// come out of order.
///
/// Where fragments overlap, what came first stays: RFC 791 leaves it open, BSD trims the newcomer at its front in the same
/// way, and a duplicate changes nothing. Fragments that cannot be of one datagram - two ends, bytes behind the end, more than
/// a datagram can hold - end it: all that is held of it is dropped.
///
/// Bounds, per virtual stack: time, datagrams and bytes. Who floods the table with first fragments pushes out the oldest
/// datagrams, as in any stack; nothing grows beyond.
struct Reassembly: Sendable {
  /// Nanoseconds from a datagram's first fragment to the moment when it is given up. RFC 1122 (section 3.3.2) asks for one
  /// to two minutes; identifications come round faster than that today (RFC 4963), and BSD and Linux wait 30 seconds.
  static let lifetime: UInt64 = 30_000_000_000
  /// Datagrams.
  static let limit: UInt32 = 4096
  /// Bytes of buffers: 160 datagrams of the maximal size, or all of the above with fragments of a page each.
  static let byteLimit: UInt64 = 16 << 20
  /// The shortest time between two searches for what is too old, in nanoseconds.
  static let searchInterval: UInt64 = 1_000_000_000

  private var table = Table<FragmentKey, Datagram>()
  /// When datagrams are given up.
  private var timers = ClockTimers()

  /// Holds nothing.
  init() {}

  init(opening _: Void) throws(Errno) {
    table = try Table(
      opening: "ip.reassembly", maxEntries: Self.limit, flags: TABLE_HOLDS_MBUFS,
      format: """
        source:ipv4 destination:ipv4 clock:u32 identification:u16 vlan:u16 protocol:u8 -:3 = -:8 bytes:u32 fragments:u32 \
        created:time -:8 end:u32 reach:u32 blocks:u32 congestion:u32 -:344
        """)
    timers = try ClockTimers(opening: "ip.timers") { unsafe reassembly.giveUp(UInt32(truncatingIfNeeded: $0)) }
  }

  /// Takes a fragment with a right header; the whole datagram when it was the last one missing.
  func add(_ fragment: consuming Packet, _ header: IPHeader) -> Packet? {
    let payload = header.totalLength &- header.length
    // Of a fragment that was not captured whole, the rest won't come. One in the middle is of whole blocks of 8 bytes
    // (RFC 791, section 3.1), and none is empty.
    guard fragment.count >= header.totalLength, payload > 0, !header.moreFragments || payload % 8 == 0 else {
      unsafe counters.fragdropped.add()
      return nil
    }
    var placing = Placing(fragment: fragment, header: header)
    guard let chain = unsafe place(&placing) else { return nil }
    return unsafe Packet(adopting: chain, arrivedWith: placing.fragment.release())
  }

  /// Puts the fragment into its datagram; the datagram's chain when it is complete.
  private func place(_ placing: inout Placing) -> UnsafeMutablePointer<mbuf>? {
    let key = FragmentKey(placing.fragment, placing.header)
    let vnet = placing.fragment.vnet
    // Again after a datagram was too old, or after room was made; each time one entry fewer is in the way.
    for _ in 0..<4 {
      placing.step = .full
      let found = table.update(key, vnet: vnet, with: &placing)
      if placing.hasBegun { timers.arm(key.clock, after: Self.lifetime &+ 1) }
      if !found && !evict(vnet: vnet) { break }

      switch placing.step {
      case .full: continue
      case .dead(let fragments, let beginning):
        unsafe counters.fragtimeout.add(UInt64(fragments))
        if let beginning = unsafe beginning { unsafe Overdue.tell(Packet(adopting: beginning)) }
      case .complete(let chain): return unsafe chain
      case .refused: return unsafe countDrop()
      case .contradiction(let fragments): return unsafe countDrop(and: fragments)
      case .held:
        // Other threads may add as fast as this one makes room: then they make room too.
        var rounds = 0
        while rounds < 64, table.heldBytes(vnet: vnet) > Self.byteLimit, evict(vnet: vnet) { rounds &+= 1 }
        return nil
      }
    }
    return unsafe countDrop()
  }

  /// Counts this fragment, and others that were held, as dropped.
  private func countDrop(and held: UInt32 = 0) -> UnsafeMutablePointer<mbuf>? {
    unsafe counters.fragdropped.add(UInt64(held) &+ 1)
    return nil
  }

  /// Drops the datagram that was begun first. False when there is none.
  private func evict(vnet: UInt32) -> Bool {
    var eviction = Eviction()
    let found = table.evictOldest(vnet: vnet, with: &eviction)
    if found { unsafe counters.fragdropped.add(UInt64(eviction.fragments)) }
    return found
  }

  // MARK: Time

  /// Drops what is too old by a clock, and comes again for what is left. [handler]
  fileprivate func giveUp(_ clock: UInt32) {
    let now = callout_time(clock)
    var fragments: UInt64 = 0
    var rest: UInt64?
    var overdue = Overdue()
    for vnet in 0..<UInt32(NETISR_MAXVNET) where table.count(vnet: vnet) > 0 {
      table.sweep(vnet: vnet) { key, datagram in
        guard key.clock == clock else { return .keep }
        guard datagram.isDead(at: now) else {
          let age = now > datagram.created ? now &- datagram.created : 0
          rest = min(rest ?? .max, Self.lifetime &- age &+ 1)
          return .keep
        }
        fragments &+= UInt64(datagram.fragments)
        overdue.add(datagram)
        return .remove
      }
    }
    unsafe counters.fragtimeout.add(fragments)
    while let beginning = unsafe overdue.takeFirst() { unsafe Overdue.tell(Packet(adopting: beginning)) }
    if let rest { timers.arm(clock, after: max(rest, Self.searchInterval)) }
  }
}

/// A fragment on its way into the table.
private struct Placing: ~Copyable, TableVisitor {
  let fragment: Packet
  let header: IPHeader
  var step = Datagram.Step.full
  /// It is the first one of its datagram.
  var hasBegun = false

  mutating func visit(_ datagram: inout Datagram, isNew: Bool) -> TableVerdict {
    let now = fragment.timestamp
    hasBegun = isNew
    if isNew {
      datagram.created = now
    } else if datagram.isDead(at: now) {
      unsafe step = .dead(datagram.fragments, datagram.beginning())
      return .remove
    }
    step = datagram.add(fragment, header)
    return step.verdict(of: datagram)
  }
}

/// How many fragments go with a datagram.
private struct Eviction: TableVisitor {
  var fragments: UInt32 = 0

  mutating func visit(_ datagram: inout Datagram, isNew: Bool) -> TableVerdict {
    fragments = datagram.fragments
    return .remove
  }
}

extension Packet {
  /// A datagram put together: it came in where, when and how its last fragment did, which is used up.
  fileprivate init(adopting chain: UnsafeMutablePointer<mbuf>, arrivedWith last: UnsafeMutablePointer<mbuf>) {
    let count = unsafe chain.pointee.m_pkthdr.len
    unsafe chain.pointee.m_pkthdr = last.pointee.m_pkthdr
    unsafe chain.pointee.m_pkthdr.len = count
    unsafe chain.pointee.m_pkthdr.wirelen = UInt32(truncatingIfNeeded: count)
    // What the interface found out was about the fragment.
    unsafe chain.pointee.m_pkthdr.csum_flags = 0
    unsafe chain.pointee.m_pkthdr.csum_data = 0
    unsafe chain.pointee.m_flags |= last.pointee.m_flags & (M_BCAST | M_MCAST | M_PROMISC | M_VLANTAG | manyFlag)
    unsafe m_freem(last)
    unsafe self.init(adopting: chain)
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var reassembly = Reassembly()
