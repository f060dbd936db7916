import NetISRPlugin

/// A datagram of which fragments are missing: the value of "ip.reassembly". Every byte is a field.
///
/// The payload lies in pages of `Page.size` bytes, made when the first fragment comes that has bytes there; the header is
/// that of the first fragment, in an mbuf of its own. All of them are also linked by m_next, so that the host can free them
/// with the entry.
///
/// Invariant: a pointer is nil or to an mbuf of the chain; who looks at a value holds its entry's lock.
@safe
struct Datagram: BitwiseCopyable {
  /// The most pages that a datagram can have: 65,515 bytes of payload.
  static let pageLimit = 43

  // struct table_held.
  private var chain: UnsafeMutablePointer<mbuf>?
  private var bytes: UInt32
  /// Fragments held.
  private(set) var fragments: UInt32

  /// When its first fragment came.
  var created: UInt64
  /// The header, once the first fragment is there.
  private var header: UnsafeMutablePointer<mbuf>?
  /// Bytes of the whole payload, once the last fragment is there; else 0.
  private var end: UInt32
  /// Where the payload that is there ends.
  private var reach: UInt32
  /// Blocks of eight bytes that are there.
  private var blocks: UInt32
  /// A bit for each value that a fragment's ECN field had.
  private var congestion: UInt32
  private var pages: InlineArray<43, UnsafeMutablePointer<mbuf>?>

  /// What became of a fragment.
  @safe
  enum Step {
    /// The table is full.
    case full
    /// The entry was too old; it held so many fragments. With what its sender is to be told of, if anything.
    case dead(UInt32, UnsafeMutablePointer<mbuf>?)
    /// It is held.
    case held
    /// It was the last one missing.
    case complete(UnsafeMutablePointer<mbuf>)
    /// It is not held: it brought nothing new, or there is no memory.
    case refused
    /// It can't be of the same datagram as what was held, so many fragments.
    case contradiction(UInt32)

    /// What becomes of the entry, now that its value is `datagram`.
    func verdict(of datagram: Datagram) -> TableVerdict {
      switch self {
      case .held: .keep
      case .refused: datagram.fragments == 0 ? .remove : .keep
      case .full, .dead, .complete, .contradiction: .remove
      }
    }
  }

  /// Whether the rest is no longer waited for. Packets are not always in order: one from before the first fragment is as
  /// young as it.
  func isDead(at now: UInt64) -> Bool {
    now > created && now &- created > Reassembly.lifetime
  }

  /// What is there of the datagram's beginning, for telling its sender that the rest did not come: header and payload up to
  /// the first gap, at most what an ICMP error quotes. Nil without the first fragment, or without memory, and where
  /// nothing is answered.
  func beginning() -> UnsafeMutablePointer<mbuf>? {
    guard let header = unsafe header, let page = unsafe pages[0],
      let interface = unsafe header.pointee.m_pkthdr.rcvif, unsafe ifnet_flags(interface) & UInt32(IFNET_MONITOR) == 0,
      var copy = Packet.make()
    else { return nil }
    let count = unsafe min(Page(page).countFromStart, Int(reach), 548)
    // In bounds: the header mbuf has m_len bytes, and the page, which is none that a packet ends in yet, 1,536.
    let front = unsafe RawSpan(
      _unsafeStart: UnsafeRawPointer(header.pointee.m_data), byteCount: Int(header.pointee.m_len))
    let payload = unsafe RawSpan(_unsafeStart: UnsafeRawPointer(page.pointee.m_data), byteCount: count)
    guard copy.append(front), copy.append(payload) else { return nil }
    let made = unsafe copy.release()
    unsafe made.pointee.m_pkthdr.rcvif = interface
    unsafe made.pointee.m_flags |= header.pointee.m_flags & (M_BCAST | M_MCAST | manyFlag)
    return unsafe made
  }

  /// Takes what is new in a fragment. The caller has checked that its payload is not empty, all there, and of whole blocks
  /// unless it is the last one.
  mutating func add(_ fragment: borrowing Packet, _ header: IPHeader) -> Step {
    let start = header.fragmentOffset
    let stop = start &+ (header.totalLength &- header.length)
    // Beyond what a total length can say; with it, all page numbers below are in range.
    guard stop &+ header.length <= IPHeader.maximumPacket, agrees(stop: stop, isLast: !header.moreFragments) else {
      return .contradiction(fragments)
    }
    guard makePages(from: start, to: stop), start > 0 || makeHeader(of: fragment, header) else { return .refused }

    let new = fill(from: start, to: stop, with: fragment, at: header.length)
    if new < (stop &- start &+ 7) / 8 { unsafe counters.fragoverlap.add() }
    guard new > 0 else { return .refused }
    fragments &+= 1
    blocks &+= UInt32(truncatingIfNeeded: new)
    congestion |= 1 << header.ecn
    reach = max(reach, UInt32(truncatingIfNeeded: stop))
    if !header.moreFragments { end = UInt32(truncatingIfNeeded: stop) }

    guard end > 0, blocks == (end &+ 7) / 8 else { return .held }
    guard let whole = unsafe assembled() else { return .contradiction(fragments &- 1) }
    return unsafe .complete(whole)
  }

