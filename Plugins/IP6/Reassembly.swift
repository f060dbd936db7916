import NetISRPlugin

/// Putting fragments together (RFC 8200, section 4.5).
///
/// The state is in the host's table `ip6.reassembly`, one entry per datagram, so that a swap of this plugin loses
/// nothing. The entry is locked while a fragment is put in; fragments of different datagrams do not wait for each other.
/// `Datagram` says what an entry holds, and which fragments it refuses.
///
/// Time is the packets' own. A datagram that is too old is given up by a timer, within a second of its clock, or at once when
/// a fragment of it comes.
enum ReassemblyLimit {
  /// Datagrams that wait, per vnet. The oldest goes when another one comes.
  static let datagrams: UInt32 = 4096
  /// Bytes of memory that they occupy, per vnet: about 220 datagrams of full length.
  static let bytes: UInt64 = 16 << 20
  /// Nanoseconds from the first fragment to arrive until a datagram is given up.
  static let timeout: UInt64 = 60_000_000_000
  /// The shortest time between two searches for what is too old.
  static let searchInterval: UInt64 = 1_000_000_000
  /// The longest payload that a header can tell.
  static let payload = 65_535
}

/// Which fragments belong together: addresses and identification, not the next header. And the clock, since times of
/// different clocks can't be compared, and the interface where addresses mean nothing without it.
struct DatagramKey: BitwiseCopyable {
  var source: IP6AddressBytes
  var destination: IP6AddressBytes
  var identification: UInt32
  var clock: UInt32
  var zone: UInt32
}

/// What the headers of a datagram say that is whole now.
struct Reassembled {
  var headerLength: Int
  var payloadLength: Int
  var nextHeader: UInt8
  var nextHeaderOffset: Int
  var hopLimit: UInt8
}

/// A packet together with what is known of it.
struct WholeDatagram: ~Copyable {
  private let packet: Packet
  let description: Reassembled

  init(_ packet: consuming Packet, _ description: Reassembled) {
    self.packet = packet
    self.description = description
  }

  consuming func take() -> Packet { packet }
}

/// Puts a fragment to the others of its datagram. The datagram when it is whole now; else the fragment is kept, or
/// dropped and counted.
func reassemble(
  _ packet: consuming Packet, _ header: FragmentHeader, _ chain: HeaderChain
) -> WholeDatagram? {
  let fragment: Fragment
  do throws(DropReason) {
    fragment = try Fragment(packet, header, chain)
  } catch {
    error.count()
    tellSender(error, of: packet, chain)
    return nil
  }
  let vnet = packet.vnet
  let now = packet.moment
  let isScoped = chain.source.isLinkScoped || chain.destination.isLinkScoped
  let key = DatagramKey(
    source: chain.source.wire, destination: chain.destination.wire, identification: header.identification,
    clock: now.clock, zone: isScoped ? packet.interface?.index ?? 0 : 0)
  makeRoom(vnet: vnet)

  // From here the chain travels as a pointer: what is done with it is decided under the entry's lock.
  var visit = unsafe FragmentVisit(fragment, packet.release(), now)
  if unsafe !tables.reassembly.update(key, vnet: vnet, with: &visit) {
    // The table is full: the oldest datagram goes. Should others take its place first, this fragment is lost.
    evictOldest(vnet: vnet)
    _ = unsafe tables.reassembly.update(key, vnet: vnet, with: &visit)
  }
  if visit.hasBegun { unsafe tables.timers.arm(now.clock, after: ReassemblyLimit.timeout) }
  return visit.finish()
}

/// RFC 8200, section 4.5: of lengths and ends that can't be, by the fields that say so.
private func tellSender(_ reason: DropReason, of packet: consuming Packet, _ chain: HeaderChain) {
  let field: Int
  switch reason {
  case .fragmentLength: field = IP6Header.payloadLengthOffset
  case .fragmentEnd: field = chain.offset &+ 2
  default: return
  }
  ICMP6Error.problem(HeaderProblem(HeaderProblem.field, at: field)).send(about: packet)
}

/// One fragment's visit to its datagram.
@safe
private struct FragmentVisit: TableVisitor {
  private let fragment: Fragment
  private let packet: UnsafeMutablePointer<mbuf>
  private let now: Moment
  private var outcome = Datagram.Outcome.noRoom
  /// The whole datagram, when it came out of the table.
  private var whole: UnsafeMutablePointer<mbuf>?
  /// Fragments of a datagram that was given up because its minute was over.
  private var expired: UInt32 = 0
  /// It is the first one of its datagram.
  private(set) var hasBegun = false

  /// Takes the packet over.
  init(_ fragment: Fragment, _ packet: UnsafeMutablePointer<mbuf>, _ now: Moment) {
    self.fragment = fragment
    unsafe self.packet = packet
    self.now = now
    unsafe whole = nil
  }

  /// With the entry locked.
  mutating func visit(_ datagram: inout Datagram, isNew: Bool) -> TableVerdict {
    hasBegun = isNew
    if isNew {
      datagram = Datagram(started: now)
    } else if datagram.isExpired(at: now) {
      expired = datagram.clear()
      datagram = Datagram(started: now)
    }
    unsafe outcome = datagram.add(fragment, from: packet)
    if case .complete = outcome {
      unsafe whole = datagram.take(timing: packet)
      return .remove
    }
    // An entry for which there was no memory at all would only be in the way.
    return datagram.isEmpty ? .remove : .keep
  }

  /// Without any lock: counts, frees the fragment, and gives out the datagram if it is whole.
  consuming func finish() -> WholeDatagram? {
    unsafe m_freem(packet)
    if expired > 0 { unsafe counters.fragtimeout.add(UInt64(expired)) }
    switch outcome {
    case .kept:
      return nil
    case .dropped(let fragments):
      unsafe counters.fragdropped.add(UInt64(fragments))
      return nil
    case .noRoom:
      unsafe counters.fragoverflow.add()
      return nil
    case .complete(let description):
      guard let chain = unsafe whole else { return nil }
      unsafe counters.reassembled.add()
      return unsafe WholeDatagram(Packet(adopting: chain), description)
    }
  }
}

/// Gives datagrams up whose minute is over by a clock, and comes again for those that are left. [handler]
func giveUpExpired(_ clock: UInt32) {
  let now = Moment.now(of: clock)
  var sweep = ExpirySweep(now: now)
  for vnet in 0..<UInt32(NETISR_MAXVNET) where unsafe tables.reassembly.count(vnet: vnet) > 0 {
    unsafe tables.reassembly.sweep(vnet: vnet) { key, datagram in sweep.visit(key, &datagram) }
    sweep.tellSenders()
  }
  if sweep.fragments > 0 { unsafe counters.fragtimeout.add(sweep.fragments) }
  if let rest = sweep.rest { unsafe tables.timers.arm(clock, after: max(rest, ReassemblyLimit.searchInterval)) }
}

/// Removes what is too old.
@safe
private struct ExpirySweep {
  let now: Moment
  var fragments: UInt64 = 0
  /// Nanoseconds until the next one is; nil when none of this clock is left.
  var rest: UInt64?
  /// First fragments, of which the senders are told when no entry is locked; of more in a sweep they are not.
  private var told: InlineArray<16, UnsafeMutablePointer<mbuf>?>
  private var toldCount = 0

  init(now: Moment) {
    self.now = now
    unsafe told = InlineArray(repeating: nil)
  }

  mutating func visit(_ key: DatagramKey, _ datagram: inout Datagram) -> TableVerdict {
    guard let age = now.elapsed(since: Moment(clock: datagram.clock, time: datagram.started)) else { return .keep }
    guard datagram.isExpired(at: now) else {
      // Not expired: younger.
      let rest = ReassemblyLimit.timeout &- age
      self.rest = min(self.rest ?? rest, rest)
      return .keep
    }
    if unsafe toldCount < told.count, let first = unsafe datagram.firstFragment(identification: key.identification) {
      unsafe told[toldCount] = first
      toldCount &+= 1
    }
    fragments &+= UInt64(datagram.clear())
    return .remove
  }

  /// RFC 4443, section 3.3.
  mutating func tellSenders() {
    for index in 0..<toldCount {
      guard let first = unsafe told[index] else { continue }
      unsafe ICMP6Error.reassemblyTimeExceeded.send(about: Packet(adopting: first))
    }
    toldCount = 0
  }
}

/// Keeps the memory of all datagrams in its bound.
private func makeRoom(vnet: UInt32) {
  // Each step makes one datagram less; others may add meanwhile, and then do the same.
  var steps = 0
  while unsafe tables.reassembly.heldBytes(vnet: vnet) > ReassemblyLimit.bytes, steps < 16 {
    evictOldest(vnet: vnet)
    steps &+= 1
  }
}

/// Gives the datagram up that began first.
private func evictOldest(vnet: UInt32) {
  var eviction = Eviction()
  _ = unsafe tables.reassembly.evictOldest(vnet: vnet, with: &eviction)
  if eviction.fragments > 0 { unsafe counters.fragoverflow.add(eviction.fragments) }
}

private struct Eviction: TableVisitor {
  var fragments: UInt64 = 0

  mutating func visit(_ datagram: inout Datagram, isNew: Bool) -> TableVerdict {
    fragments = UInt64(datagram.clear())
    return .remove
  }
}