  /// Whether a fragment up to `stop` can be of this datagram: it has one end, and nothing behind it.
  private func agrees(stop: Int, isLast: Bool) -> Bool {
    let stop = UInt32(truncatingIfNeeded: stop)
    if isLast { return end == 0 ? stop > reach : stop == end }
    return end == 0 || stop < end
  }

  // MARK: Memory

  /// Makes the pages for a range that are not there yet; false without memory.
  private mutating func makePages(from start: Int, to stop: Int) -> Bool {
    // stop is at most 65,515 and more than start: pages 0 to 42.
    for number in start / Page.size...(stop &- 1) / Page.size where unsafe pages[number] == nil {
      guard let page = unsafe m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR)) else { return false }
      unsafe pages[number] = page
      unsafe hold(page, bytes: UInt32(MSIZE + MCLBYTES))
    }
    return true
  }

  /// Keeps the first fragment's header; false without memory.
  private mutating func makeHeader(of fragment: borrowing Packet, _ parsed: IPHeader) -> Bool {
    if unsafe header != nil { return true }
    guard let made = unsafe m_gethdr(M_NOWAIT, MT_DATA) else { return false }
    // Behind room for another header in front; 64 + 60 bytes fit into MLEN.
    unsafe made.pointee.m_data += 64
    unsafe made.pointee.m_len = Int32(truncatingIfNeeded: parsed.length)
    var span = unsafe MutableRawSpan(_unsafeStart: made.pointee.m_data, byteCount: parsed.length)
    _ = fragment.copyBytes(from: 0, to: &span)
    // Who may have to be told that the rest did not come, and whether.
    unsafe made.pointee.m_pkthdr.len = Int32(truncatingIfNeeded: parsed.length)
    unsafe made.pointee.m_flags |= fragment.flags & (M_BCAST | M_MCAST | manyFlag)
    var kept = unsafe Packet(adopting: made)
    kept.setArrival(of: fragment)
    unsafe header = kept.release()
    unsafe hold(made, bytes: UInt32(MSIZE))
    return true
  }

  /// Puts an mbuf into the chain that the host frees with the entry.
  private mutating func hold(_ m: UnsafeMutablePointer<mbuf>, bytes count: UInt32) {
    unsafe m.pointee.m_next = chain
    unsafe chain = m
    bytes &+= count
  }

  // MARK: Payload

  /// Copies a range of the payload, which begins at `offset` of the packet; how many blocks of it were new.
  private func fill(from start: Int, to stop: Int, with fragment: borrowing Packet, at offset: Int) -> Int {
    var new = 0
    var position = start
    while position < stop {
      let number = position / Page.size
      let inPage = position % Page.size
      let count = min(Page.size &- inPage, stop &- position)
      // Always there: `makePages`.
      guard let page = unsafe pages[number] else { break }
      unsafe new &+= Page(page).fill(at: inPage, count: count, from: fragment, at: offset &+ (position &- start))
      position &+= count
    }
    return new
  }

  // MARK: Completion

  /// The datagram as one packet, which no longer belongs to the entry; nil when it can't be one after all.
  private mutating func assembled() -> UnsafeMutablePointer<mbuf>? {
    guard let head = unsafe header else { return nil }
    let headerLength = unsafe Int(head.pointee.m_len)
    let total = headerLength &+ Int(end)
    // The first fragment's options may be more than the others'.
    guard total <= IPHeader.maximumPacket, let mark = congestionMark else { return nil }

    var last = unsafe head
    var left = Int(end)
    var number = 0
    while left > 0, number < Self.pageLimit, let page = unsafe pages[number] {
      unsafe page.pointee.m_flags &= ~M_PKTHDR
      unsafe page.pointee.m_len = Int32(truncatingIfNeeded: min(left, Page.size))
      unsafe last.pointee.m_next = page
      unsafe last = page
      left &-= Page.size
      number &+= 1
    }
    unsafe last.pointee.m_next = nil
    unsafe head.pointee.m_pkthdr.len = Int32(truncatingIfNeeded: total)
    var span = unsafe MutableRawSpan(_unsafeStart: head.pointee.m_data, byteCount: headerLength)
    Self.finish(&span, total: total, mark: mark)
    unsafe chain = nil
    return unsafe head
  }

  /// Makes the first fragment's header the datagram's. It has 20 bytes at least.
  private static func finish(_ header: inout MutableRawSpan, total: Int, mark: UInt8) {
    header.setU8(1, header.bytes.u8(1) & 0xfc | mark)
    header.setU16(2, UInt16(truncatingIfNeeded: total))
    header.setU16(6, 0)
    header.setU16(10, 0)
    var checksum = InternetChecksum()
    checksum.add(header.bytes)
    header.setU16(10, checksum.value)
  }

  /// The ECN field of the whole (RFC 3168, section 5.3): congestion experienced if any fragment has; nil when another
  /// says that its sender does not understand it, and the datagram is to be dropped.
  private var congestionMark: UInt8? {
    let (notCapable, experienced): (UInt32, UInt32) = (1 << 0, 1 << 3)
    if congestion & experienced != 0 { return congestion & notCapable != 0 ? nil : 3 }
    if congestion & notCapable != 0 { return 0 }
    return congestion & 1 << 1 != 0 ? 1 : 2
  }
}
